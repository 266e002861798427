"""Pure. The health of a service after it was ready, by its probes and its listener.

Probes run rarely while nothing happens. They run soon after a sign of trouble: the listener is lost
or comes back, a request by name failed, an error was printed. The pause between such extra probes
doubles while the answer stays the same.
"""

import math

from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.services.listener_rules import (
    HEALTHY,
    Finding,
)
from portweave.supervisor.services.readiness_rules import (
    Answer,
    Failed,
)

UNHEALTHY_AFTER = 3
# Between a bad answer and the next probe, until the service counts as unhealthy.
AGAIN_S = 1.0
FIRST_GAP_S = 1.0
LONGEST_GAP_S = 30.0


@value
class Health:
    """The health of one run since it was ready.

    Attributes:
        pause_s: Between two probes while nothing happens; infinite without probes.
        ask_at_s: When to probe next.
        failures: Bad answers in a row.
        bad_answer: The last bad answer, once there were enough of them; empty before.
        finding: What is wrong with its listener.
        gap_s: The shortest time from an answer to an extra probe.
        answered_s: When the last answer came.
        is_extra: Whether the next probe is an extra one.
    """

    pause_s: float = math.inf
    ask_at_s: float = math.inf
    failures: int = 0
    bad_answer: str = ""
    finding: Finding = HEALTHY
    gap_s: float = FIRST_GAP_S
    answered_s: float = -math.inf
    is_extra: bool = False

    @property
    def reason(self) -> str:
        """Why it is unhealthy; empty while it is healthy."""
        return self.finding.reason or self.bad_answer

    @property
    def is_quiet(self) -> bool:
        """Whether it is too early to report that: it may be a reload."""
        return self.finding.is_quiet


def begin(pause_s: float, now_s: float) -> Health:
    """The health of a run that has just become ready.

    Args:
        pause_s: Between two probes; infinite without probes.
        now_s: The time.
    """
    return Health(pause_s, now_s + pause_s)


def after_answer(health: Health, answer: Answer, now_s: float) -> Health:
    """The health after an answer: three bad ones make it unhealthy, one good one healthy.

    Args:
        health: Before.
        answer: Of the probes.
        now_s: The time.
    """
    failures = health.failures + 1 if isinstance(answer, Failed) else 0
    bad_answer = ""
    if isinstance(answer, Failed) and failures >= UNHEALTHY_AFTER:
        bad_answer = answer.reason
    is_checked_again = 0 < failures < UNHEALTHY_AFTER
    is_change = is_checked_again or bool(bad_answer) != bool(health.bad_answer)
    gap_s = health.gap_s
    if is_change:
        gap_s = FIRST_GAP_S
    elif health.is_extra:
        gap_s = min(gap_s * 2, LONGEST_GAP_S)
    return replace(
        health,
        ask_at_s=now_s + (min(AGAIN_S, health.pause_s) if is_checked_again else health.pause_s),
        failures=failures,
        bad_answer=bad_answer,
        gap_s=gap_s,
        answered_s=now_s,
        is_extra=False,
    )


def after_doubt(health: Health, now_s: float) -> Health:
    """The health after a sign of trouble: an extra probe comes as soon as the gap allows."""
    at_s = max(now_s, health.answered_s + health.gap_s)
    if math.isinf(health.pause_s) or at_s >= health.ask_at_s:
        return health
    return replace(health, ask_at_s=at_s, is_extra=True)


def after_listener_finding(health: Health, finding: Finding, now_s: float) -> Health:
    """The health after a look at the listener. Its loss and its return cause an extra probe.

    Args:
        health: Before.
        finding: About the listener.
        now_s: The time.
    """
    is_lost = bool(finding.reason) and not health.finding.reason
    is_back = finding == HEALTHY and health.finding != HEALTHY
    health = replace(health, finding=finding)
    if not (is_lost or is_back):
        return health
    return after_doubt(replace(health, gap_s=FIRST_GAP_S), now_s)
