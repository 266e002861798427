"""Pure. The first look at a document: has each key the type and the form it should have?

All problems are collected, in the order in which npm portweave looks at its keys; the messages for
these are its own. `definitions` compares keys and services with each other, later.
"""

import posixpath

from portweave.procfiles import npm_keys
from portweave.procfiles.fields import (
    EXTENSIONS,
    Draft,
    Key,
    known_and_others,
    missing_or_wrong,
    names,
    refuse_others,
    text_of,
    wrong_type,
)
from portweave.procfiles.issues import Issues
from portweave.procfiles.model import Bus, EnvFile, Hook, Service, WorktreeFiles
from portweave.procfiles.tree import Document, Keys, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_NAME_CHARACTERS = _LOWER | frozenset("0123456789-")
# The white space that npm portweave strips from a project's name.
_BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


class Shape:
    """The values of a document.

    Attributes:
        project_name: None if the document has none.
        env_files: Files of variables for all services.
        hooks: The hooks, in the order in which they run.
        worktree: What a new worktree gets from another one; None if the key is missing.
        bus: The bus that carries calls elsewhere; None if the key is missing.
        drafts: The services, in file order.
        document: The document.
        processes: Names of the processes in a Procfile beside the document.
    """

    __slots__ = (
        "bus",
        "document",
        "drafts",
        "env_files",
        "hooks",
        "processes",
        "project_name",
        "worktree",
    )

    def __init__(self, document: Document, processes: "Collection[str]") -> None:
        self.project_name: str | None = None
        self.env_files: tuple[EnvFile, ...] = ()
        self.hooks: tuple[Hook, ...] = ()
        self.worktree: WorktreeFiles | None = None
        self.bus: Bus | None = None
        self.drafts: list[Draft] = []
        self.document = document
        self.processes = processes

    @property
    def folder(self) -> str:
        """The folder of the document."""
        return posixpath.dirname(self.document.path)


def read(document: Document, issues: Issues, *, processes: "Collection[str]" = ()) -> Shape:
    """Read the values of a document.

    Args:
        document: The document.
        issues: Gets what is wrong. If there is anything, the result has no use.
        processes: Names of the processes in a Procfile beside it: these have commands, too.
    """
    shape = Shape(document, processes)
    value = document.value
    if not isinstance(value, dict):
        hint = "the file is empty" if value is None else ""
        issues.add((), wrong_type("object", value), hint)
        return shape
    known, others = known_and_others(value, _ROOT_NAMES)
    for key in ROOT:
        if key.name in known:
            key.read(known[key.name], (key.name,), issues, shape)
        elif key.name == "services" and not processes:
            issues.add(("services",), missing_or_wrong("record", known, "services"))
    refuse_others((), others, _ROOT_NAMES, "FOREIGN_ROOT", issues)
    return shape


def _schema_address(value: Value, keys: Keys, issues: Issues, shape: Shape) -> None:
    del shape
    text_of(value, keys, issues)


def _project_name(value: Value, keys: Keys, issues: Issues, shape: Shape) -> None:
    name = text_of(value, keys, issues)
    if name is None:
        if value == []:
            issues.add(keys, "Too small: expected array to have >=1 items")
        return
    name = name.strip(_BLANKS)
    if not name:
        issues.add(keys, "Too small: expected string to have >=1 characters")
    elif len(name) > 100:
        issues.add(keys, "Too big: expected string to have <=100 characters")
    shape.project_name = name


def _env_files(value: Value, keys: Keys, issues: Issues, shape: Shape) -> None:
    from portweave.procfiles.start_keys import env_files

    shape.env_files = env_files(value, keys, issues, shape.folder)
    _locate(shape.env_files, value, keys, shape.document)


def _locate(files: tuple[EnvFile, ...], value: Value, keys: Keys, document: Document) -> None:
    """Let files of variables know where a document names them, for messages."""
    for index, file in enumerate(files):
        place = (*keys, index) if isinstance(value, list) else keys
        file.definition = document.path
        file.find = lambda place=place: document.mark(place)


def _hooks(value: Value, keys: Keys, issues: Issues, shape: Shape) -> None:
    from portweave.procfiles.hook_keys import read_hooks

    shape.hooks = read_hooks(value, keys, issues, shape.document, shape.folder)


def _calls(value: Value, keys: Keys, issues: Issues, shape: Shape) -> None:
    from portweave.procfiles.calls_keys import read_calls

    shape.bus = read_calls(value, keys, issues, shape.folder)


def _worktree(value: Value, keys: Keys, issues: Issues, shape: Shape) -> None:
    from portweave.procfiles.hook_keys import read_worktree

    shape.worktree = read_worktree(value, keys, issues, shape.folder)


def _services(value: Value, keys: Keys, issues: Issues, shape: Shape) -> None:
    if not isinstance(value, dict):
        issues.add(keys, wrong_type("record", value), _instead_of_list(value))
        return
    # Without any command it is a file of npm portweave's, and its rules hold throughout.
    has_commands = bool(shape.processes) or any(
        isinstance(member, dict) and "command" in member and not name.startswith("x-")
        for name, member in value.items()
    )
    for name, member in value.items():
        service_keys = (*keys, name)
        if has_commands and name.startswith("x-"):
            continue
        # A name from the Procfile may have any form.
        if not (_is_name(name) or name in shape.processes):
            hint = "a name begins with a lower-case letter and has a-z, 0-9 and - in it"
            issues.add(service_keys, "Invalid key in record", hint)
        elif not isinstance(member, dict):
            hint = f"did you mean command: {member}?" if isinstance(member, str) else ""
            issues.add(service_keys, wrong_type("object", member), hint)
        else:
            origin = shape.document.origin(service_keys)
            draft = Draft(Service(name, origin, working_dir=shape.folder), shape.folder)
            _service(member, draft, service_keys, issues, needs_env_var=not has_commands)
            files = draft.service.env_files
            if files:
                named = member.get("envFile", member.get("env_file"))
                _locate(files, named, (*service_keys, "envFile"), shape.document)
            shape.drafts.append(draft)
    if not shape.drafts and not shape.processes and not (value and issues.found):
        issues.add(keys, "services must contain at least one entry")


def _instead_of_list(value: Value) -> str:
    """What to write instead of a list of services."""
    if not isinstance(value, list):
        return ""
    first = value[0] if value else None
    named = first.get("name") if isinstance(first, dict) else None
    name = named if isinstance(named, str) and _is_name(named) else "web"
    return f"begin each service with its name and a colon, as {name}:, and not with a dash"


def _is_name(name: str) -> bool:
    return bool(name) and name[0] in _LOWER and _NAME_CHARACTERS.issuperset(name)


def _service(
    value: dict[str, Value], draft: Draft, keys: Keys, issues: Issues, *, needs_env_var: bool
) -> None:
    table: tuple[Key, ...] = npm_keys.KEYS
    table_names = _NPM_NAMES
    known, others = known_and_others(value, table_names)
    if others:
        # Imported only here: a file of npm portweave's does not need it.
        from portweave.procfiles.definition_keys import READING_ORDER, SERVICE_NAMES

        table, table_names = READING_ORDER, SERVICE_NAMES
        known, others = known_and_others(value, table_names)
    for key in table:
        if key.name in known:
            key.read(known[key.name], (*keys, key.name), issues, draft)
        elif key.name == "envVar" and needs_env_var and known.get("port") is not False:
            hint = "the variable of its port; with a command in the file it may be left out"
            issues.add((*keys, "envVar"), missing_or_wrong("string", known, "envVar"), hint)
    refuse_others(keys, others, table_names, "FOREIGN_SERVICE", issues)


ROOT = (
    Key("$schema", _schema_address, {"type": "string"}, "Where editors find this schema."),
    Key(
        "projectName",
        _project_name,
        {"type": "string", "pattern": r"^\s*\S([\s\S]{0,98}\S)?\s*$"},
        "The name of the project; by default the name of its folder.",
    ),
    Key(
        "services",
        _services,
        {
            "type": "object",
            "patternProperties": {
                "^(?!x-)[a-z][a-z0-9-]*$": {"$ref": "#/$defs/service"},
                **EXTENSIONS,
            },
            "additionalProperties": False,
        },
        "The services by name. A Procfile beside this file adds commands, and services.",
    ),
    Key(
        "envFile",
        _env_files,
        {"$ref": "#/$defs/envFiles"},
        "Files of variables for all services; later ones win.",
    ),
    Key(
        "hooks",
        _hooks,
        {"$ref": "#/$defs/hooks"},
        "Commands at moments of the stack's life: `setup` (once in each worktree), `beforeUp`,"
        " `afterReady`, `afterDown`, and `teardown` (after the worktree was removed). Each is a"
        " command, a list of commands, or an object with `command`, `timeout`, `environment` and"
        " `workingDir`; of `setup` also `inputs`, of `teardown` also `files`.",
    ),
    Key(
        "worktree",
        _worktree,
        {"$ref": "#/$defs/worktree"},
        "What a new worktree gets from another one: `copy` (patterns as in `.gitignore`), `link`"
        " (paths), `from` (the other worktree).",
    ),
    Key(
        "calls",
        _calls,
        {"$ref": "#/$defs/calls"},
        "The bus over which stacks on several machines call each other: `bus` (the URL of a NATS"
        " server), `credentials`, `ca`, `cert`, `key` (files).",
    ),
)
_ROOT_NAMES = names(ROOT)
_NPM_NAMES = names(npm_keys.KEYS)
