"""Pure. The keys `hooks` and `worktree` at the top of a definition file."""

from portweave.procfiles.fields import (
    NONBLANK,
    Key,
    Schema,
    absolute,
    known_and_others,
    names,
    nonblank_text_of,
    refuse_others,
    texts_of,
    wrong_type,
)
from portweave.procfiles.issues import Issues
from portweave.procfiles.model import Hook, WorktreeFiles
from portweave.procfiles.ready_keys import seconds_of
from portweave.procfiles.start_keys import ENVIRONMENT, environment_of
from portweave.procfiles.tree import Document, Keys, Value

COMMANDS: Schema = {"anyOf": [NONBLANK, {"type": "array", "items": NONBLANK, "minItems": 1}]}
_TEXTS: Schema = {"type": "array", "items": NONBLANK}
# A path that does not lead out of the root.
_PATH: Schema = {
    "type": "string",
    "pattern": r"^(?!/)(?![\s\S]*(^|/)\.\.(/|$))(?=[\s\S]*[^./])(?=[\s\S]*\S)",
}
_PATHS: Schema = {"type": "array", "items": _PATH}


def read_hooks(
    value: Value, keys: Keys, issues: Issues, document: Document, folder: str
) -> tuple[Hook, ...]:
    """Read the value of `hooks`.

    Args:
        value: The value.
        keys: Its path.
        issues: Gets what is wrong.
        document: The document, for the places of the hooks.
        folder: The folder of the document; commands run there by default.
    """
    if not isinstance(value, dict):
        hint = "as hooks: {setup: npm ci}" if isinstance(value, (str, list)) else ""
        issues.add(keys, wrong_type("object", value), hint)
        return ()
    known, others = known_and_others(value, _HOOKS_NAMES)
    hooks: list[Hook] = []
    for key in HOOKS:
        if key.name in known:
            place = (*keys, key.name)
            hook = Hook(key.name, document.origin(place), folder)
            key.read(known[key.name], place, issues, hook)
            hooks.append(hook)
    refuse_others(keys, others, _HOOKS_NAMES, "FOREIGN_HOOKS", issues)
    return tuple(hooks)


def _hook(value: Value, keys: Keys, issues: Issues, hook: Hook) -> None:
    if not isinstance(value, dict):
        _command(value, keys, issues, hook)
        return
    table = {"setup": SETUP, "teardown": TEARDOWN}.get(hook.name, HOOK)
    table_names = names(table)
    known, others = known_and_others(value, table_names)
    for key in table:
        if key.name in known:
            key.read(known[key.name], (*keys, key.name), issues, hook)
    if "command" not in known:
        issues.add((*keys, "command"), "a hook must have a command")
    refuse_others(keys, others, table_names, "FOREIGN_SERVICE", issues)


def _command(value: Value, keys: Keys, issues: Issues, hook: Hook) -> None:
    if isinstance(value, str):
        text = nonblank_text_of(value, keys, issues)
        hook.commands = () if text is None else (text,)
    elif isinstance(value, list):
        hook.commands = texts_of(value, keys, issues)
        if not value:
            issues.add(keys, f"{keys[-1]} must not be empty")
    else:
        issues.add(keys, wrong_type("string or array", value))


def _inputs(value: Value, keys: Keys, issues: Issues, hook: Hook) -> None:
    hook.inputs = _inside(value, keys, issues)


def _files(value: Value, keys: Keys, issues: Issues, hook: Hook) -> None:
    hook.files = _inside(value, keys, issues)


def _timeout(value: Value, keys: Keys, issues: Issues, hook: Hook) -> None:
    hook.timeout_s = seconds_of(value, keys, issues)


def _environment(value: Value, keys: Keys, issues: Issues, hook: Hook) -> None:
    hook.environment = environment_of(value, keys, issues)


def _working_dir(value: Value, keys: Keys, issues: Issues, hook: Hook) -> None:
    path = nonblank_text_of(value, keys, issues)
    if path is not None:
        hook.working_dir = absolute(hook.working_dir, path)


def read_worktree(value: Value, keys: Keys, issues: Issues, folder: str) -> WorktreeFiles:
    """Read the value of `worktree`.

    Args:
        value: The value.
        keys: Its path.
        issues: Gets what is wrong.
        folder: The folder that `from` is relative to.
    """
    files = WorktreeFiles()
    if not isinstance(value, dict):
        hint = "as worktree: {copy: [.env]}" if isinstance(value, (str, list)) else ""
        issues.add(keys, wrong_type("object", value), hint)
        return files
    known, others = known_and_others(value, _WORKTREE_NAMES)
    for key in WORKTREE:
        if key.name in known:
            key.read(known[key.name], (*keys, key.name), issues, files)
    refuse_others(keys, others, _WORKTREE_NAMES, "FOREIGN_WORKTREE", issues)
    if files.source is not None:
        files.source = absolute(folder, files.source)
    return files


def _copy(value: Value, keys: Keys, issues: Issues, files: WorktreeFiles) -> None:
    # gitignore(5) gives a leading `!` and slashes a meaning, so patterns are not checked here.
    files.copy = texts_of(value, keys, issues)


def _link(value: Value, keys: Keys, issues: Issues, files: WorktreeFiles) -> None:
    files.link = tuple(path.rstrip("/") for path in _inside(value, keys, issues))


def _source(value: Value, keys: Keys, issues: Issues, files: WorktreeFiles) -> None:
    files.source = nonblank_text_of(value, keys, issues)


def _inside(value: Value, keys: Keys, issues: Issues) -> tuple[str, ...]:
    """A list of relative paths or globs that do not lead out of the root; an issue for others."""
    found = texts_of(value, keys, issues)
    for index, text in enumerate(found):
        if text.startswith("/") or ".." in text.split("/") or not text.strip("./"):
            message = f'"{text}" must be a path inside the worktree'
            issues.add((*keys, index), message, "relative to the worktree's root, without ..")
    return found


HOOK = (
    Key("command", _command, COMMANDS, "A command, or a list of commands that run in turn."),
    Key(
        "timeout",
        _timeout,
        {"$ref": "#/$defs/duration"},
        "How long it may take; by default `10m`.",
    ),
    Key("environment", _environment, ENVIRONMENT, "Variables, as those of a service."),
    Key("workingDir", _working_dir, NONBLANK, "The folder in which it runs."),
)
SETUP = (
    *HOOK,
    Key("inputs", _inputs, _PATHS, "Files or globs. `setup` runs again when one of them changes."),
)

TEARDOWN = (
    *HOOK,
    Key(
        "files",
        _files,
        _PATHS,
        "Files or globs that it needs: portweave keeps copies of them, at most 10 MiB.",
    ),
)
_HOOK: Schema = {"$ref": "#/$defs/hook"}
# In the order in which they run.
HOOKS = (
    Key(
        "setup",
        _hook,
        {"$ref": "#/$defs/setup"},
        "It runs once in each worktree, before the first start.",
    ),
    Key("beforeUp", _hook, _HOOK, "It runs before the services start."),
    Key("afterReady", _hook, _HOOK, "It runs when all services are ready."),
    Key("afterDown", _hook, _HOOK, "It runs after an orderly stop."),
    Key(
        "teardown",
        _hook,
        {"$ref": "#/$defs/teardown"},
        "It runs after the worktree was removed, in a copy that portweave keeps.",
    ),
)
_HOOKS_NAMES = names(HOOKS)

WORKTREE = (
    Key(
        "copy",
        _copy,
        _TEXTS,
        "Patterns as in `.gitignore`: of the files that match, portweave copies those that git"
        " ignores.",
    ),
    Key("link", _link, _PATHS, "Paths to link to the source, such as `node_modules`."),
    Key("from", _source, NONBLANK, "The worktree to take them from; by default the main one."),
)
_WORKTREE_NAMES = names(WORKTREE)
