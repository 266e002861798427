"""Pure. Decide which columns of a table a terminal has room for, and how wide each one is.

Widths are cells of a terminal: a wide character has two.
"""

from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Sequence

# Between two columns.
GAP = 2
# A wide character fits in each column.
LEAST = 2
# An elastic column becomes as narrow as this before others do.
ELASTIC_LEAST = 12


@value
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        rank: 0 for a column that is always shown. The others get the room that is left, 1 first.
        right: Whether its cells stand at the right.
        elastic: Whether it becomes narrower before other columns that are always shown.
        optional: Whether it is left out if no row has a value in it.
    """

    title: str
    rank: int = 0
    right: bool = False
    elastic: bool = False
    optional: bool = False


def fit(
    columns: "Sequence[Column]", natural: "Sequence[int]", room: "int | None"
) -> tuple[tuple[int, int], ...]:
    """Choose columns so that no line is wider than a terminal.

    A column is shown if it fits beside all columns of a lower rank that are shown. Columns of rank
    0 are always shown. If they do not fit, they become narrower, and their cells are wrapped.

    Args:
        columns: All columns.
        natural: The width of each column's widest cell, its heading included.
        room: The width of the terminal; None for no limit. Each column of rank 0 needs 4 cells.

    Returns:
        Index and width of each shown column, in the order of `columns`.
    """
    if room is None:
        return tuple(enumerate(natural))
    widths = {index: natural[index] for index, one in enumerate(columns) if one.rank == 0}
    left = room - sum(widths.values()) - GAP * max(0, len(widths) - 1)
    if left < 0:
        elastic = [index for index in widths if columns[index].elastic]
        left = _narrow(widths, elastic, left, ELASTIC_LEAST)
        left = _narrow(widths, list(widths), left, LEAST)
    for index in sorted(range(len(columns)), key=lambda index: (columns[index].rank, index)):
        needed = natural[index] + (GAP if widths else 0)
        if index not in widths and needed <= left:
            widths[index] = natural[index]
            left -= needed
    return tuple(sorted(widths.items()))


def _narrow(widths: dict[int, int], which: list[int], left: int, least: int) -> int:
    """Take cells from the widest columns until nothing is missing; return what is left."""
    while left < 0 and which:
        widest = max(which, key=lambda index: widths[index])
        if widths[widest] <= least:
            break
        widths[widest] -= 1
        left += 1
    return left
