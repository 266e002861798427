"""Pure. Read JSON, and write it byte for byte as a JavaScript engine does, without `json`.

Importing `json` takes half the time that a whole `portweave run` may take. The scanner and the
encoder in C behind it cost nothing. The package is imported only if these are missing, or to
describe an error.
"""

TYPE_CHECKING = False  # `typing` costs as much as `json`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeGuard

try:
    import _json

    make_scanner: "Callable[[object], Callable[[str, int], tuple[object, int]]] | None"
    make_scanner = _json.make_scanner  # type: ignore[assignment]  # pyright: ignore
    _quote: "Callable[[str], str]" = _json.encode_basestring  # pyright: ignore
except ImportError:  # another interpreter than CPython
    from json.encoder import py_encode_basestring as _quote

    make_scanner = None

BLANKS = " \t\r\n"  # RFC 8259, section 2


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


class _Context:
    """What the scanner in C needs of a decoder."""

    __slots__ = (
        "memo",
        "object_hook",
        "object_pairs_hook",
        "parse_constant",
        "parse_float",
        "parse_int",
        "strict",
    )

    def __init__(self, pairs_hook: object, number_hook: object) -> None:
        self.strict = True
        self.object_hook = None
        self.object_pairs_hook = pairs_hook
        self.parse_float = number_hook or float
        self.parse_int = number_hook or int
        self.parse_constant = _refuse_constant
        self.memo: dict[str, str] = {}


def loads(
    text: str,
    *,
    pairs_hook: "Callable[[list[tuple[str, object]]], object] | None" = None,
    number_hook: "Callable[[str], object] | None" = None,
) -> object:
    """Read a JSON text (RFC 8259; NaN and the infinities are refused).

    Args:
        text: The text. A byte order mark is an error.
        pairs_hook: Makes the value of an object from its (key, value) pairs, with duplicates. The
            default makes a dict, in which the last duplicate wins.
        number_hook: Makes the value of a number from its text. The default makes an int or a float.

    Raises:
        ValueError: The text is not JSON, or is nested too deeply. If the place is known, it is a
            `json.JSONDecodeError` with `msg`, `lineno` and `colno`.
    """
    if make_scanner is None:
        return _loads_slowly(text, pairs_hook, number_hook)
    start = len(text) - len(text.lstrip(BLANKS))
    try:
        value, end = make_scanner(_Context(pairs_hook, number_hook))(text, start)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (StopIteration, SystemError, ValueError):
        # Before Python 3.12 the scanner raises SystemError unless `json` is imported.
        return _loads_slowly(text, pairs_hook, number_hook)
    if text[end:].strip(BLANKS):
        return _loads_slowly(text, pairs_hook, number_hook)
    return value


def _loads_slowly(
    text: str,
    pairs_hook: "Callable[[list[tuple[str, object]]], object] | None",
    number_hook: "Callable[[str], object] | None",
) -> object:
    import json

    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected byte order mark", text, 0)
    try:
        return json.loads(
            text,
            object_pairs_hook=pairs_hook,
            parse_float=number_hook,
            parse_int=number_hook,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_object(value: object) -> "TypeGuard[dict[str, object]]":
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def is_array(
    value: object,
) -> "TypeGuard[list[object] | tuple[object, ...] | frozenset[object]]":
    """Whether a value is written as a JSON array."""
    return isinstance(value, (list, tuple, frozenset))


def is_list(value: object) -> "TypeGuard[list[object]]":
    """Whether a value is a JSON array."""
    return isinstance(value, list)


def quote(text: str) -> str:
    """A JSON string. Of other characters, only half surrogates of file names are escaped."""
    quoted: str = _quote(text)
    if quoted.isascii():
        return quoted
    return "".join(
        f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in quoted
    )


def code_units(text: str) -> bytes:
    """A sort key that orders texts as JavaScript does: by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def pretty(value: object, indent: str = "") -> str:
    """A value as JSON, indented by two blanks. It consists of the types that JSON has."""
    # Most values are texts, or empty.
    if isinstance(value, str) or not value:
        return compact(value)
    inner = indent + "  "
    if is_object(value):
        items = [f"{inner}{quote(key)}: {pretty(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if is_array(value):
        rows = [inner + pretty(item, inner) for item in value]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"
    return compact(value)


def compact(value: object) -> str:
    """A value as JSON without blanks. It consists of the types that JSON has."""
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # The members of enumerations are numbers, too.
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if is_array(value):
        return "[" + ",".join(map(compact, value)) + "]"
    if not is_object(value):
        return quote(str(value))
    return "{" + ",".join(f"{quote(key)}:{compact(item)}" for key, item in value.items()) + "}"
