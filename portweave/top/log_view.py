"""The widget that shows a log: it follows the end, or stays where the user has scrolled to."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from portweave.top.log_buffer import LogBuffer, LogLine, Row, matches_in
from portweave.top.running_app import app_of
from portweave.top.span_strips import PLAIN, blank_strip, style_of

_MOST_LINES, _MOST_STRIPS = 20_000, 500


class LogView(ScrollView, can_focus=True, inherit_bindings=False):
    """A log.

    Args:
        has_names: Whether each line begins with the name of its service.
        is_tail: Whether to show only the last rows, without scrolling.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_by(-1)", show=False),
        Binding("down", "scroll_by(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]

    class Moved(Message):
        """The view has begun to follow the end, or has stopped."""

    def __init__(
        self,
        *,
        has_names: bool = False,
        is_tail: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._is_tail = is_tail
        self._has_names = has_names
        self._has_times = False
        self._buffer = LogBuffer(_MOST_LINES)
        self._widest = 0
        self._lines: list[LogLine] = []
        self._strips: dict[tuple[int, int, int, str, bool], Strip] = {}
        self._sought = ""
        self._found: int | None = None
        self.is_following = True

    @property
    def count(self) -> int:
        """The number of lines."""
        return len(self._buffer)

    def count_of(self, sought: str) -> int:
        """Return how many lines contain a text."""
        return self._buffer.count(sought)

    def restart(self, *, has_names: bool) -> None:
        """Show another log from its beginning.

        Args:
            has_names: Whether each line begins with the name of its service.
        """
        self._has_names, self._widest, self._lines = has_names, 0, []
        self._buffer = LogBuffer(_MOST_LINES, self.size.width)
        self._strips.clear()
        self.is_following = True
        self._fit()

    def append(self, lines: Iterable[LogLine]) -> None:
        """Add lines at the end."""
        before = self._buffer.first_row
        new = list(lines)
        self._lines += new
        del self._lines[:-_MOST_LINES]
        widest = max([self._widest, *(len(one.instance) for one in new)])
        if self._has_names and widest != self._widest:
            self._widest = widest
            self._wrap_anew()
            return
        self._buffer.append(map(self._prefixed, new))
        dropped = self._buffer.first_row - before
        self._fit()
        if not self.is_following and dropped:
            self.scroll_to(y=max(0, self.scroll_y - dropped), animate=False, immediate=True)
            self.refresh()

    def show_times(self, *, are_shown: bool) -> None:
        """Show or hide the time of each line."""
        self._has_times = are_shown
        self._wrap_anew()

    @property
    def has_times(self) -> bool:
        """Whether each line begins with its time."""
        return self._has_times

    def search(self, sought: str, *, again: bool = False, up: bool = True) -> int:
        """Go to a line that contains a text; return how many do.

        Args:
            sought: The text; empty for no search.
            again: Whether to go on from the last match, instead of the end of the screen.
            up: Whether to search towards the first line.
        """
        self._sought = sought
        self.refresh()
        last = self._buffer.row(
            min(
                self._buffer.first_row + round(self.scroll_y) + self.size.height,
                self._buffer.end_row,
            )
            - 1
        )
        start = last.line if last is not None else 0
        if again and self._found is not None:
            start = self._found + (-1 if up else 1)
        found = self._buffer.find(sought, start, up=up)
        if found is not None:
            self._found = found
            self.is_following = False
            row = self._buffer.row_of(found) - self._buffer.first_row
            top = round(self.scroll_y)
            if not top <= row < top + self.size.height:
                self.scroll_to(y=max(0, row - self.size.height // 2), animate=False, immediate=True)
        elif not again:
            self._found = None
        return self._buffer.count(sought)

    def follow(self, *, follows: bool) -> None:
        """Follow the end, or stay."""
        self.is_following = follows
        if follows:
            self._found = None
            self._fit()

    def action_scroll_by(self, rows: int) -> None:
        """Scroll by some rows; a negative number goes up."""
        self.scroll_to(y=self.scroll_y + rows, animate=False, immediate=True)
        self._note_place()

    def action_page(self, direction: int) -> None:
        """Scroll by a screen: down (1) or up (-1)."""
        self.action_scroll_by(direction * max(1, self.size.height - 1))

    def go_to_start(self) -> None:
        """Go to the first line, and stay there."""
        self.is_following = False
        self.scroll_to(y=0, animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow while the end is in view, and no longer."""
        super().watch_scroll_y(old_value, new_value)
        self._note_place()

    def on_resize(self, event: Resize) -> None:
        """Wrap the lines anew."""
        self._buffer.resize(self._width)
        self._fit()

    def render_line(self, y: int) -> Strip:
        """Return a row of the screen."""
        width = self.size.width
        top = self._buffer.first_row + self.scroll_offset.y
        if self._is_tail:
            top = max(top, self._buffer.end_row - self.size.height)
        row = self._buffer.row(top + y)
        if row is None:
            return blank_strip(width)
        # Lines that come in move the others, which look as before.
        key = (row.line, row.start, width, self._sought, row.line == self._found)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _MOST_STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._strip_of(row, width)
        return strip

    def _strip_of(self, row: Row, width: int) -> Strip:
        line = self._buffer.line(row.line)
        text = _text_of(line).copy()
        for start, end in matches_in(line.plain, self._sought):
            text.stylize(style_of("match"), start, end)
        if row.line == self._found:
            text.stylize("bold")
        segments = [
            Segment(segment.text, segment.style or PLAIN)
            for segment in text[row.start : row.end].render(app_of(self).console)
            if segment.text
        ]
        return Strip(segments).adjust_cell_length(width, PLAIN)

    @property
    def _width(self) -> int:
        return max(1, self.size.width)

    def _fit(self) -> None:
        """Take the number of rows; go to the last one where the view follows."""
        rows = self._buffer.end_row - self._buffer.first_row
        # A new size lays the whole screen out anew, which takes longer than drawing the rows.
        if not self._is_tail and (size := Size(0, rows)) != self.virtual_size:
            self.virtual_size = size
        if self.is_following and not self._is_tail:
            self.scroll_to(
                y=max(0, rows - self.size.height), animate=False, immediate=True, force=True
            )
        self.refresh()

    def _note_place(self) -> None:
        follows = self.scroll_y >= self.max_scroll_y
        if follows != self.is_following:
            self.is_following = follows
            self.post_message(self.Moved())

    def _wrap_anew(self) -> None:
        self._buffer = LogBuffer(_MOST_LINES, self._width)
        self._strips.clear()
        self._buffer.append(map(self._prefixed, self._lines))
        self._found = None
        self._fit()

    def _prefixed(self, line: LogLine) -> LogLine:
        """Return a line with its time and name in front, as far as they are shown."""
        lead, plain = "", ""
        if self._has_times:
            clock = f"{datetime.fromtimestamp(line.at_ms / 1000):%H:%M:%S} "  # noqa: DTZ006 - local
            lead, plain = f"\x1b[2m{clock}\x1b[0m", clock
        if self._has_names:
            name = f"{line.instance:<{self._widest}} │ "
            lead, plain = f"{lead}\x1b[2m{name}\x1b[0m", plain + name
        return LogLine(
            line.at_ms, line.instance, line.is_note, lead + line.text, plain + line.plain
        )


@lru_cache(maxsize=512)
def _text_of(line: LogLine) -> Text:
    text = Text.from_ansi(line.text, end="")
    if line.is_note:
        text.stylize("dim")
    return text
