"""Pure. The lines of a log, wrapped to a width, with a search.

Rows have numbers that never change: when the oldest lines are dropped, the first row's number
grows. So a view that has scrolled back stays where it is.
"""

from bisect import bisect_right
from collections.abc import Iterable

from rich.cells import cell_len

from portweave.encoding.value import value

_TAB = "    "


@value
class LogLine:
    """A line of a log.

    Attributes:
        at_ms: When it was printed, in milliseconds since the epoch.
        instance: Such as `web.2`.
        is_note: Whether portweave itself wrote it.
        text: With colours, as escape sequences.
        plain: Without colours.
    """

    at_ms: int
    instance: str
    is_note: bool
    text: str
    plain: str


@value
class Row:
    """A row on the screen.

    Attributes:
        line: The number of its line.
        start: The first character of the line's plain text that it shows.
        end: The first one that it does not show.
    """

    line: int
    start: int
    end: int


class LogBuffer:
    """The last lines of a log.

    Args:
        most: How many lines to keep.
        width: The width of rows, in cells.
    """

    def __init__(self, most: int, width: int = 80) -> None:
        self._most = most
        self._width = max(1, width)
        self._lines: list[LogLine] = []
        # The number of the first line, the number of its first row, and where each line ends.
        self._first = 0
        self._first_row = 0
        self._ends: list[int] = []

    @property
    def first_row(self) -> int:
        """The number of the first row."""
        return self._first_row

    @property
    def end_row(self) -> int:
        """The number behind that of the last row."""
        return self._ends[-1] if self._ends else self._first_row

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> LogLine:
        """Return a line by its number."""
        return self._lines[number - self._first]

    def append(self, lines: Iterable[LogLine]) -> None:
        """Add lines at the end; drop the oldest beyond the limit."""
        for line in lines:
            self._lines.append(line)
            self._ends.append(self.end_row + len(_starts(line.plain, self._width)))
        more = len(self._lines) - self._most
        # Dropping one line at a time would move all others each time.
        if more > self._most // 10:
            self._first += more
            self._first_row = self._ends[more - 1]
            del self._lines[:more]
            del self._ends[:more]

    def resize(self, width: int) -> None:
        """Wrap all lines anew; the first row keeps its number."""
        self._width = max(1, width)
        end = self._first_row
        for number, line in enumerate(self._lines):
            end += len(_starts(line.plain, self._width))
            self._ends[number] = end

    def row(self, number: int) -> Row | None:
        """Return a row by its number; None where there is none."""
        if not self._first_row <= number < self.end_row:
            return None
        at = bisect_right(self._ends, number)
        starts = _starts(self._lines[at].plain, self._width)
        within = number - (self._ends[at - 1] if at else self._first_row)
        end = starts[within + 1] if within + 1 < len(starts) else len(self._lines[at].plain)
        return Row(self._first + at, starts[within], end)

    def row_of(self, line: int) -> int:
        """Return the number of the first row of a line."""
        at = line - self._first
        return self._ends[at - 1] if at > 0 else self._first_row

    def find(self, sought: str, line: int, *, up: bool) -> int | None:
        """Return the number of the next line that contains a text; None for none.

        Args:
            sought: The text; case does not matter.
            line: The line at which the search begins; it is looked at too.
            up: Whether to search towards the first line.
        """
        if not sought or not self._lines:
            return None
        folded = sought.casefold()
        last = self._first + len(self._lines) - 1
        line = min(max(line, self._first), last)
        numbers = range(line, self._first - 1, -1) if up else range(line, last + 1)
        return next((n for n in numbers if folded in self.line(n).plain.casefold()), None)

    def count(self, sought: str) -> int:
        """Return how many lines contain a text."""
        folded = sought.casefold()
        return sum(folded in line.plain.casefold() for line in self._lines) if sought else 0


def matches_in(plain: str, sought: str) -> list[tuple[int, int]]:
    """Return where a text occurs in a line: the starts and ends, in characters."""
    text, folded = plain.casefold(), sought.casefold()
    # Some letters become two when their case is folded. Then nothing is marked.
    if not folded or len(text) != len(plain):
        return []
    found: list[tuple[int, int]] = []
    at = text.find(folded)
    while at >= 0:
        found.append((at, at + len(folded)))
        at = text.find(folded, at + len(folded))
    return found


def without_tabs(text: str) -> str:
    """Return a text with spaces for its tabs: the width of a tab depends on its place."""
    return text.replace("\t", _TAB)


def _starts(plain: str, width: int) -> list[int]:
    """Return at which characters the rows of a line begin; there is at least one row."""
    if plain.isascii():
        return list(range(0, len(plain), width)) or [0]
    found, used = [0], 0
    for number, char in enumerate(plain):
        cells = cell_len(char)
        if used + cells > width and number > found[-1]:
            found.append(number)
            used = 0
        used += cells
    return found
