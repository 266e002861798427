"""Pure. Write values as JSON texts, byte for byte as a JavaScript engine does.

Importing the `json` package takes longer than a whole `portweave run` may take.
"""

try:
    from _json import encode_basestring as _quote
except ImportError:  # another interpreter than CPython
    from json.encoder import py_encode_basestring as _quote

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from typing import TypeGuard


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
    if is_array(value) and value:
        inner = indent + "  "
        rows = [inner + pretty(item, inner) for item in value]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"
    if not is_object(value):
        return compact(value)
    if not value:
        return "{}"
    inner = indent + "  "
    items = [f"{inner}{quote(key)}: {pretty(item, inner)}" for key, item in value.items()]
    return "{\n" + ",\n".join(items) + f"\n{indent}}}"


def compact(value: object) -> str:
    """A value as JSON without blanks. It consists of the types that JSON has."""
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
