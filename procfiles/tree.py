"""Pure. Documents of JSON and YAML files: values for reading, nodes with their places.

A value is a dict, a list, a str, a bool, None or a `Number`. A document has its value from the
start. It finds the places later, when an error or a message needs one.
"""

from portweave.procfiles.model import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Value: TypeAlias = "bool | str | Number | list[Value] | dict[str, Value] | None"
    NodeValue: TypeAlias = "bool | str | Number | list[Node] | dict[str, Node] | None"
else:
    Value = NodeValue = object

# The path from the root of a document to a value in it.
Keys = tuple[str | int, ...]


class Number:
    """A number as written in the file.

    Attributes:
        text: The text in the file, as `1.50` or `0x1f`.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Number({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def real(self) -> float:
        """The value as a float; infinite where it is too large for one."""
        text = self.text.lower()
        for prefix, base in (("0x", 16), ("0o", 8)):
            if text.startswith(prefix):
                whole = int(text, base)
                return float(whole) if whole.bit_length() < 1024 else float("inf")
        # YAML 1.2 writes `.inf` and `.nan`.
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))

    def whole(self) -> int | None:
        """The value as an integer; None for a fraction. `3000.0` and `3e3` are integers."""
        real = self.real()
        return int(real) if real.is_integer() else None


class Node:
    """A value and its place.

    Attributes:
        value: A value as the module describes it, but dicts and lists hold nodes.
        line: The line, from 1. The value of a key has the key's line.
        column: The column, from 1. The value of a key has the key's column.
        start: The line and column of the value itself.
    """

    __slots__ = ("column", "line", "start", "value")

    def __init__(
        self, value: NodeValue, line: int, column: int, start: tuple[int, int] | None = None
    ) -> None:
        self.value: NodeValue = value
        self.line = line
        self.column = column
        self.start = start or (line, column)


class Document:
    """A definition file in JSON or YAML.

    Attributes:
        path: The file, absolute.
        shown: The path as messages show it.
        value: The file's value.
        duplicates: The path and origin of each repeated key.
    """

    __slots__ = ("_find_root", "_root", "duplicates", "path", "shown", "value")

    def __init__(
        self,
        path: str,
        shown: str,
        value: Value,
        find_root: "Callable[[], Node]",
        duplicates: "tuple[tuple[Keys, Origin], ...]" = (),
    ) -> None:
        self.path = path
        self.shown = shown
        self.value = value
        self.duplicates = duplicates
        self._find_root = find_root
        self._root: Node | None = None

    def origin(self, keys: Keys) -> Origin:
        """The place of the value at `keys`; where it is missing, its nearest parent's place.

        Either spelling of a key is found: `envVar` and `env_var`.
        """
        return Origin(self.path, find=lambda: self._position(keys))

    def mark(self, keys: Keys, *, of_key: bool = False) -> tuple[int, int, str]:
        """Line, column and text of what to mark for a problem of the value at `keys`.

        It is the value where that is a plain one, else its key, or the nearest parent's key.

        Args:
            keys: The path of the value.
            of_key: Whether the key is the problem.
        """
        node, found = self._find(keys)
        value = node.value
        key = str(found[-1]) if found and isinstance(found[-1], str) else ""
        is_plain = not isinstance(value, (dict, list)) and value is not None
        if len(found) < len(keys) or not is_plain or (of_key and key):
            return node.line, node.column, key
        return (*node.start, _written(value))

    def _position(self, keys: Keys) -> tuple[int, int]:
        node, _ = self._find(keys)
        return node.line, node.column

    def _find(self, keys: Keys) -> tuple[Node, Keys]:
        """The node at a path, or its nearest parent, and the path to it as the file writes it."""
        if self._root is None:
            # This parses the whole text again.
            self._root = self._find_root()
        node = self._root
        way: list[str | int] = []
        for key in keys:
            written = key
            if isinstance(node.value, dict):
                found = node.value.get(str(key))
                if found is None:
                    written = snake_case(str(key))
                    found = node.value.get(written)
            elif isinstance(node.value, list):
                found = _item(node.value, key)
            else:
                found = None
            if found is None:
                break
            way.append(written)
            node = found
        return node, tuple(way)


def _written(value: NodeValue) -> str:
    if isinstance(value, Number):
        return value.text
    return str(value).lower() if isinstance(value, bool) else str(value)


def _item(items: list[Node], key: str | int) -> Node | None:
    """The list item with an index, or with a text: `db`, or `KEY` for `KEY=value`."""
    if isinstance(key, int):
        return items[key] if key < len(items) else None
    for item in items:
        if isinstance(item.value, str) and item.value.partition("=")[0] == key:
            return item
    return None


def snake_case(key: str) -> str:
    """The snake_case spelling of a camelCase key: `env_var` for `envVar`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def camel_case(key: str) -> str:
    """The camelCase spelling of a snake_case key: `envVar` for `env_var`."""
    first, *others = key.split("_")
    return first + "".join(word.capitalize() for word in others)


def type_name(value: Value) -> str:
    """The name of a value's type in messages, the same as npm portweave's."""
    if value is None:
        return "null"
    if isinstance(value, Number):
        real = value.real()
        if real != real:
            return "NaN"
        return "Infinity" if real in (float("inf"), float("-inf")) else "number"
    names = {dict: "object", list: "array", str: "string", bool: "boolean"}
    return names[type(value)]


def dotted(keys: Keys) -> str:
    """A path as text: `services.api.envVar`, or `(root)` for the root."""
    return ".".join(map(str, keys)) or "(root)"


def plain(node: Node) -> Value:
    """A node's value without the places."""
    if isinstance(node.value, dict):
        return {key: plain(member) for key, member in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value
