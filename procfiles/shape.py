"""Pure. The first look at a document: has each key the type and the form it should have?

Everything that is wrong is collected, in the order in which npm portweave looks at its keys; the
messages for these are its own. What one key says of another is looked at later, in `definitions`.
"""

import posixpath

from portweave.procfiles import keys as words
from portweave.procfiles.fields import Draft, expected, refuse_others, take, text_of, wrong
from portweave.procfiles.issues import Issues
from portweave.procfiles.model import EnvFile, Service
from portweave.procfiles.tree import Document, Keys, Number, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from portweave.procfiles.fields import Reader

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_NAME = _LOWER | frozenset("0123456789-")
_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_VARIABLE = _UPPER | frozenset("0123456789_")
_SAFE_INTEGER = 2**53 - 1
# What npm portweave takes off the ends of a project's name.
_BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


class Shape:
    """A document as it says it.

    Attributes:
        project_name: None where nothing was said.
        env_files: Those of all services.
        drafts: The services, in file order.
    """

    __slots__ = ("drafts", "env_files", "project_name")

    def __init__(self) -> None:
        self.project_name: str | None = None
        self.env_files: tuple[EnvFile, ...] = ()
        self.drafts: list[Draft] = []


def read(document: Document, issues: Issues, *, processes: "Collection[str]" = ()) -> Shape:
    """Take a document's values.

    Args:
        document: The document.
        issues: What is wrong is added here; the result is of use only where there is nothing.
        processes: Names of those in a Procfile beside it, which has commands, too.
    """
    shape = Shape()
    value = document.value
    if not isinstance(value, dict):
        hint = "the file is empty" if value is None else ""
        issues.add((), expected("object", value), hint)
        return shape
    known, others = take(value, words.ROOT)
    folder = posixpath.dirname(document.path)
    if "$schema" in known:
        text_of(known["$schema"], ("$schema",), issues)
    if "projectName" in known:
        shape.project_name = _project_name(known["projectName"], ("projectName",), issues)
    services = known.get("services")
    if "services" in known or not processes:
        if not isinstance(services, dict):
            issues.add(("services",), wrong("record", known, "services"))
        elif not services and not processes:
            issues.add(("services",), "services must contain at least one entry")
        else:
            _services(services, shape, document, issues, processes)
    if "envFile" in known:
        from portweave.procfiles.startkeys import env_files

        shape.env_files = env_files(known["envFile"], ("envFile",), issues, folder)
    refuse_others((), others, words.ROOT, "FOREIGN_ROOT", issues)
    return shape


def _services(
    services: dict[str, Value],
    shape: Shape,
    document: Document,
    issues: Issues,
    processes: "Collection[str]",
) -> None:
    # A file in which nothing has a command is one of npm portweave's: its rules hold throughout.
    gives_commands = bool(processes) or any(
        isinstance(value, dict) and "command" in value and not name.startswith("x-")
        for name, value in services.items()
    )
    folder = posixpath.dirname(document.path)
    for name, value in services.items():
        keys = ("services", name)
        if gives_commands and name.startswith("x-"):
            continue
        # A Procfile's names are as they are there.
        if not (_is_name(name) or name in processes):
            hint = "a name begins with a lower-case letter and has a-z, 0-9 and - in it"
            issues.add(keys, "Invalid key in record", hint)
        elif not isinstance(value, dict):
            issues.add(keys, expected("object", value))
        else:
            draft = Draft(Service(name, document.origin(keys), working_dir=folder), folder)
            _service(value, draft, keys, issues, needs_env_var=not gives_commands)
            shape.drafts.append(draft)
    if not shape.drafts and not issues.found and not processes:
        issues.add(("services",), "services must contain at least one entry")


def _is_name(name: str) -> bool:
    return bool(name) and name[0] in _LOWER and _NAME.issuperset(name)


def _service(
    value: dict[str, Value], draft: Draft, keys: Keys, issues: Issues, *, needs_env_var: bool
) -> None:
    known, others = take(value, words.SERVICE)
    readers = _NPM_READERS
    if any(key not in words.NPM_SERVICE for key in known):
        # Only here: a file of npm portweave's does without.
        from portweave.procfiles import lifekeys, startkeys

        readers = (*readers, *startkeys.READERS, *lifekeys.READERS)
    for key, reader in readers:
        if key in known:
            reader(known[key], (*keys, key), issues, draft)
        elif key == "envVar" and needs_env_var and known.get("port") is not False:
            hint = "the variable of its port; with a command in the file it may be left out"
            issues.add((*keys, key), wrong("string", known, key), hint)
    refuse_others(keys, others, words.SERVICE, "FOREIGN_SERVICE", issues)


# npm portweave's own keys


def _project_name(value: Value, keys: Keys, issues: Issues) -> str | None:
    name = text_of(value, keys, issues)
    if name is None:
        if value == []:
            issues.add(keys, "Too small: expected array to have >=1 items")
        return None
    name = name.strip(_BLANKS)
    if not name:
        issues.add(keys, "Too small: expected string to have >=1 characters")
    elif len(name) > 100:
        issues.add(keys, "Too big: expected string to have <=100 characters")
    return name


def _discovery_env(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    if not isinstance(value, dict):
        issues.add(keys, expected("record", value))
        return
    pairs: list[tuple[str, str]] = []
    for name, template in value.items():
        if name.startswith("x-"):
            continue
        if not _is_variable(name):
            hint = "a variable begins with A-Z and has A-Z, 0-9 and _ in it"
            issues.add((*keys, name), "Invalid key in record", hint)
            continue
        text = text_of(template, (*keys, name), issues)
        if text is not None:
            pairs.append((name, text))
    draft.service.discovery_env = tuple(pairs)


def _is_variable(name: str) -> bool:
    return bool(name) and name[0] in _UPPER and _VARIABLE.issuperset(name)


def _env_var(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    name = text_of(value, keys, issues)
    if name is None:
        return
    if not _is_variable(name):
        issues.add(keys, "envVar must match /^[A-Z][A-Z0-9_]*$/")
    draft.service.env_var = name


def _group(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    name = text_of(value, keys, issues)
    if name == "" or value == []:
        issues.add(keys, "group must be a non-empty string")
    draft.service.group = name


def _preferred(value: Value, keys: Keys, issues: Issues, draft: Draft) -> None:
    del draft  # npm portweave reads it and does nothing with it
    number = value.whole() if isinstance(value, Number) else None
    if number is None or abs(number) > _SAFE_INTEGER:
        issues.add(keys, "preferred must be an integer")
    if number is not None and number < 1:
        issues.add(keys, "preferred must be >= 1")
    elif number is not None and number > 65535:
        issues.add(keys, "preferred must be <= 65535")


_NPM_READERS: "tuple[tuple[str, Reader], ...]" = (
    ("discoveryEnv", _discovery_env),
    ("envVar", _env_var),
    ("group", _group),
    ("preferred", _preferred),
)
