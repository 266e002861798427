"""Signals from the first moment of a command on: held back, then handled.

The interpreter answers SIGINT with an exception, wherever it stands: in the middle of an import
that is a traceback, and within a callback of the interpreter's own the signal is lost. So the
command blocks signals first (`portweave.cli.entry`), and lets them in once it is known which of
them end it, and how: at once and in silence, with the exit status 128+n that a shell gives a
command which a signal has ended. What has to be undone by then is left to `at_end`.

A signal that was ignored when the command began, as nohup(1) does with SIGHUP and a shell with
SIGINT for `command &`, stays ignored; but see `let_in`.
"""

import os

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType, TracebackType
else:
    # `signal` makes enumerations of what this has as numbers.
    signal = __import__("_signal")

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_are_held = False
_at_end: "list[Callable[[], None]]" = []


def hold_back() -> None:
    """Block what ends a command, until `let_in`."""
    global _are_held
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    _are_held = True


def let_in(*, orderly: bool = False) -> None:
    """Let signals in. Nothing is done where they were not held back, as in another program.

    Args:
        orderly: Whether the command has something to undo. Then SIGTERM and SIGHUP end it as SIGINT
            does; and SIGINT and SIGTERM do so even where they were ignored at the start, for they
            stop a stack, too, that a script has started in the background.
    """
    global _are_held
    if not _are_held:
        return
    _are_held = False
    for number in ENDING if orderly else (signal.SIGINT,):
        always = orderly and number != signal.SIGHUP
        if always or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def at_end(undo: "Callable[[], None]") -> None:
    """Have something undone, after what was named before, when a signal ends the command."""
    _at_end.append(undo)


def drop_ends() -> None:
    """Have nothing undone any more."""
    _at_end.clear()


def leave(number: int, _frame: "FrameType | None" = None) -> None:
    """End at once, with the exit status 128+n."""
    try:
        for undo in tuple(_at_end):
            undo()
    finally:
        os._exit(128 + number)


class Raised:
    """As a context manager: within it SIGINT is a `KeyboardInterrupt`, for who has to clean up."""

    def __enter__(self) -> None:
        """Begin."""
        self._before = signal.getsignal(signal.SIGINT)
        if self._before is leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """End."""
        if self._before is leave:
            signal.signal(signal.SIGINT, leave)
