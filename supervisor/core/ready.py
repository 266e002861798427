"""Is it up: how often to ask, and what several answers come to.

Asking starts fast and slows down, so that a service which is up in 80 ms is seen at once and one
that takes a minute costs little. All probes must pass; a service without any is up when it has
lived for a second.
"""

from portweave.supervisor.core.value import value

FIRST_PAUSE_S = 0.02
GROWTH = 1.5
# A service without any way to tell is taken as ready when it has lived this long.
SETTLED_S = 1.0
# Where it does not listen by then it is looked at again after these times, and whenever somebody
# asks; not for ever, as nothing is to wake up where nothing happens.
LATER_S = (1.0, 2.0, 4.0)
UNHEALTHY_AFTER = 3


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


@value
class Health:
    """How the probes of a service that has been ready go on.

    Attributes:
        failures: Bad answers in a row.
        healthy: What it is taken for.
    """

    failures: int = 0
    healthy: bool = True


def after_answer(health: Health, answer: Answer) -> Health:
    """The health after one more answer: three bad ones are ill health, one good one ends it."""
    match answer:
        case Passed():
            return Health()
        case Failed():
            failures = health.failures + 1
            return Health(failures, health.healthy and failures < UNHEALTHY_AFTER)


def elsewhere(answer: Failed, port: int, ports: list[int]) -> Failed:
    """A bad answer about a port, with where the service listens instead."""
    others = [str(other) for other in ports if other != port]
    if not others:
        return answer
    return Failed(f"given {port}, listens on {', '.join(others[:4])}")


def is_elsewhere(reason: str) -> bool:
    """Whether a reason is that of `elsewhere`."""
    return reason.startswith("given ") and ", listens on " in reason


def combine(answers: list[Answer]) -> Answer:
    """What several probes say together: all must pass, else the bad answers are told."""
    reasons = [answer.reason for answer in answers if isinstance(answer, Failed)]
    return Failed("; ".join(reasons)) if reasons else Passed()
