"""Pure. A definition file in YAML: text in, document out.

This module composes the parser's events itself, without PyYAML's composer, for three reasons:

- Plain scalars get their types from the core schema of YAML 1.2 (section 10.3.2). `no` and `on` are
  text there.
- Each value keeps its line and column.
- Nothing recurses. The cost of depth, and of aliases of aliases, has a bound.
"""

import re
from collections.abc import Iterator

import yaml

from portweave import errors
from portweave.procfiles.model import Origin
from portweave.procfiles.tree import Document, Keys, Node, NodeValue, Number, plain

# Far more values than a stack has. Nested aliases in a few lines can give billions.
MOST_NODES = 20_000
MOST_LEVELS = 64
_TOO_DEEP = f"nested more than {MOST_LEVELS} levels deep"

# The loader in C, where PyYAML has libyaml.
_LOADER: type[yaml.BaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def parse(text: str, path: str, shown: str) -> Document:
    """Read a YAML text of one document; the value of an empty text is None.

    Args:
        text: The YAML text.
        path: The file, absolute.
        shown: The file's path as messages show it.

    Raises:
        DefinitionsInvalidError: The text is not YAML. Or it has several documents, tags, keys that
            are not scalars, more than `MOST_LEVELS` levels or more than `MOST_NODES` values.
    """
    builder = _Builder(path)
    try:
        parsed: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)  # pyright: ignore
        for event in parsed:  # pyright: ignore
            builder.add_event(event)  # pyright: ignore
    except _RefusedError as error:
        place = (error.line, error.column)
        raise _not_yaml(text, path, shown, error.what, place, error.hint) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "not YAML"
        if "nesting depth" in what:
            # libyaml has its own limit, and reaches it first because it reads ahead.
            what = _TOO_DEEP
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        first = error.context_mark
        began = (first.line + 1, first.column + 1) if first else place
        raise _not_yaml(text, path, shown, what, place, began=began) from error
    except (yaml.YAMLError, ValueError) as error:
        what = str(error).partition("\n")[0]
        raise errors.DefinitionsInvalidError(
            f"failed to parse YAML at {path}: {what}", file=path
        ) from error
    root = builder.root
    return Document(path, shown, plain(root), lambda: root, tuple(builder.duplicates))


def _not_yaml(
    text: str,
    path: str,
    shown: str,
    what: str,
    place: tuple[int, int],
    hint: str = "",
    *,
    began: tuple[int, int] | None = None,
) -> "errors.DefinitionsInvalidError":
    """The error for a text that is not YAML, or that portweave refuses.

    Args:
        text: The file's text.
        path: The file, absolute.
        shown: The path as messages show it.
        what: What is wrong, in the parser's words.
        place: Line and column of the problem, from 1.
        hint: What to do, if it is known.
        began: Where the parser began to read what it did not understand.
    """
    # Imported here: only errors need them.
    from portweave.errors.problem import problem_at
    from portweave.procfiles.syntax import yaml_problem

    line, column = place
    sentence, marked, better = yaml_problem(text, what, place, began or place)
    hint = hint or better
    where = f"{shown}:{line}:{column}"
    error = errors.DefinitionsInvalidError(
        f"failed to parse YAML at {path}: {what} (line {line} column {column})",
        hint=f"{where}: {hint}" if hint else where,
        file=path,
        line=line,
        column=column,
    )
    error.problems = (problem_at(sentence, shown, text, *marked, hint=hint),)
    return error


class _Mark:
    """The start of an event: line and column from 1. PyYAML counts from 0."""

    __slots__ = ("column", "line")

    def __init__(self, event: yaml.Event) -> None:
        mark = event.start_mark
        self.line = mark.line + 1 if mark else 1
        self.column = mark.column + 1 if mark else 1


class _RefusedError(Exception):
    def __init__(self, what: str, mark: _Mark, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.line = mark.line
        self.column = mark.column
        self.hint = hint


def _too_deep(mark: _Mark) -> _RefusedError:
    return _RefusedError(_TOO_DEEP, mark)


class _Open:
    """A sequence or mapping before its end event."""

    __slots__ = ("anchor", "height", "key", "merges", "node", "size", "step")

    def __init__(self, node: Node, anchor: str | None, step: str | int | None) -> None:
        self.node = node
        self.anchor = anchor
        self.step = step  # its key or index in its parent; None for the root
        self.key: tuple[str, _Mark] | None = None  # a key before its value
        self.merges: list[tuple[Node, _Mark]] = []
        self.size = 1  # values, itself included
        self.height = 1  # levels, its own included


class _Builder:
    """Build nodes from parser events.

    Attributes:
        root: The value of the document.
        duplicates: The path and origin of each repeated key.
    """

    def __init__(self, path: str) -> None:
        self.root = Node(None, 1, 1)
        self.duplicates: list[tuple[Keys, Origin]] = []
        self._path = path
        self._documents = 0
        self._open: list[_Open] = []
        # Anchor to its node, the number of values and of levels in it; None before its end event.
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}

    def add_event(self, event: yaml.Event) -> None:
        """Add the parser's next event."""
        mark = _Mark(event)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _RefusedError("more than one document", mark)
        elif isinstance(event, yaml.AliasEvent):
            self._add_alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event)
            if self._expects_key():
                self._add_key(event.value, mark, plain_style=not event.style)
                return
            node = Node(_scalar(event), mark.line, mark.column)
            if event.anchor is not None:
                self._anchors[event.anchor] = (node, 1, 0)
            self._add(node, 1, 0, mark)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._refuse_tag(event)
            self._refuse_as_key(mark)
            if len(self._open) == MOST_LEVELS:
                raise _too_deep(mark)
            value: NodeValue = {} if isinstance(event, yaml.MappingStartEvent) else []
            if event.anchor is not None:
                self._anchors[event.anchor] = None
            node = Node(value, mark.line, mark.column)
            self._open.append(_Open(node, event.anchor, self._step()))
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._close(mark)

    def _refuse_tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _RefusedError(f"the tag {tag} has no meaning here", _Mark(event))

    def _expects_key(self) -> bool:
        if not self._open:
            return False
        top = self._open[-1]
        return isinstance(top.node.value, dict) and top.key is None

    def _refuse_as_key(self, mark: _Mark) -> None:
        if self._expects_key():
            raise _RefusedError("a key must be plain text", mark)

    def _step(self) -> str | int | None:
        if not self._open:
            return None
        top = self._open[-1]
        if top.key is not None:
            return top.key[0]
        return len(top.node.value) if isinstance(top.node.value, list) else None

    def _add_key(self, name: str, mark: _Mark, *, plain_style: bool) -> None:
        top = self._open[-1]
        assert isinstance(top.node.value, dict)
        is_merge = name == "<<" and plain_style
        if name in top.node.value or (is_merge and top.merges):
            keys = [opened.step for opened in self._open if opened.step is not None]
            origin = Origin(self._path, mark.line, mark.column)
            self.duplicates.append(((*keys, name), origin))
        top.key = ("<<" if is_merge else name, mark)
        if is_merge:
            # Line 0 marks a merge before its value.
            top.merges.append((Node(None, 0, 0), mark))

    def _add_alias(self, event: yaml.AliasEvent) -> None:
        mark = _Mark(event)
        self._refuse_as_key(mark)
        if event.anchor not in self._anchors:
            raise _RefusedError(f"the alias *{event.anchor} has no anchor before it", mark)
        target = self._anchors[event.anchor]
        if target is None:
            raise _RefusedError(f"the alias *{event.anchor} stands inside its own anchor", mark)
        node, size, height = target
        self._add(Node(node.value, mark.line, mark.column), size, height, mark)

    def _close(self, mark: _Mark) -> None:
        closed = self._open.pop()
        if closed.merges:
            _merge(closed)
        if closed.anchor is not None:
            self._anchors[closed.anchor] = (closed.node, closed.size, closed.height)
        self._add(closed.node, closed.size, closed.height, mark)

    def _add(self, node: Node, size: int, height: int, mark: _Mark) -> None:
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        top.size += size
        if top.size > MOST_NODES:
            raise _RefusedError(f"more than {MOST_NODES} values, aliases resolved", mark)
        top.height = max(top.height, height + 1)
        if len(self._open) + height > MOST_LEVELS:
            raise _too_deep(mark)
        if isinstance(top.node.value, list):
            top.node.value.append(node)
            return
        assert isinstance(top.node.value, dict)
        assert top.key is not None
        (name, key_mark), top.key = top.key, None
        if top.merges and top.merges[-1][0].line == 0:
            _check_merge(node, key_mark)
            top.merges[-1] = (node, key_mark)
            return
        # A new node: an anchored node may also be elsewhere, with another place.
        top.node.value[name] = Node(node.value, key_mark.line, key_mark.column, node.start)


def _check_merge(node: Node, mark: _Mark) -> None:
    parts = node.value if isinstance(node.value, list) else [node]
    if not all(isinstance(part.value, dict) for part in parts):
        raise _RefusedError("<< needs a mapping, or a list of mappings", mark)


def _merge(mapping: _Open) -> None:
    """Add the members of `<<`; the mapping's own keys win, then the earlier mapping in `<<`."""
    assert isinstance(mapping.node.value, dict)
    for node, _ in mapping.merges:
        for part in node.value if isinstance(node.value, list) else [node]:
            assert isinstance(part.value, dict)
            for name, member in part.value.items():
                mapping.node.value.setdefault(name, member)


def _scalar(event: yaml.ScalarEvent) -> NodeValue:
    text = event.value
    if event.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return Number(text) if _NUMBER.fullmatch(text) else text
