"""Pure. Which columns the list of `top` has, and how wide they are."""

from collections.abc import Sequence

from rich.cells import cell_len

from portweave.encoding.value import replace, value
from portweave.top.line_fitting import fitted

_SHORTEST_NAME, _SHORTEST_URL = 11, 18
# What the list has in front of names, and between columns.
INDENT, GAP = 3, 2


@value
class Column:
    """A column of the list.

    Attributes:
        key: What it shows: `name`, `state`, `port`, `cpu`, `cpu_bar` …
        title: Its heading.
        width: In cells, without the gap behind it.
        is_right: Whether its texts end at its right edge.
        order: The order of `sort_orders` that belongs to it; empty for none.
    """

    key: str
    title: str
    width: int
    is_right: bool = False
    order: str = ""


_NAME = Column("name", "SERVICE", _SHORTEST_NAME, order="name")
_STATE = Column("state", "STATE", 9, order="state")
_URL = Column("url", "URL", _SHORTEST_URL)
# In their order on the screen.
_ALL = (
    _NAME,
    _STATE,
    Column("port", "PORT", 5, is_right=True, order="port"),
    _URL,
    Column("age", "UP", 4, is_right=True),
    Column("restarts", "RST", 3, is_right=True, order="restarts"),
    Column("cpu", "CPU", 5, is_right=True, order="cpu"),
    Column("cpu_bar", "", 6),
    Column("memory", "MEM", 7, is_right=True, order="memory"),
    Column("memory_bar", "", 6),
)
# The first is dropped last. Bars come together, or not at all.
_BY_IMPORTANCE = (
    ("port",), ("cpu",), ("memory",), ("age",), ("restarts",), ("cpu_bar", "memory_bar"), ("url",),
)  # fmt: skip


def columns_for(width: int, longest_name: int = 0, longest_url: int = 0) -> tuple[Column, ...]:
    """Return the columns that fit, the widest names and URLs first.

    Args:
        width: The width of the screen, in cells.
        longest_name: The width of the longest name.
        longest_url: The width of the longest URL; 0 where there is none.
    """
    kept = {"name", "state"}
    used = INDENT + _SHORTEST_NAME + GAP + _STATE.width
    for keys in _BY_IMPORTANCE:
        more = sum(GAP + column.width for column in _ALL if column.key in keys)
        if "url" in keys and not longest_url:
            continue
        if used + more > width:
            break
        kept.update(keys)
        used += more
    rest = width - used
    name_more = max(0, min(rest, longest_name - _SHORTEST_NAME))
    url_more = max(0, min(rest - name_more, longest_url - _SHORTEST_URL))
    wider = {"name": _SHORTEST_NAME + name_more, "url": _SHORTEST_URL + url_more}
    return tuple(
        replace(column, width=wider.get(column.key, column.width))
        for column in _ALL
        if column.key in kept
    )


def width_of(columns: Sequence[Column]) -> int:
    """Return the width of a row with all columns, in cells."""
    return INDENT + sum(column.width + GAP for column in columns) - GAP


def aligned(text: str, column: Column) -> str:
    """Return a text as a cell of a column: cut to its width, or padded."""
    shown = fitted(text, column.width)
    space = " " * (column.width - cell_len(shown))
    return space + shown if column.is_right else shown + space
