"""Pure. Change single members of a JSON text, and keep all the rest of it as it is.

Comments and commas before closing brackets are allowed, as editors allow them in their settings.
"""

import json
import re

from portweave.encoding.value import value

_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"[^\s,\[\]{}/]+")
_DEEPEST = 100


class NotJsonError(ValueError):
    """A text is no JSON, even with comments."""


@value
class Node:
    """A value in a text.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        data: The value.
        members: For an object: its members, by name, in order.
        items: For an array: its items.
        name_start: For a member: where its name begins.
    """

    start: int
    end: int
    data: object
    members: "dict[str, Node] | None" = None
    items: "tuple[Node, ...] | None" = None
    name_start: int = -1


def parse(text: str) -> Node:
    """Read a text.

    Raises:
        NotJsonError: It is no JSON.
    """
    node = _value(text, _skip(text, text.startswith("\ufeff")), 0)
    if _skip(text, node.end) != len(text):
        raise NotJsonError(f"something follows the value at character {node.end}")
    return node


def get(node: Node, path: tuple[str, ...]) -> Node | None:
    """Return the value at a path of names; None if there is none."""
    for name in path:
        if node.members is None or name not in node.members:
            return None
        node = node.members[name]
    return node


def set_member(text: str, path: tuple[str, ...], data: object) -> str:
    """Return a text with a value at a path. Objects on the way to it are made.

    Args:
        text: The text; an empty one is an empty object.
        path: Names, from the outermost object inwards.
        data: The value.

    Raises:
        NotJsonError: The text is no JSON, or something on the path is no object.
    """
    if not text.strip():
        text = "{}\n"
    node = parse(text)
    for depth, name in enumerate(path):
        if node.members is None:
            raise NotJsonError(f"{'.'.join(path[:depth]) or 'it'} is no object")
        if name not in node.members:
            for inner in reversed(path[depth + 1 :]):
                data = {inner: data}
            return _insert(text, node, list(node.members.values()), data, name)
        node = node.members[name]
    shown = _written(text, data, _indent_at(text, node.name_start))
    return text[: node.start] + shown + text[node.end :]


def add_item(text: str, path: tuple[str, ...], data: object) -> str:
    """Return a text with a further item in the array at a path, which is made if it is missing.

    Args:
        text: The text; an empty one is an empty object.
        path: Names, from the outermost object inwards.
        data: The item.

    Raises:
        NotJsonError: The text is no JSON, or there is something else at the path.
    """
    found = get(parse(text), path) if text.strip() else None
    if found is None:
        return set_member(text, path, [data])
    if found.items is None:
        raise NotJsonError(f"{'.'.join(path)} is no array")
    return _insert(text, found, list(found.items), data, None)


def drop_member(text: str, path: tuple[str, ...]) -> str:
    """Return a text without the value at a path, and without objects that it leaves empty."""
    node = parse(text)
    parents = [node]
    for name in path:
        found = get(parents[-1], (name,))
        if found is None:
            return text
        parents.append(found)
    while len(parents) > 2 and len(parents[-2].members or ()) == 1:
        del parents[-1]
    parent = parents[-2]
    return _cut(text, parent, list((parent.members or {}).values()), parents[-1])


def drop_item(text: str, path: tuple[str, ...], data: object) -> str:
    """Return a text without an item of the array at a path; an array left empty goes too."""
    found = get(parse(text), path)
    if found is None or not found.items:
        return text
    gone = next((item for item in found.items if item.data == data), None)
    if gone is None:
        return text
    if len(found.items) == 1:
        return drop_member(text, path)
    return _cut(text, found, list(found.items), gone)


def _cut(text: str, parent: Node, siblings: list[Node], gone: Node) -> str:
    start = gone.name_start if gone.name_start >= 0 else gone.start
    place = [one.start for one in siblings].index(gone.start)
    if place + 1 < len(siblings):
        after = siblings[place + 1]
        return text[:start] + text[after.name_start if after.name_start >= 0 else after.start :]
    if place:
        last = _skip(text, gone.end)
        if text[last] == ",":
            # The user writes a comma before the bracket.
            before = text[:start]
            return (before if "//" in before else before.rstrip()) + text[last + 1 :]
        comma = _skip(text, siblings[place - 1].end)
        between, after_it = text[comma + 1 : start], text[gone.end :]
        # A comment of one line needs its line end.
        is_free = after_it.startswith(("\n", "\r")) or "//" not in between
        return text[:comma] + between.rstrip(None if is_free else " \t") + after_it
    return text[: parent.start + 1] + text[parent.end - 1 :]


def _insert(text: str, parent: Node, siblings: list[Node], data: object, name: str | None) -> str:
    """Insert a member or an item at the end of an object or array."""
    outer = _indent_at(text, parent.name_start if parent.name_start >= 0 else parent.start)
    label = "" if name is None else f"{json.dumps(name, ensure_ascii=False)}: "
    if not siblings:
        inner = outer + _unit(text)
        shown = f"\n{inner}{label}{_written(text, data, inner)}\n{outer}"
        return text[: parent.start + 1] + shown + text[parent.end - 1 :]
    last = siblings[-1]
    first = siblings[0]
    start = first.name_start if first.name_start >= 0 else first.start
    is_on_a_line = "\n" in text[parent.start : start]
    inner = _indent_at(text, start) if is_on_a_line else ""
    before = f"\n{inner}" if is_on_a_line else " "
    comma = _skip(text, last.end)
    has_comma = text[comma : comma + 1] == ","
    place = comma + 1 if has_comma else last.end
    # A comma that the user has written before the bracket is written again.
    head, tail = ("", ",") if has_comma else (",", "")
    written = _written(text, data, inner) if is_on_a_line else json.dumps(data, ensure_ascii=False)
    return f"{text[:place]}{head}{before}{label}{written}{tail}{text[place:]}"


def _written(text: str, data: object, indent: str) -> str:
    shown = json.dumps(data, ensure_ascii=False, indent=_unit(text))
    # A list of words stands on one line.
    shown = re.sub(r"\[\s+((?:\"[^\"\n]*\",?\s*)+)\s*\]", _on_one_line, shown)
    return shown.replace("\n", f"\n{indent}")


def _on_one_line(found: "re.Match[str]") -> str:
    return f"[{', '.join(_STRING.findall(found[1]))}]"


def _unit(text: str) -> str:
    """Return the indentation of a text: that of its first indented line, or two blanks."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _indent_at(text: str, place: int) -> str:
    """Return the blanks at the beginning of a line."""
    line = text[text.rfind("\n", 0, max(place, 0)) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _skip(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return place if found is None else found.end()


def _value(text: str, start: int, depth: int) -> Node:
    if depth > _DEEPEST:
        raise NotJsonError("it is nested too deeply")
    match text[start : start + 1]:
        case "{":
            return _object(text, start, depth)
        case "[":
            return _array(text, start, depth)
        case '"':
            found = _STRING.match(text, start)
        case _:
            found = _SCALAR.match(text, start)
    if found is None:
        raise NotJsonError(f"there is no value at character {start}")
    try:
        return Node(start, found.end(), json.loads(found[0]))
    except ValueError:
        raise NotJsonError(f"{found[0][:30]} at character {start} is no value") from None


def _object(text: str, start: int, depth: int) -> Node:
    members: dict[str, Node] = {}
    place = _skip(text, start + 1)
    while text[place : place + 1] != "}":
        name = _value(text, place, depth)
        colon = _skip(text, name.end)
        if not isinstance(name.data, str) or text[colon : colon + 1] != ":":
            raise NotJsonError(f"there is no name at character {place}")
        found = _value(text, _skip(text, colon + 1), depth + 1)
        members[name.data] = Node(
            found.start, found.end, found.data, found.members, found.items, place
        )
        place = _next(text, found.end, "}")
    data = {name: node.data for name, node in members.items()}
    return Node(start, place + 1, data, members=members)


def _array(text: str, start: int, depth: int) -> Node:
    items: list[Node] = []
    place = _skip(text, start + 1)
    while text[place : place + 1] != "]":
        items.append(_value(text, place, depth + 1))
        place = _next(text, items[-1].end, "]")
    return Node(start, place + 1, [node.data for node in items], items=tuple(items))


def _next(text: str, end: int, closing: str) -> int:
    """Return where the next member or item begins, or the closing bracket."""
    place = _skip(text, end)
    if text[place : place + 1] == ",":
        return _skip(text, place + 1)
    if text[place : place + 1] != closing:
        raise NotJsonError(f"there is no comma at character {place}")
    return place
