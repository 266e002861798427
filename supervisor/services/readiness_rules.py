"""Pure. Is it up: how often to ask, and what several answers come to.

Asking starts fast and slows down, so that a service which is up in 80 ms is seen at once and one
that takes a minute costs little. All probes must pass. How a service without any way to tell is
judged stands in `core.idleness`.
"""

from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.services.plan import ReadyPlan

FIRST_PAUSE_S = 0.02
GROWTH = 1.5
# A service without a port and without any way to tell is taken as ready when it has lived this
# long.
SETTLED_S = 1.0
# What is said of a service that has a port and does not listen on it.
NO_LISTENER = "no listener"
# How long a service that is ready without a listener is looked for one; and the same after it has
# printed something. Not for ever, as nothing is to wake up where nothing happens.
SOUGHT_S = 6.0
SOUGHT_AFTER_OUTPUT_S = 3.0


@value
class Passed:
    """A probe's good answer."""


@value
class Failed:
    """A probe's bad answer, in words that follow a colon."""

    reason: str


Answer = Passed | Failed


def next_pause_s(pause_s: float | None, interval_s: float) -> float:
    """The pause after one of `pause_s` (None before the first), up to the interval."""
    if pause_s is None:
        return min(FIRST_PAUSE_S, interval_s)
    return min(pause_s * GROWTH, interval_s)


def with_guessed_port(ready: ReadyPlan, port: int | None, *, has_listened: bool) -> ReadyPlan:
    """How it is known that a run is up, guesses and earlier runs taken into account.

    Args:
        ready: As it was planned.
        port: The instance's; None without one.
        has_listened: Whether an earlier run of the same command has listened on its port.
    """
    is_told = ready.probes or ready.log is not None or ready.notify
    if is_told or port is None or not (ready.guessed or has_listened):
        return ready
    return replace(ready, tcp=port, guessed=True)


def with_other_ports(answer: Failed, port: int, ports: tuple[int, ...]) -> Failed:
    """A bad answer about a port, with where the service listens instead."""
    others = [str(other) for other in ports if other != port]
    if not others:
        return answer
    return Failed(f"given {port}, listens on {', '.join(others[:4])}")


def names_other_ports(reason: str) -> bool:
    """Whether a reason is that of `elsewhere`."""
    return reason.startswith("given ") and ", listens on " in reason


def combine(answers: list[Answer]) -> Answer:
    """What several probes say together: all must pass, else the bad answers are told."""
    reasons = [answer.reason for answer in answers if isinstance(answer, Failed)]
    return Failed("; ".join(reasons)) if reasons else Passed()
