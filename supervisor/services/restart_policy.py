"""Pure. When a service that ended is started again.

The first exit since a reset has no wait if the service had been ready for a second: it was a crash,
not a false start. After that the wait doubles from 0.5 s to 30 s. Jitter keeps services that crash
together from starting together. A policy may set its own pauses. Only time spent ready resets the
waits: a service may take minutes to fail its start.
"""

from portweave.encoding.value import value
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.processes.exit_status import (
    SHELL_FAULTS,
    describe_exit,
)
from portweave.supervisor.services.plan import (
    RestartPolicy,
    When,
)

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
HEALTHY_S = 1.0
RESET_S = 10.0


@value
class RestartStreak:
    """Restarts since the last reset.

    Attributes:
        restarts: How many.
        delay_s: The wait before the last of them.
    """

    restarts: int = 0
    delay_s: float = 0.0


@value
class RestartAt:
    """Start again at `at_s`."""

    at_s: float
    streak: RestartStreak


@value
class StayDown:
    """It ended well: do not start it again."""


@value
class GiveUp:
    """It has failed for good."""

    reason: str


def has_recovered(streak: RestartStreak, ready_s: float) -> bool:
    """Whether a service was ready for long enough to forget its crashes."""
    return ready_s >= max(RESET_S, 2 * streak.delay_s)


def after_exit(
    policy: RestartPolicy,
    streak: RestartStreak,
    status: int,
    ready_s: float,
    jitter: float,
    now_s: float,
    *,
    cause: Cause | None = None,
) -> RestartAt | StayDown | GiveUp:
    """Decide what follows the end of a service that should run.

    Args:
        policy: Of the service.
        streak: Its restarts since the last reset.
        status: Its exit status; 128+n for signal n.
        ready_s: How long this run was ready; 0 if it never was.
        jitter: A factor of about 1, to spread waits.
        now_s: The time.
        cause: Why it ended; None where that is unknown.
    """
    if status == 0 and policy.when is not When.ALWAYS:
        return StayDown()
    if policy.when is When.NO:
        return GiveUp(explain(status, cause))
    if ready_s == 0 and status in SHELL_FAULTS:
        return GiveUp(f"{explain(status, cause)}; starting it again cannot help")
    if ready_s == 0 and streak.restarts and cause is not None and cause.permanent:
        # The first time may have been chance.
        return GiveUp(f"{explain(status, cause)}, again; another start cannot help")
    if has_recovered(streak, ready_s):
        streak = RestartStreak()
    if policy.limit is not None and streak.restarts >= policy.limit:
        restarts = "1 restart" if streak.restarts == 1 else f"{streak.restarts} restarts"
        return GiveUp(f"{explain(status, cause)}; gave up after {restarts}")
    if policy.pauses_s:
        delay_s = policy.pauses_s[min(streak.restarts, len(policy.pauses_s) - 1)]
        return RestartAt(now_s + delay_s, RestartStreak(streak.restarts + 1, delay_s))
    if streak.restarts == 0 and ready_s >= HEALTHY_S:
        return RestartAt(now_s, RestartStreak(1, 0.0))
    delay_s = min(LONGEST_DELAY_S, max(FIRST_DELAY_S, 2 * streak.delay_s))
    return RestartAt(now_s + delay_s * jitter, RestartStreak(streak.restarts + 1, delay_s))


def explain(status: int, cause: Cause | None) -> str:
    """An exit status in words, with its cause if that is known."""
    if cause is None:
        return describe_exit(status)
    if cause.kind == "crash":
        return cause.text
    how = f"exited with status {status}" if status in SHELL_FAULTS else describe_exit(status)
    return f"{how}: {cause.text}"
