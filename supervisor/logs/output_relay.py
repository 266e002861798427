"""Shows the output of services and of portweave to its reader.

The queue of a `NonblockingOutput` has a limit in bytes. What does not fit is dropped, counted and
reported.
"""

import os
import time
from collections.abc import Callable, Iterable

from portweave.encoding.colours import Style
from portweave.encoding.marks import Marks
from portweave.encoding.text_style import PREFIX, Span, message, render
from portweave.supervisor.logs.backpressure import WaitBudget
from portweave.supervisor.logs.line_splitter import (
    for_pipe,
    for_terminal,
    with_prefix,
    without_colour,
)
from portweave.supervisor.logs.live_output import LiveOutput
from portweave.supervisor.logs.name_column import NameColumn
from portweave.supervisor.logs.screen_clear import BlankLines
from portweave.system.held_output import (
    CLEAR_LINE,
    HeldOutput,
)
from portweave.system.live_line import LIVE, OFF
from portweave.system.nonblocking_output import NonblockingOutput
from portweave.system.tasks import Within

# A terminal shows a prompt soon. The reader of a pipe wants whole lines; it gets a part of a line
# only if the rest does not come for a while.
_TERMINAL_PATIENCE_S = 0.1
_PIPE_PATIENCE_S = 0.25

# How much is kept while the view is held.
_HELD_BYTES = 1 << 20
# How much of each instance's newest output is kept while the reader is too slow.
_LAST_WORDS_BYTES = 16 << 10


class Source:
    """One stream of one instance, in the view."""

    def __init__(self, name: str, skipped: HeldOutput) -> None:
        self.name = name
        self.patience = WaitBudget()
        self.blank_lines = BlankLines()
        self.skipped = skipped


class View:
    """The multiplexed view: service output on stdout, portweave's messages on stderr.

    Args:
        names: The instances. They decide the width of the column and the colours.
        colour: Whether to show the colours of services.
        style: How names and messages look.
        silent: Whether the output has no reader; then lines are not even formatted.
        quiet: Whether portweave prints errors alone.
        waiting: How the view shows what is waited for: `LIVE`, `PLAIN` or `OFF`.
        is_foreground: Whether the command runs in the foreground of its terminal.

    Attributes:
        live: The live last line; None for none.
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        colour: bool,
        style: Style,
        silent: bool = False,
        quiet: bool = False,
        waiting: str = OFF,
        is_foreground: Callable[[], bool] = lambda: True,
    ) -> None:
        self._silent = silent
        self._quiet = quiet
        # Lines that a slow reader has not got, by instance.
        self._skipped: dict[str, HeldOutput] = {}
        self._out = NonblockingOutput(1, self._report_all_skipped)
        # If both are one terminal or one pipe, one thread keeps the order.
        self._err = self._out if _same_file(1, 2) else NonblockingOutput(2, lambda: None)
        names = tuple(names)
        self._column = NameColumn(names, style.names, style.marks, is_short=self._out.terminal)
        # Messages go to stderr, which may be a terminal where stdout is none.
        self._heads = (
            self._column
            if self._out.terminal
            else NameColumn(names, (), style.marks, is_short=True)
        )
        self._colour = colour
        self._style = style
        self._open: Source | None = None
        self._held: HeldOutput | None = None
        self._interactive = waiting == LIVE
        self.live = (
            LiveOutput(
                self._err,
                waiting,
                colour=style.words,
                say=self.say,
                is_foreground=is_foreground,
            )
            if waiting != OFF and not silent
            else None
        )
        # Portweave's held messages, if they have an output of their own.
        self._held_words = HeldOutput(_HELD_BYTES)
        self.partial_wait_limit_s = _TERMINAL_PATIENCE_S if self._out.terminal else _PIPE_PATIENCE_S

    def source(self, name: str) -> Source:
        """A stream of an instance, for the lines to show."""
        # It may have been added after the start.
        self._column.add((name,))
        skipped = self._skipped.setdefault(name, HeldOutput(_LAST_WORDS_BYTES))
        return Source(name, skipped)

    def forget(self, source: Source) -> None:
        """Mark a stream as ended."""
        if self._silent:
            return
        # Show its last lines before portweave reports its end.
        if not (self._out.lagging and self._out.overfull):
            self._report_skipped(source.name, source.skipped)
            if blank := source.blank_lines.close():
                self._put(*with_prefix(self._column.label(source.name), blank))
            if self._open is source:
                self._end_open_line()

    async def show(self, source: Source, lines: bytes) -> None:
        """Show whole lines. Wait a limited time for the reader, then drop them."""
        if self._silent:
            return
        if self._out.terminal:
            # The end of a line whose beginning is shown is no blank line.
            begun = lines.index(b"\n") + 1 if self._open is source else 0
            lines = lines[:begun] + source.blank_lines.feed(lines[begun:])
            if not lines:
                return
        wait_s = source.patience.earn(len(lines))
        if self._held is None and self._out.full and not self._out.lagging:
            began_s = time.monotonic()
            async with Within(wait_s):
                await self._out.room()
            source.patience.spend(time.monotonic() - began_s)
            self._out.lagging = self._out.full
        if self._held is None and self._out.lagging:
            source.skipped.put(lines)
            return
        self._report_skipped(source.name, source.skipped)
        sanitised = self._sanitise(lines)
        if self._open is source:
            # The rest of a line whose beginning is shown.
            end = sanitised.index(b"\n") + 1
            self._continue_line(source, lines[: lines.index(b"\n")], sanitised[:end])
            self._close_part()
            sanitised = sanitised[end:]
        if sanitised:
            self._put(*with_prefix(self._column.label(source.name), sanitised))

    def show_part(self, source: Source, part: bytes) -> None:
        """Show the beginning of a line that does not end for now, such as a prompt."""
        if self._out.full or self._out.lagging or self._silent or self._held is not None:
            return
        if blank := source.blank_lines.before(part):
            self._put(*with_prefix(self._column.label(source.name), blank))
        sanitised = self._sanitise(part)
        if self._open is source:
            self._continue_line(source, part, sanitised)
        else:
            self._put(self._column.label(source.name), sanitised)
            self._open = source
            if self.live is not None:
                self.live.begin_part()

    def _continue_line(self, source: Source, raw: bytes, sanitised: bytes) -> None:
        """Show more of an incomplete line: after its beginning, or in its place."""
        if self._out.terminal and b"\r" in raw.rstrip(b"\r"):
            self._put(CLEAR_LINE, self._column.label(source.name), sanitised, keep_open=True)
        else:
            self._put(sanitised, keep_open=True)

    def say(self, text: str, *, is_error: bool = False) -> None:
        """Show a message of portweave, with its prefix on each line.

        Args:
            text: The message.
            is_error: Whether to show it even if the view is quiet.
        """
        lines = (message(f"{PREFIX} {line}") for line in text.split("\n"))
        self.say_styled(*lines, is_error=is_error)

    def say_styled(self, *lines: "Iterable[str | Span]", is_error: bool = False) -> None:
        """Show lines of portweave as they are, with colours where messages have them.

        Args:
            lines: The lines.
            is_error: Whether to show them even if the view is quiet.
        """
        if is_error or not self._quiet:
            self.print("".join(f"{render(line, colour=self._style.words)}\n" for line in lines))

    def say_of(self, name: str, text: "Iterable[str | Span]", *, is_error: bool = False) -> None:
        """Show a line of portweave about an instance, in the column of that instance.

        Args:
            name: The instance.
            text: The text, with a sign at its beginning in place of the bar.
            is_error: Whether to show it even if the view is quiet.
        """
        self.say_styled((*self._heads.head(name), *text), is_error=is_error)

    def print(self, text: str) -> None:
        """Show whole lines on stderr, without a prefix, as `text_style.render` has made them."""
        if self._silent:
            return
        data = text.encode("utf-8", "backslashreplace")
        if self._err is self._out:
            self._put(data)
        elif self._held is not None:
            self._held_words.put(data)
        else:
            if self.live is not None:
                self.live.before_output()
            self._err.put(data)

    def hold(self, text: str) -> None:
        """Show a last message, and then nothing more until `release`.

        Queued output is shown first. While it is being written, `idle` is false.
        """
        if self._held is not None:
            return
        if self.live is not None:
            self.live.hold()
        waiting = self._out.take_back()
        if self.live is not None and self._open is None:
            # What removes the live line was perhaps taken back.
            self._out.put(CLEAR_LINE)
        self._end_open_line()
        self.say(text)
        self._held = HeldOutput(_HELD_BYTES)
        for piece in waiting:
            self._held.put(piece)

    @property
    def idle(self) -> bool:
        """Whether stdout has written all queued output."""
        return self._out.idle

    def release(self) -> None:
        """Show the output since `hold`; at least the newest part."""
        if self._held is None:
            return
        skipped_lines, pieces = self._held.drain()
        self._held = None
        if skipped_lines:
            self.say(f"{skipped_lines:,} lines skipped: too much has come while this was stopped")
        for piece in pieces:
            self._put(piece)
        for words in self._held_words.drain()[1]:
            self._err.put(words)
        if self.live is not None:
            self.live.release()

    def close(self, wait_limit_s: float = 1.0) -> None:
        """Write queued output, then stop.

        Args:
            wait_limit_s: How long to wait for a reader that takes nothing.
        """
        self.release()
        if self.live is not None:
            self.live.end()
        self._report_all_skipped()
        self._end_open_line()
        self._out.close(wait_limit_s)
        if self._err is not self._out:
            self._err.close(wait_limit_s)

    def size(self) -> tuple[int, int] | None:
        """Rows and columns beside a service's name; None without a terminal."""
        try:
            size = os.get_terminal_size(1)
        except OSError:
            return None
        room = size.columns - self._column.width - len(" | ")
        # A terminal that does not tell its size has none. A very small one is of no use.
        return (size.lines or 24, max(20, room)) if size.columns else None

    @property
    def interactive(self) -> bool:
        """Whether there is a terminal whose last line shows what is waited for."""
        return self._interactive

    def head_of(self, name: str) -> tuple[Span, ...]:
        """The name of an instance, as in the column of names."""
        return self._heads.head(name)

    @property
    def marks(self) -> Marks | None:
        """The signs of messages on a terminal; None where stderr is no terminal."""
        return self._style.marks if self._err.terminal else None

    def _sanitise(self, lines: bytes) -> bytes:
        if self._out.terminal:
            return for_terminal(lines, colour=self._colour)
        return for_pipe(lines) if self._colour else without_colour(lines)

    def _put(self, *pieces: bytes, keep_open: bool = False) -> None:
        if self._held is not None:
            self._held.put(b"".join(pieces))
            return
        if self.live is not None:
            self.live.before_output()
        if not keep_open:
            self._end_open_line()
        self._out.put(*pieces)

    def _end_open_line(self) -> None:
        if self._open is not None:
            self._out.put(b"\n")
            self._close_part()

    def _close_part(self) -> None:
        self._open = None
        if self.live is not None:
            self.live.end_part()

    def _report_all_skipped(self) -> None:
        for name, skipped in self._skipped.items():
            self._report_skipped(name, skipped)

    def _report_skipped(self, name: str, skipped: HeldOutput) -> None:
        lines, last_words = skipped.drain()
        if not (lines or last_words):
            return
        prefix = self._column.label(name)
        if lines:
            text = f"[{lines:,} lines skipped: the reader of this output was too slow]\n"
            self._put(*with_prefix(prefix, text.encode()))
        for piece in last_words:
            self._put(*with_prefix(prefix, self._sanitise(piece)))


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False
