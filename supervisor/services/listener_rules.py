"""Pure. Whether a service's port still has its listener, by one look a second.

A reload takes a listener away for a moment, so it counts as lost only when several looks in a row
lack it. A reloader may also hold the socket of a program that has died: its connections then wait
in the accept queue (listen(2)), and the last thing printed is an error.
"""

from collections.abc import Iterable

from portweave.encoding.value import value

LOOK_S = 1.0
LOST_LOOKS = 3
# A connection that waits this long is not accepted any more.
STUCK_S = 10.0
# A loss without an error may still be a slow reload: users are told after this time.
TOLD_S = 10.0
# Where debuggers and page reloaders of Node, Java, Python and Vite listen, before the program does.
_DEBUGGERS = frozenset({*range(9229, 9240), 5005, 5678, 24678, 35729})


@value
class ListenerState:
    """What the looks at the port of one run have found.

    Attributes:
        misses: Looks in a row that lacked the listener.
        missing_since_s: Time of the first of these; None where there is none.
        queued_since_s: Since when connections have waited for accept(2); None where none waits.
    """

    misses: int = 0
    missing_since_s: float | None = None
    queued_since_s: float | None = None


@value
class Finding:
    """What is wrong with a listener.

    Attributes:
        reason: Why the service does not answer; empty while it is held to do so.
        is_quiet: Whether it is too early to tell users.
    """

    reason: str = ""
    is_quiet: bool = False


HEALTHY = Finding()


def after_look(heard: ListenerState, queue: int | None, now_s: float) -> ListenerState:
    """What is known after one more look.

    Args:
        heard: What was known before.
        queue: How many connections wait for the service's listener; None without a listener.
        now_s: The time.
    """
    if queue is None:
        since_s = now_s if heard.missing_since_s is None else heard.missing_since_s
        return ListenerState(heard.misses + 1, since_s)
    if not queue:
        return ListenerState()
    return ListenerState(
        queued_since_s=now_s if heard.queued_since_s is None else heard.queued_since_s
    )


def judge_listener(heard: ListenerState, port: int, error: str, now_s: float) -> Finding:
    """Judge a listener that the service once had.

    Args:
        heard: What the looks have found.
        port: The port.
        error: The error that the service printed last; empty where the last output was none.
        now_s: The time.
    """
    printed = f"; it printed: {error}" if error else ""
    if heard.missing_since_s is not None:
        is_quiet = not error and now_s - heard.missing_since_s < TOLD_S
        if heard.misses < LOST_LOOKS:
            return Finding("", is_quiet=True)
        return Finding(f"nothing of it listens on port {port} any more{printed}", is_quiet=is_quiet)
    queued_s = 0.0 if heard.queued_since_s is None else now_s - heard.queued_since_s
    if error and queued_s >= STUCK_S:
        return Finding(f"it accepts no connection on port {port}{printed}")
    return HEALTHY


def without_debuggers(ports: Iterable[int]) -> tuple[int, ...]:
    """Ports in order, without those of debuggers: these tell nothing of where a program listens."""
    return tuple(sorted(set(ports) - _DEBUGGERS))
