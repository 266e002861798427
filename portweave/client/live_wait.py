"""The live last line of a command that waits for a supervisor, or its plain lines."""

import os
import sys
import time

from portweave.encoding import colours
from portweave.encoding.cells import width
from portweave.encoding.marks import marks_of
from portweave.encoding.text_style import plain, render
from portweave.supervisor.reporting.waiting_line import (
    WAITING,
    Waited,
    Waiting,
    from_json,
    live_line,
    plain_line,
)
from portweave.system import interrupts
from portweave.system.live_line import (
    LIVE,
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
    mode_of,
    next_s,
    step,
)
from portweave.system.processes import in_foreground

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import Any
else:
    # `signal` makes enumerations of what this has as numbers.
    signal = __import__("_signal")

_CLEAR_LINE = "\r\x1b[K"
_DEFAULT_COLUMNS = 80
# After this time a line is tried again that could not be drawn, because the command runs in the
# background of its terminal.
_BACKGROUND_S = 1.0


class LiveWait:
    """Shows what a command waits for, on stderr.

    Args:
        began_s: When the wait began.
        environ: The environment of the command.
        refused: Whether the command line refuses colours.
        verb: What the command does while it waits: a verb of `waiting_line`.
        about: What it waits for, until more is known.
    """

    def __init__(
        self,
        began_s: float,
        environ: "Mapping[str, str]",
        *,
        refused: bool = False,
        verb: str = WAITING,
        about: str = "the supervisor",
    ) -> None:
        is_terminal = os.isatty(2)
        self._colour = colours.of_words(environ, is_terminal=is_terminal, refused=refused)
        self._marks = marks_of(environ)
        self._verb = verb
        self._about = about
        self._waiting = Waiting()
        self._began_s = began_s
        self._drawn = ""
        self._drawn_width = 0
        self._signals = _Signals(self._end_at_once, self._suspend)
        self._line = LiveLine(mode_of(environ, is_terminal=is_terminal))
        if self._line.mode == LIVE:
            self._signals.install()
            _before_writes(sys.stderr, self.before_output)

    @property
    def descriptor(self) -> int | None:
        """Becomes readable when the terminal has another width."""
        return self._signals.descriptor

    def next_s(self) -> float | None:
        """When the line is drawn or said next, on the monotonic clock; None for never."""
        return next_s(self._line)

    def tick(self) -> None:
        """Draw or say the line, if its time has come."""
        if self._signals.has_resized():
            self._erase()
            self._take(Changed())
        self._take(Ticked())

    def name(self, what: str) -> None:
        """Show what the command waits for, in place of what the supervisor said before."""
        self._show(Waiting(self._verb, (Waited(what or self._about),)))

    def take(self, item: object) -> None:
        """Show what an item of the supervisor says is waited for; it may be nothing."""
        waiting = from_json(item)
        if waiting is not None:
            self._show(waiting)

    def before_output(self) -> None:
        """Remove the line, because other output follows."""
        self._take(Printed())

    def note_part(self, *, is_open: bool) -> None:
        """Note whether an incomplete line is on the terminal."""
        if is_open != self._line.part:
            self._take(PartBegun() if is_open else PartEnded())

    def close(self) -> None:
        """Remove the line, and give signals and stderr back."""
        self._take(Ended())
        if self._line.mode == LIVE:
            _before_writes(sys.stderr, None)
            self._signals.remove()

    def _show(self, waiting: Waiting) -> None:
        if waiting == self._waiting:
            return
        self._waiting = waiting
        if not waiting.waits:
            self._take(Ended())
            self._began_s = float("inf")
        elif self._line.began_s is None:
            self._take(Began(min(self._began_s, time.monotonic())))
        else:
            self._take(Changed())

    def _take(self, event: Event) -> None:
        now_s = time.monotonic()
        self._line, actions = step(self._line, event, now_s)
        for action in actions:
            match action:
                case Draw(elapsed_s, turn):
                    self._draw(elapsed_s, turn, now_s)
                case Erase():
                    self._erase()
                case Say(elapsed_s):
                    text = plain_line(self._waiting, elapsed_s, marks=self._marks)
                    print(f"[portweave] {text}", file=sys.stderr, flush=True)  # noqa: T201

    def _draw(self, elapsed_s: int, turn: int, now_s: float) -> None:
        if not in_foreground(os.getpid()):
            self._line, _ = step(self._line, Printed(), now_s + _BACKGROUND_S)
            self._erase()
            return
        parts = live_line(self._waiting, elapsed_s, turn, _columns(), marks=self._marks)
        drawn = render(parts, colour=self._colour)
        if drawn != self._drawn:
            self._drawn, self._drawn_width = drawn, width(plain(parts))
            _write(_CLEAR_LINE + drawn)

    def _erase(self) -> None:
        if self._drawn:
            # A terminal that has become narrower has wrapped the line.
            rows = (self._drawn_width - 1) // _columns()
            self._drawn = ""
            _write("\x1b[A" * rows + _CLEAR_LINE + ("\x1b[J" if rows > 0 else ""))

    def _end_at_once(self) -> None:
        self._take(Ended())

    def _suspend(self, stop: "Callable[[], None]") -> None:
        """Remove the line while Ctrl-Z stops the command."""
        self._take(Held())
        stop()
        self._take(Released())


class _Signals:
    """The signals that concern a live line, while there is one.

    Args:
        end: Called when a signal ends the command.
        suspend: Called for SIGTSTP, with a function that stops the process until SIGCONT.

    Attributes:
        descriptor: Becomes readable when a signal has come; None before `install`.
    """

    def __init__(
        self, end: "Callable[[], None]", suspend: "Callable[[Callable[[], None]], None]"
    ) -> None:
        self.descriptor: int | None = None
        self._end = end
        self._suspend = suspend
        self._writing = -1
        self._before: list[tuple[int, Any]] = []
        self._wake_before = -1

    def install(self) -> None:
        """Handle the signals from now on."""
        self.descriptor, self._writing = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writing, False)
        self._wake_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        interrupts.at_end(self._end)
        # Python writes its number to the pipe.
        self._handle(signal.SIGWINCH, _ignore)
        # Signals that the caller ignores or handles itself stay so.
        for number, handler in (
            (signal.SIGTERM, interrupts.leave),
            (signal.SIGTSTP, self._stop),
        ):
            if signal.getsignal(number) == signal.SIG_DFL:
                self._handle(number, handler)

    def _handle(self, number: int, handler: "Callable[[int, FrameType | None], object]") -> None:
        self._before.append((number, signal.getsignal(number)))
        signal.signal(number, handler)

    def remove(self) -> None:
        """Give the signals back."""
        for number, before in self._before:
            signal.signal(number, before)
        signal.set_wakeup_fd(self._wake_before)
        interrupts.not_at_end(self._end)
        if self.descriptor is not None:
            os.close(self.descriptor)
            os.close(self._writing)
            self.descriptor = None

    def has_resized(self) -> bool:
        """Whether the terminal was resized since the last call."""
        if self.descriptor is None:
            return False
        try:
            return signal.SIGWINCH in os.read(self.descriptor, 4096)
        except BlockingIOError:
            return False

    def _stop(self, number: int, _frame: "FrameType | None") -> None:
        def stop() -> None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            # It goes on here after SIGCONT.
            signal.signal(number, self._stop)

        self._suspend(stop)


def _ignore(_number: int, _frame: "FrameType | None") -> None:
    return


class _Stream:
    """A stream that calls a function before each write."""

    def __init__(self, behind: "Any", before: "Callable[[], None]") -> None:
        self.behind = behind
        self._before = before

    def write(self, text: str) -> int:
        if text:
            self._before()
        written: int = self.behind.write(text)
        return written

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.behind, name)


def _before_writes(stream: "Any", before: "Callable[[], None] | None") -> None:
    """Call a function before each write to a stream of `EscapedStream`; None for none any more."""
    behind = stream.behind
    if isinstance(behind, _Stream):
        behind = behind.behind
    stream.behind = behind if before is None else _Stream(behind, before)


def _columns() -> int:
    try:
        return os.get_terminal_size(2).columns or _DEFAULT_COLUMNS
    except OSError:  # it is closed
        return _DEFAULT_COLUMNS


def _write(text: str) -> None:
    """Write to the terminal past the buffer of stderr, which a signal may have interrupted."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        # The terminal is gone.
        return
