"""Pure. The keys of a service about what portweave starts: command, variables, dependencies."""

from portweave.procfiles.fields import (
    EXTENSIONS,
    NONBLANK,
    Draft,
    Key,
    Schema,
    absolute,
    alternatives,
    boolean_of,
    known_and_others,
    missing_or_wrong,
    nonblank_text_of,
    refuse_others,
    text_of,
    wrong_type,
)
from portweave.procfiles.issues import Issues, nearest
from portweave.procfiles.model import Dependency, EnvFile
from portweave.procfiles.tree import Keys, Number, Value

_CONDITIONS = ("started", "ready", "completed")
_ENV_FILE_NAMES = ("path", "required")


def command_of(value: Value, keys: Keys, issues: Issues) -> str | tuple[str, ...] | None:
    """A command: text for a shell, or a list of words; None, and an issue, for any other value."""
    if not isinstance(value, list):
        if isinstance(value, str):
            return nonblank_text_of(value, keys, issues)
        issues.add(keys, wrong_type("string or array", value))
        return None
    if not value:
        issues.add(keys, f"{keys[-1]} must not be empty")
        return None
    parts: list[str] = []
    for index, item in enumerate(value):
        if isinstance(item, Number):
            parts.append(item.text)
            continue
        # Arguments may be empty; the program may not.
        read = nonblank_text_of if index == 0 else text_of
        text = read(item, (*keys, index), issues)
        if text is not None:
            parts.append(text)
    return tuple(parts)


def _command(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.command = command_of(value, keys, issues)


def _working_dir(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    path = nonblank_text_of(value, keys, issues)
    if path is not None:
        draft.service.working_dir = absolute(draft.folder, path)


def _environment(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.environment = environment_of(value, keys, issues)


def environment_of(value: Value, keys: Keys, issues: Issues) -> tuple[tuple[str, str | None], ...]:
    """Variables as (name, template) pairs: a map, or a list of `KEY=value` and `KEY`."""
    pairs: dict[str, str | None] = {}
    if isinstance(value, dict):
        for name, member in value.items():
            if name.startswith("x-"):
                continue
            if _is_settable(name, (*keys, name), issues):
                pairs[name] = _variable(member, (*keys, name), issues)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            hint = "write KEY=value" if isinstance(item, dict) else ""
            text = text_of(item, (*keys, index), issues, hint)
            if text is None:
                continue
            name, equals, rest = text.partition("=")
            if name in pairs:
                issues.add((*keys, index), f'the variable "{name}" is there twice')
            elif _is_settable(name, (*keys, index), issues):
                pairs[name] = rest if equals else None
    else:
        issues.add(keys, wrong_type("object or array", value))
    return tuple(pairs.items())


def _is_settable(name: str, keys: Keys, issues: Issues) -> bool:
    if name and "=" not in name and not any(letter.isspace() for letter in name):
        return True
    issues.add(keys, "not a name of a variable", "it has no blanks and no = in it")
    return False


def _variable(value: Value, keys: Keys, issues: Issues) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Number):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    hint = ""
    if value is None:
        hint = 'write "" for an empty value; - KEY in a list passes the inherited one on'
    issues.add(keys, wrong_type("string, number or boolean", value), hint)
    return ""


def env_files(value: Value, keys: Keys, issues: Issues, folder: str) -> tuple[EnvFile, ...]:
    """Files of variables: a path, an object, or a list of these.

    Args:
        value: The value.
        keys: Its path.
        issues: Gets what is wrong.
        folder: The folder that paths are relative to.
    """
    many = isinstance(value, list)
    files: list[EnvFile] = []
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        item_keys = (*keys, index) if many else keys
        required = True
        path = None
        if isinstance(item, str):
            path = nonblank_text_of(item, item_keys, issues)
        elif isinstance(item, dict):
            known, others = known_and_others(item, _ENV_FILE_NAMES)
            if "path" in known:
                path = nonblank_text_of(known["path"], (*item_keys, "path"), issues)
            else:
                issues.add((*item_keys, "path"), missing_or_wrong("string", known, "path"))
            required = boolean_of(known.get("required", True), (*item_keys, "required"), issues)
            refuse_others(item_keys, others, _ENV_FILE_NAMES, "FOREIGN_ENV_FILE", issues)
        else:
            expected = "string or object" if many else "string, array or object"
            issues.add(item_keys, wrong_type(expected, item))
        if path is not None:
            files.append(EnvFile(absolute(folder, path), required=required))
    return tuple(files)


def _env_file(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    draft.service.env_files = env_files(value, keys, issues, draft.folder)


def _depends_on(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    found: dict[str, Dependency] = {}
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = nonblank_text_of(item, (*keys, index), issues)
            if name in found:
                issues.add((*keys, index), f'"{name}" is there twice')
            elif name is not None:
                found[name] = Dependency(name, "ready")
    elif isinstance(value, dict):
        for name, condition in value.items():
            if name.startswith("x-"):
                continue
            if condition in _CONDITIONS:
                found[name] = Dependency(name, str(condition))
            else:
                _refuse_condition(condition, (*keys, name), issues)
    else:
        hint = f"did you mean [{value}]?" if isinstance(value, str) else ""
        issues.add(keys, wrong_type("array or object", value), hint)
    draft.service.depends_on = tuple(found.values())


def _refuse_condition(condition: Value, keys: Keys, issues: Issues) -> None:
    from portweave.procfiles.foreign import FOREIGN_CONDITIONS

    asked = condition
    if isinstance(condition, dict):
        asked = condition.get("condition", "service_started")
    meant = None
    if isinstance(asked, str):
        meant = FOREIGN_CONDITIONS.get(asked)
        if isinstance(condition, dict) and asked in _CONDITIONS:
            meant = asked
        meant = meant or nearest(asked, _CONDITIONS)
    hint = f"did you mean {keys[-1]}: {meant}?" if meant else ""
    issues.add(keys, f"must be {alternatives(_CONDITIONS)}", hint)


# What `#/$defs/command` and `#/$defs/envFiles` stand for.
COMMAND: Schema = {
    "oneOf": [
        NONBLANK,
        {
            "type": "array",
            "minItems": 1,
            "prefixItems": [{"anyOf": [NONBLANK, {"type": "number"}]}],
            "items": {"type": ["string", "number"]},
        },
    ]
}
_ENV_FILE: Schema = {
    "anyOf": [
        NONBLANK,
        {
            "type": "object",
            "properties": {"path": NONBLANK, "required": {"type": "boolean"}},
            "patternProperties": EXTENSIONS,
            "additionalProperties": False,
            "required": ["path"],
        },
    ]
}
ENV_FILES: Schema = {"anyOf": [_ENV_FILE, {"type": "array", "items": _ENV_FILE}]}
ENVIRONMENT: Schema = {
    "oneOf": [
        {
            "type": "object",
            "propertyNames": {"pattern": r"^[^=\s]+$"},
            "patternProperties": EXTENSIONS,
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        {
            "type": "array",
            "items": {"type": "string", "pattern": r"^[^=\s]+(=[\s\S]*)?$"},
        },
    ]
}

KEYS = (
    Key(
        "command",
        _command,
        {"$ref": "#/$defs/command"},
        "What portweave starts: text for `/bin/sh -c`, or a list of words that it executes as it"
        " is. Portweave does not interpolate it.",
    ),
    Key(
        "workingDir",
        _working_dir,
        NONBLANK,
        "Relative to the definition file; by default the folder of that file.",
    ),
    Key(
        "environment",
        _environment,
        ENVIRONMENT,
        "Variables of this service alone: a map, or a list of `KEY=value`; `KEY` alone passes the"
        " inherited value on. `${service}` is a port, `${namespace}` the worktree's name, `$$` is"
        " `$`.",
    ),
    Key(
        "envFile",
        _env_file,
        {"$ref": "#/$defs/envFiles"},
        "One or more files of variables; later ones win.",
    ),
    Key(
        "dependsOn",
        _depends_on,
        {
            "oneOf": [
                {"type": "array", "items": NONBLANK, "uniqueItems": True},
                {
                    "type": "object",
                    "patternProperties": EXTENSIONS,
                    "additionalProperties": {"enum": list(_CONDITIONS)},
                },
            ]
        },
        "Services that must be up first: names, or a map of name to `started`, `ready` (the"
        " default) or `completed` (the default for a `oneshot`).",
    ),
)
