"""Pure. What all readers of keys share: a service in the making, types, and messages."""

import posixpath

from portweave.procfiles.issues import Issues, nearest
from portweave.procfiles.model import Service
from portweave.procfiles.tree import Keys, Number, Value, camel_case, snake_case, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # Takes the value of a key into a draft, or says what is wrong with it.
    Reader = Callable[[Value, Keys, Issues, "Draft"], None]


class Draft:
    """A service as its document says it.

    Attributes:
        service: What was said, defaults for all else.
        folder: That of the document.
        port: Whether it has one (`port: false` is none).
    """

    __slots__ = ("folder", "port", "service")

    def __init__(self, service: Service, folder: str) -> None:
        self.service = service
        self.folder = folder
        self.port = True


def take(
    value: dict[str, Value], known: tuple[str, ...]
) -> tuple[dict[str, Value], list[tuple[str, str]]]:
    """Values by the camelCase names of their keys, and the other keys.

    The second of another key is the name that is there in the other spelling, if it is that.
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
    """Say which of the `others` that `take` found are unknown, and what was probably meant.

    Args:
        keys: The way to the object.
        others: As `take` gives them.
        known: The keys that there are.
        foreign_table: The name of a table in `foreign`, of the words of other tools.
        issues: Where it is added.
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
        listed = ", ".join(f'"{key}"' for key in unknown)
        issues.add(keys, f"Unrecognized key{plural}: {listed}", notes=tuple(notes))


def expected(wanted: str, value: Value) -> str:
    """What is said of a value of another type, in npm portweave's words."""
    return f"Invalid input: expected {wanted}, received {type_name(value)}"


def wrong(wanted: str, known: dict[str, Value], key: str) -> str:
    """The same for a key that may be absent."""
    if key not in known:
        return f"Invalid input: expected {wanted}, received undefined"
    return expected(wanted, known[key])


def listed(choices: tuple[str, ...]) -> str:
    """Choices in words: `a, b or c`."""
    return ", ".join(choices[:-1]) + " or " + choices[-1]


def text_of(value: Value, keys: Keys, issues: Issues, hint: str = "") -> str | None:
    """A text; None, and an issue, where it is none."""
    if isinstance(value, str):
        return value
    if not hint and isinstance(value, (Number, bool)):
        hint = "put it in quotes"
    issues.add(keys, expected("string", value), hint)
    return None


def filled(value: Value, keys: Keys, issues: Issues) -> str | None:
    """Text that is not empty or blank."""
    text = text_of(value, keys, issues)
    if text is not None and not text.strip():
        issues.add(keys, f"{keys[-1]} must not be empty")
        return None
    return text


def boolean(value: Value, keys: Keys, issues: Issues) -> bool:
    """A boolean; False, and an issue, where it is none."""
    if isinstance(value, bool):
        return value
    issues.add(keys, expected("boolean", value))
    return False


def texts(value: Value, keys: Keys, issues: Issues) -> tuple[str, ...]:
    """A list of texts that are not blank."""
    if not isinstance(value, list):
        hint = "put it in brackets: [" + value + "]" if isinstance(value, str) else ""
        issues.add(keys, expected("array", value), hint)
        return ()
    texts = [filled(item, (*keys, index), issues) for index, item in enumerate(value)]
    return tuple(text for text in texts if text is not None)


def absolute(folder: str, path: str) -> str:
    """A path relative to `folder`, made absolute."""
    return posixpath.normpath(posixpath.join(folder, path))
