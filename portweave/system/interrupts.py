"""Hold signals back while a command starts; then let them end it cleanly.

The interpreter answers SIGINT with an exception at any place. In an import that is a traceback;
in a callback of the interpreter the signal is lost. So the command blocks signals first
(`portweave.cli.entry`). It lets them in once it knows which of them end it, and how. They end it at
once and silently, with the exit status 128+n that a shell gives a command which a signal has ended.
`at_end` registers what to undo.

A signal that was ignored at the start of the command stays ignored: nohup(1) does so with SIGHUP,
and a shell with SIGINT for `command &`. See `let_in` for an exception.
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
    """Block the signals that end a command, until `let_in`."""
    global _are_held
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    _are_held = True


def let_in(*, orderly: bool = False) -> None:
    """Let signals in. Does nothing if they were not held back, for example in another program.

    Args:
        orderly: Whether the command has something to undo. Then SIGTERM and SIGHUP end it as SIGINT
            does. SIGINT and SIGTERM do so even if they were ignored at the start: they must stop a
            stack that a script has started in the background.
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
    """Register a function to call if a signal ends the command, after all registered before."""
    _at_end.append(undo)


def not_at_end(undo: "Callable[[], None]") -> None:
    """Remove a function that `at_end` has registered."""
    if undo in _at_end:
        _at_end.remove(undo)


def clear_at_end() -> None:
    """Remove all functions registered by `at_end`."""
    _at_end.clear()


def leave(number: int, _frame: "FrameType | None" = None) -> None:
    """End the process at once, with the exit status 128+n."""
    try:
        for undo in tuple(_at_end):
            undo()
    finally:
        os._exit(128 + number)


class Raised:
    """A context manager: SIGINT raises `KeyboardInterrupt` within it, so that code can clean up."""

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
