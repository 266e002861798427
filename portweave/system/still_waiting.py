"""What a command tells while it waits. It costs nothing until a wait has become long.

A verb that may wait opens a `Wait`. Loops that wait call `still`, or `pause_s` for how long they
may sleep. The first call after `FIRST_S` makes the line, which the verb's module imports only then.
"""

import time

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, Self

    class Line(Protocol):
        """Shows what is waited for."""

        @property
        def descriptor(self) -> int | None:
            """Becomes readable when the line needs `tick`; None for none."""
            ...

        def next_s(self) -> float | None:
            """When the line needs `tick`, on the monotonic clock; None for never."""
            ...

        def tick(self) -> None:
            """Draw the line, if its time has come."""
            ...

        def name(self, what: str) -> None:
            """Show what the command waits for, until an item tells more; empty where unknown."""
            ...

        def take(self, item: object) -> None:
            """Show what an item of the supervisor says is waited for; it may be nothing."""
            ...

        def before_output(self) -> None:
            """Remove the line, because other output follows."""
            ...

        def note_part(self, *, is_open: bool) -> None:
            """Note whether an incomplete line is on the terminal."""
            ...

        def close(self) -> None:
            """Remove the line."""
            ...

    Make = Callable[[float], Line]


# A shorter wait shows nothing.
FIRST_S = 0.3
_FOREVER_S = 3600.0


class Wait:
    """The waits of one command, as a context manager that can be entered again.

    Args:
        make: Makes the line for a wait that began at a time; None for a command that shows none.
    """

    def __init__(self, make: "Make | None") -> None:
        self._make = make
        self._line: Line | None = None
        self._began_s = 0.0
        self._what = ""
        self._item: object = None
        self._when_long: Callable[[], object] | None = None

    def __enter__(self) -> "Self":
        global _current
        if self._make is not None:
            self._began_s = time.monotonic()
            self._what, self._item = "", None
            _current = self
        return self

    def __exit__(self, *_: object) -> None:
        global _current
        _current = None
        if self._line is not None:
            self._line.close()
            self._line = None

    def when_long(self, act: "Callable[[], object] | None") -> None:
        """Call a function once when the wait has become long; at once if it has. None for none."""
        self._when_long = act
        if self._line is not None:
            self._ask()

    def tick(self, what: str = "") -> None:
        """Show the line, if its time has come.

        Args:
            what: For what the command waits; empty for what was known before.
        """
        self._what = what or self._what
        if self._line is None:
            if self._make is None or time.monotonic() < self._began_s + FIRST_S:
                return
            self._line = self._make(self._began_s)
            if self._item is not None:
                self._line.take(self._item)
            else:
                self._line.name(self._what)
            self._ask()
        elif what:
            self._line.name(what)
        self._line.tick()

    def take(self, item: object) -> None:
        """Take what the supervisor says is waited for."""
        self._item = item
        if self._line is not None:
            self._line.take(item)

    def before_output(self, *, is_part: bool) -> None:
        """Remove the line, because the command writes other output.

        Args:
            is_part: Whether the output ends with an incomplete line.
        """
        if self._line is not None:
            self._line.before_output()
            self._line.note_part(is_open=is_part)

    def pause_s(self) -> float:
        """How long to sleep until the line needs `tick`."""
        due_s = self._began_s + FIRST_S if self._line is None else self._line.next_s()
        return _FOREVER_S if due_s is None else max(0.0, due_s - time.monotonic())

    def until_readable(self, descriptor: int, limit_s: float | None) -> bool:
        """Wait until a descriptor is readable; return whether it is, after at most `limit_s`."""
        from select import select

        until_s = time.monotonic() + (_FOREVER_S if limit_s is None else limit_s)
        while True:
            self.tick()
            own = None if self._line is None else self._line.descriptor
            left_s = max(0.0, until_s - time.monotonic())
            watched = [descriptor] if own is None else [descriptor, own]
            if descriptor in select(watched, [], [], min(left_s, self.pause_s()))[0]:
                return True
            if limit_s is not None and time.monotonic() >= until_s:
                return False

    def _ask(self) -> None:
        act, self._when_long = self._when_long, None
        if act is not None:
            act()


_current: Wait | None = None


def current() -> Wait | None:
    """The open `Wait`; None for none."""
    return _current


def still(what: str) -> None:
    """Note in a loop that the command still waits.

    Args:
        what: For what, such as `the guardian`.
    """
    if _current is not None:
        _current.tick(what)


def pause_s(what: str, longest_s: float) -> float:
    """Note that the command still waits, and return how long to sleep before the next note.

    Args:
        what: For what, such as `the guardian`.
        longest_s: The longest time to sleep.
    """
    if _current is None:
        return longest_s
    _current.tick(what)
    return min(longest_s, _current.pause_s())
