"""Pure. Whether a service is ready: how often to probe, and how answers combine.

Probing starts fast and slows down. So a service that is up in 80 ms is ready at once, and a slow
start costs little. All probes must pass. `idleness_rules` judges services without probes.
"""

from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.services.plan import ReadyPlan

FIRST_PAUSE_S = 0.02
GROWTH = 1.5
# A service without a port and without probes counts as ready after this time.
SETTLED_S = 1.0
# The note on a service that has a port and does not listen on it.
NO_LISTENER = "no listener"
# How long portweave looks for the listener of a service that is ready without one; and the same
# after new output. Not for ever, because an idle stack must not wake up the processor.
SEARCH_S = 6.0
SEARCH_AFTER_OUTPUT_S = 3.0


@value
class Passed:
    """A probe's good answer."""


@value
class Failed:
    """A probe's bad answer.

    Attributes:
        reason: Why, in words that can follow a colon.
        brief: The same in a few words, for a line that shows several services; empty for `reason`.
    """

    reason: str
    brief: str = ""


Answer = Passed | Failed


def next_pause_s(pause_s: float | None, interval_s: float) -> float:
    """The pause that follows one of `pause_s`, up to the interval; None before the first."""
    if pause_s is None:
        return min(FIRST_PAUSE_S, interval_s)
    return min(pause_s * GROWTH, interval_s)


def with_guessed_port(ready: ReadyPlan, port: int | None, *, has_listened: bool) -> ReadyPlan:
    """The readiness plan of a run, with a probe of its port where it is likely to listen.

    Args:
        ready: As planned.
        port: Of the instance; None without one.
        has_listened: Whether an earlier run of the same command has listened on its port.
    """
    is_told = ready.probes or ready.log is not None or ready.notify
    if is_told or port is None or not (ready.guessed or has_listened):
        return ready
    return replace(ready, tcp=port, guessed=True)


def with_other_ports(answer: Failed, port: int, ports: tuple[int, ...]) -> Failed:
    """A bad answer about a port that names the ports that the service listens on instead.

    Args:
        answer: Without them.
        port: The service's own.
        ports: The ports that it listens on.
    """
    others = [str(other) for other in ports if other != port]
    if not others:
        return answer
    return Failed(f"given {port}, listens on {', '.join(others[:4])}")


def names_other_ports(reason: str) -> bool:
    """Whether a reason was made by `with_other_ports`."""
    return reason.startswith("given ") and ", listens on " in reason


def listened_ports(reason: str) -> str:
    """The ports that a reason made by `with_other_ports` names, as text."""
    return reason.partition(", listens on ")[2]


def combine(answers: list[Answer]) -> Answer:
    """The answer of several probes together: all must pass, else all bad answers are named."""
    bad = [answer for answer in answers if isinstance(answer, Failed)]
    if not bad:
        return Passed()
    reason = "; ".join(one.reason for one in bad)
    brief = "; ".join(one.brief or one.reason for one in bad)
    return Failed(reason, brief if brief != reason else "")
