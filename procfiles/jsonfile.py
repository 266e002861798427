"""Pure. A definition file in JSON: text in, document out."""

from portweave import errors
from portweave.encoding.json_text import loads
from portweave.procfiles.model import Origin
from portweave.procfiles.tree import Document, Keys, Node, NodeValue, Number, Value


def parse(text: str, path: str, shown: str) -> Document:
    """Read a JSON text.

    Args:
        text: The JSON text.
        path: The file, absolute.
        shown: The file's path as messages show it.

    Raises:
        DefinitionsInvalidError: The text is not JSON.
    """
    has_duplicates = False

    def object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal has_duplicates
        value = dict(pairs)
        has_duplicates = has_duplicates or len(value) < len(pairs)
        return value

    try:
        value: Value = loads(text, pairs_hook=object_of, number_hook=Number)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    except ValueError as error:
        raise _not_json(error, text, path, shown) from error
    duplicates = _places(text, path)[1] if has_duplicates else ()
    return Document(path, shown, value, lambda: _places(text, path)[0], duplicates)


def _not_json(
    error: ValueError, text: str, path: str, shown: str
) -> "errors.DefinitionsInvalidError":
    what = str(getattr(error, "msg", error))
    line = getattr(error, "lineno", None)
    column = getattr(error, "colno", None)
    position = getattr(error, "pos", None)
    if line is None or column is None or position is None:
        return errors.DefinitionsInvalidError(f"failed to parse JSON at {path}: {what}", file=path)
    # Imported here: only errors need them.
    from portweave.errors.problem import problem_at
    from portweave.procfiles.syntax import json_problem

    sentence, at, hint = json_problem(text, position, what)
    place = f"{shown}:{line}:{column}"
    found = errors.DefinitionsInvalidError(
        f"failed to parse JSON at {path}: {what} (line {line} column {column})",
        hint=f"{place}: {hint}".replace("\n", " ") if hint else place,
        file=path,
        line=line,
        column=column,
    )
    marked_line = text.count("\n", 0, at) + 1
    marked_column = at - text.rfind("\n", 0, at)
    found.problems = (problem_at(sentence, shown, text, marked_line, marked_column, hint=hint),)
    return found


def _places(text: str, path: str) -> tuple[Node, tuple[tuple[Keys, Origin], ...]]:
    """The root node of a valid JSON text, and its duplicate keys.

    Not recursive: the parser in C accepts deeper nesting than Python functions can recurse.
    """
    import re

    token = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s\[\]{},:"]+|[,:]', re.DOTALL)
    found: list[tuple[Keys, Origin]] = []
    root: Node | None = None
    open_nodes: list[Node] = []
    keys: list[str | int] = []  # the path to the innermost open node
    key: tuple[str, int, int] | None = None
    line, line_start, seen = 1, 0, 0
    for match in token.finditer(text):
        word, start = match[0], match.start()
        newlines = text.count("\n", seen, start)
        if newlines:
            line, line_start = line + newlines, text.rindex("\n", seen, start) + 1
        seen = start
        column = start - line_start + 1
        if word in (",", ":"):
            continue
        if word in ("]", "}"):
            open_nodes.pop()
            if keys:
                keys.pop()
            continue
        parent = open_nodes[-1] if open_nodes else None
        if parent is not None and isinstance(parent.value, dict) and key is None:
            name = loads(word)
            assert isinstance(name, str)
            key = (name, line, column)
            if name in parent.value:
                found.append(((*keys, name), Origin(path, line, column)))
            continue
        node = Node(_value(word), line, column)
        step: str | int = 0
        if parent is None:
            root = node
        elif isinstance(parent.value, list):
            step = len(parent.value)
            parent.value.append(node)
        else:
            assert isinstance(parent.value, dict)
            assert key is not None
            # `node.start` stays where the value is.
            step, node.line, node.column = key
            parent.value[step] = node
            key = None
        if isinstance(node.value, (dict, list)):
            open_nodes.append(node)
            if parent is not None:
                keys.append(step)
    assert root is not None
    return root, tuple(found)


def _value(word: str) -> NodeValue:
    if word == "{":
        return {}
    if word == "[":
        return []
    value = loads(word, number_hook=Number)
    assert value is None or isinstance(value, (str, bool, Number))
    return value
