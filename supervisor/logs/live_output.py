"""Draws the live last line below the output of `up`. `system/live_line` decides when."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Protocol

from portweave.encoding.cells import width
from portweave.encoding.text_style import Span, plain, render
from portweave.system.held_output import CLEAR_LINE
from portweave.system.live_line import (
    FIRST_S,
    Began,
    Changed,
    Draw,
    Ended,
    Erase,
    Event,
    Held,
    LiveLine,
    PartBegun,
    PartEnded,
    Printed,
    Released,
    Say,
    Ticked,
    next_s,
    step,
)
from portweave.system.nonblocking_output import NonblockingOutput

# After this time a line is tried again that could not be drawn, because the command runs in the
# background of its terminal.
_BACKGROUND_S = 1.0
_DEFAULT_COLUMNS = 80


class Content(Protocol):
    """Makes the text of the line when it is drawn or said."""

    def live(self, elapsed_s: int, turn: int, columns: int) -> list[str | Span]:
        """The line for a terminal of `columns`; empty where there is nothing to show."""
        ...

    def plain(self, elapsed_s: int) -> str:
        """The plain line; empty where there is nothing to say."""
        ...


class LiveOutput:
    """The live last line of a terminal, or its plain lines.

    Args:
        output: The terminal. If it is slow, the line is not drawn.
        mode: `LIVE` or `PLAIN`.
        colour: Whether to write colours.
        say: Prints a plain line.
        is_foreground: Whether the command runs in the foreground of its terminal.
    """

    def __init__(
        self,
        output: NonblockingOutput,
        mode: str,
        *,
        colour: bool,
        say: Callable[[str], None],
        is_foreground: Callable[[], bool],
    ) -> None:
        self._output = output
        self._colour = colour
        self._say = say
        self._is_foreground = is_foreground
        self._line = LiveLine(mode)
        self._content: Content | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Whether other output was written since the last event.
        self._flows = False
        self._drawn = b""
        self._drawn_width = 0

    def begin(self, content: Content, since_s: float, patience_s: float = FIRST_S) -> None:
        """Show what is waited for from now on, in place of what was waited for before.

        Args:
            content: Makes the text.
            since_s: When the wait began.
            patience_s: A shorter wait shows nothing.
        """
        if self._content is content:
            self._take(Changed())
            return
        self.end()
        self._content = content
        self._take(Began(since_s, patience_s))

    def end(self) -> None:
        """Remove the line: nothing is waited for any more."""
        if self._content is not None:
            self._take(Ended())
            self._content = None

    def before_output(self) -> None:
        """Remove the line, because other output follows. This costs nothing while lines flow."""
        if not self._flows:
            self._flows = True
            self._take(Printed())

    def begin_part(self) -> None:
        """Remove the line while an incomplete line is on the terminal."""
        self._take(PartBegun())

    def end_part(self) -> None:
        """Draw it again: no line is incomplete any more."""
        self._take(PartEnded())

    def resize(self) -> None:
        """Draw the line anew in the terminal's width."""
        self._erase()
        self._take(Changed())

    def hold(self) -> None:
        """Remove the line until `release`."""
        self._take(Held())

    def release(self) -> None:
        """Draw it again."""
        self._take(Released())

    def _take(self, event: Event) -> None:
        now_s = time.monotonic()
        if self._flows and not isinstance(event, Printed):
            self._flows = False
            self._line, _ = step(self._line, Printed(), now_s)
        self._line, actions = step(self._line, event, now_s)
        for action in actions:
            match action:
                case Draw(elapsed_s, turn):
                    self._draw(elapsed_s, turn, now_s)
                case Erase():
                    self._erase()
                case Say(elapsed_s):
                    if self._content is not None and (text := self._content.plain(elapsed_s)):
                        self._say(text)
        self._schedule()

    def _schedule(self) -> None:
        due_s = next_s(self._line)
        if self._timer is not None:
            if due_s is not None and self._timer.when() <= due_s:
                # It comes too early, and is set anew then: lines that flow set no timers.
                return
            self._timer.cancel()
            self._timer = None
        if due_s is not None:
            self._timer = asyncio.get_running_loop().call_at(due_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._take(Ticked())

    def _draw(self, elapsed_s: int, turn: int, now_s: float) -> None:
        assert self._content is not None
        if not self._output.idle or self._output.lagging:
            # A line that waits in the queue would be shown too late.
            self._line, _ = step(self._line, Printed(), now_s)
            self._erase()
            return
        if not self._is_foreground():
            self._line, _ = step(self._line, Printed(), now_s + _BACKGROUND_S)
            self._erase()
            return
        parts = self._content.live(elapsed_s, turn, self._columns())
        drawn = render(parts, colour=self._colour).encode("utf-8", "backslashreplace")
        if drawn != self._drawn:
            self._output.put(CLEAR_LINE, drawn)
            self._drawn = drawn
            self._drawn_width = width(plain(parts))

    def _erase(self) -> None:
        if not self._drawn:
            return
        # A terminal that has become narrower has wrapped the line.
        rows = (self._drawn_width - 1) // self._columns()
        self._output.put(b"\x1b[A" * rows + CLEAR_LINE + (b"\x1b[J" if rows > 0 else b""))
        self._drawn = b""

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._output.fd).columns or _DEFAULT_COLUMNS
        except OSError:  # it is closed
            return _DEFAULT_COLUMNS
