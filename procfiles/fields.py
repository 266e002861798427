"""Pure. A key of a definition file, and what all readers of keys share.

Each table of keys lies beside the functions that read them: `shape.ROOT`, `npm_keys`, `start_keys`,
`ready_keys`, `life_keys`. To add a key, write a row, its reader, and an attribute in `model`; then
run `make documents`.
"""

import posixpath

from portweave.procfiles.issues import Issues, nearest
from portweave.procfiles.model import Service
from portweave.procfiles.tree import Keys, Number, Value, camel_case, snake_case, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # Reads the value of a key into a target, or adds what is wrong with it.
    Reader = Callable[[Value, Keys, Issues, Any], None]

Schema = dict[str, object]

# Schemas that several keys share; keys that begin with x- are the user's own.
EXTENSIONS: Schema = {"^x-": {}}
NONBLANK: Schema = {"type": "string", "pattern": r"\S"}

# Words of YAML 1.1 and other tools.
_BOOLEANS = {
    **dict.fromkeys(("yes", "y", "on", "true", "1"), "true"),
    **dict.fromkeys(("no", "n", "off", "false", "0"), "false"),
}


class Key:
    """One key of a definition file.

    Attributes:
        name: In camelCase; portweave also accepts snake_case.
        read: Reads the value into a `Shape`, a `Draft` or a `Ready`.
        schema: What JSON Schema says of the value; None for a reserved key, which has no row.
        meaning: One or more sentences in Markdown, for the schema and the documents.
    """

    __slots__ = ("meaning", "name", "read", "schema")

    def __init__(self, name: str, read: "Reader", schema: Schema | None, meaning: str) -> None:
        self.name = name
        self.read = read
        self.schema = schema
        self.meaning = meaning


def names(table: tuple[Key, ...]) -> tuple[str, ...]:
    """The names of the keys in a table."""
    return tuple(key.name for key in table)


class Draft:
    """A service that is being read.

    Attributes:
        service: The values read so far; defaults for all others.
        folder: The folder of the document.
        port: Whether the service has a port (`port: false` is none).
    """

    __slots__ = ("folder", "port", "service")

    def __init__(self, service: Service, folder: str) -> None:
        self.service = service
        self.folder = folder
        self.port = True


def known_and_others(
    value: dict[str, Value], known: tuple[str, ...]
) -> tuple[dict[str, Value], list[tuple[str, str]]]:
    """Split an object into known keys and others; leave out keys that begin with `x-`.

    Returns:
        Values by the camelCase names of their keys, and the other keys. An other key is a pair. Its
        second item is the name of the known key if that key is there in its other spelling, too;
        else it is empty.
    """
    found: dict[str, Value] = {}
    others: list[tuple[str, str]] = []
    for key, member in value.items():
        name = key
        if key not in known:
            if key.startswith("x-"):
                continue
            name = camel_case(key) if "_" in key else ""
            if name not in known or snake_case(name) != key:
                others.append((key, ""))
                continue
        if name in found:
            others.append((key, name))
        else:
            found[name] = member
    return found, others


def refuse_others(
    keys: Keys,
    others: list[tuple[str, str]],
    known: tuple[str, ...],
    foreign_table: str,
    issues: Issues,
) -> None:
    """Add an issue for the keys that `known_and_others` does not know, with suggestions.

    Args:
        keys: The path of the object.
        others: As `known_and_others` returns them.
        known: All known keys.
        foreign_table: The name of a table in `foreign`: keys of other tools.
        issues: Gets the issues.
    """
    if not others:
        return
    from portweave.procfiles import foreign

    table: dict[str, str] = getattr(foreign, foreign_table)
    unknown: list[str] = []
    notes: list[tuple[Keys, str]] = []
    for key, twin in others:
        if twin:
            message = f'"{twin}" and "{snake_case(twin)}" are the same key'
            issues.add((*keys, key), message, "keep one of them")
            continue
        unknown.append(key)
        meant = table.get(key) or nearest(camel_case(key), known) or table.get(key.lower())
        notes.append(((*keys, key), f"did you mean {meant}?" if meant else ""))
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        names = ", ".join(f'"{key}"' for key in unknown)
        issues.add(keys, f"Unrecognized key{plural}: {names}", notes=tuple(notes))


def wrong_type(expected: str, value: Value) -> str:
    """The message for a value of another type, in npm portweave's words."""
    return f"Invalid input: expected {expected}, received {type_name(value)}"


def missing_or_wrong(expected: str, known: dict[str, Value], key: str) -> str:
    """The message for a key that is missing or has a value of another type."""
    if key not in known:
        return f"Invalid input: expected {expected}, received undefined"
    return wrong_type(expected, known[key])


def alternatives(choices: tuple[str, ...]) -> str:
    """Choices as text: `a, b or c`."""
    return ", ".join(choices[:-1]) + " or " + choices[-1]


def text_of(value: Value, keys: Keys, issues: Issues, hint: str = "") -> str | None:
    """A text; None, and an issue, for any other value.

    Args:
        value: The value.
        keys: Its path.
        issues: Gets the issue.
        hint: What to write instead.
    """
    if isinstance(value, str):
        return value
    if not hint and isinstance(value, (Number, bool)):
        hint = "put it in quotes"
    issues.add(keys, wrong_type("string", value), hint)
    return None


def nonblank_text_of(value: Value, keys: Keys, issues: Issues) -> str | None:
    """A text that is not blank; None, and an issue, for any other value."""
    text = text_of(value, keys, issues)
    if text is not None and not text.strip():
        what = "a text of the list" if isinstance(keys[-1], int) else keys[-1]
        issues.add(keys, f"{what} must not be empty")
        return None
    return text


def boolean_of(value: Value, keys: Keys, issues: Issues) -> bool:
    """A boolean; False, and an issue, for any other value."""
    if isinstance(value, bool):
        return value
    meant = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    issues.add(keys, wrong_type("boolean", value), f"did you mean {meant}?" if meant else "")
    return False


def texts_of(value: Value, keys: Keys, issues: Issues) -> tuple[str, ...]:
    """A list of texts that are not blank; an issue for each other item."""
    if not isinstance(value, list):
        hint = "put it in brackets: [" + value + "]" if isinstance(value, str) else ""
        issues.add(keys, wrong_type("array", value), hint)
        return ()
    texts = [nonblank_text_of(item, (*keys, index), issues) for index, item in enumerate(value)]
    return tuple(text for text in texts if text is not None)


def absolute(folder: str, path: str) -> str:
    """Make a path that is relative to `folder` absolute."""
    return posixpath.normpath(posixpath.join(folder, path))
