"""Pure. Whether a service's port still has its listener, by one look a second.

A reload removes a listener for a moment, so it counts as lost after several looks in a row. A
reloader may also hold the socket of a dead program. Then connections wait in the accept queue
(listen(2)), and the last output is an error.
"""

from collections.abc import Iterable

from portweave.encoding.value import value

LOOK_S = 1.0
LOST_LOOKS = 3
# After this time, a waiting connection counts as not accepted.
STUCK_S = 10.0
# A loss without an error may be a slow reload, and is reported after this time.
TOLD_S = 10.0
# Ports of debuggers and page reloaders of Node, Java, Python and Vite.
_DEBUGGERS = frozenset({*range(9229, 9240), 5005, 5678, 24678, 35729})


@value
class ListenerState:
    """The listener of one run, as the looks have found it.

    Attributes:
        misses: Looks in a row without the listener.
        missing_since_s: Time of the first of these; None without any.
        queued_since_s: Since when connections wait for accept(2); None where none waits.
    """

    misses: int = 0
    missing_since_s: float | None = None
    queued_since_s: float | None = None


@value
class Finding:
    """What is wrong with a listener.

    Attributes:
        reason: Why the service does not answer; empty while it seems to.
        is_quiet: Whether it is too early to report it.
    """

    reason: str = ""
    is_quiet: bool = False


HEALTHY = Finding()


def after_look(before: ListenerState, queue: int | None, now_s: float) -> ListenerState:
    """The state after one more look.

    Args:
        before: The state before.
        queue: How many connections wait for the service's listener; None without a listener.
        now_s: The time.
    """
    if queue is None:
        since_s = now_s if before.missing_since_s is None else before.missing_since_s
        return ListenerState(before.misses + 1, since_s)
    if not queue:
        return ListenerState()
    return ListenerState(
        queued_since_s=now_s if before.queued_since_s is None else before.queued_since_s
    )


def judge_listener(state: ListenerState, port: int, error: str, now_s: float) -> Finding:
    """Judge a listener that the service had before.

    Args:
        state: What the looks have found.
        port: The port.
        error: The error in the service's last output; empty for none.
        now_s: The time.
    """
    printed = f"; it printed: {error}" if error else ""
    if state.missing_since_s is not None:
        is_quiet = not error and now_s - state.missing_since_s < TOLD_S
        if state.misses < LOST_LOOKS:
            return Finding("", is_quiet=True)
        return Finding(f"nothing of it listens on port {port} any more{printed}", is_quiet=is_quiet)
    queued_s = 0.0 if state.queued_since_s is None else now_s - state.queued_since_s
    if error and queued_s >= STUCK_S:
        return Finding(f"it accepts no connection on port {port}{printed}")
    return HEALTHY


def without_debuggers(ports: Iterable[int]) -> tuple[int, ...]:
    """Ports in order, without those of debuggers, which say nothing about the program itself."""
    return tuple(sorted(set(ports) - _DEBUGGERS))
