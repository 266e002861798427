"""Pure. Whether an instance has reached the state that a client waits for, or still can."""

from collections.abc import Iterable
from enum import StrEnum

from portweave.supervisor.processes.exit_status import describe_exit
from portweave.supervisor.reporting.crash_loop import reason_of
from portweave.supervisor.services.lifecycle import (
    DONE,
    Life,
    Phase,
)

# How long a request waits for a service that is starting.
_STARTING_S = 10.0
# For a service that listens on another port: it may still open its own.
_ELSEWHERE_S = 2.0
# A service that has just ended counts as ready until its end is noticed.
_UNNOTICED_S = 0.3
# In these phases a service may answer on another port than its own.
ANSWERING = frozenset({Phase.STARTING, Phase.READY, Phase.UNHEALTHY})


class Goal(StrEnum):
    """The state that a client waits for."""

    READY = "ready"
    EXIT = "exit"


class Verdict(StrEnum):
    """Whether the goal is reached. The values are part of the protocol."""

    REACHED = "come"
    PENDING = "pending"
    UNREACHABLE = "in vain"


def judge(goal: Goal, life: Life, *, last: bool = False) -> Verdict:
    """Whether an instance has reached a goal.

    Args:
        goal: The state that the client waits for.
        life: The instance's state.
        last: Whether this is the last look. An instance that is being stopped because it was not
            ready in time then cannot reach its goal.
    """
    if goal is Goal.EXIT:
        return Verdict.REACHED if life.phase in DONE else Verdict.PENDING
    match life.phase:
        case Phase.READY | Phase.COMPLETED:
            return Verdict.REACHED
        case phase if phase in DONE:
            return Verdict.UNREACHABLE
        case _:
            return Verdict.UNREACHABLE if last and life.failure else Verdict.PENDING


def is_settled(verdicts: Iterable[tuple[Verdict, Phase | None]], *, over_all: bool) -> bool:
    """Whether there is nothing more to wait for.

    Args:
        verdicts: The verdict and the phase of each instance; no phase for a removed one.
        over_all: Whether to wait for the others when one cannot reach its goal. It then does not
            wait for unhealthy ones, which may stay so.
    """
    verdicts = list(verdicts)
    pending = [phase for verdict, phase in verdicts if verdict is Verdict.PENDING]
    if not pending:
        return True
    if all(verdict is not Verdict.UNREACHABLE for verdict, _ in verdicts):
        return False
    return not over_all or all(phase is Phase.UNHEALTHY for phase in pending)


def describe(life: Life, now_s: float, pending: str = "") -> str:
    """The state of an instance and the reason, in words: `backoff: exited with status 3`.

    Args:
        life: The instance's state.
        now_s: The time, on the clock of `life`.
        pending: Why the instance is not ready, by its last probe.
    """
    reason = reason_of(life, now_s, pending)
    if not reason and life.phase in DONE and life.exit_status is not None:
        reason = describe_exit(life.exit_status)
    return f"{life.phase}: {reason}" if reason else str(life.phase)


def wait_limit_s(life: Life, *, again: bool, elsewhere: bool) -> float:
    """How many seconds a request may wait for an instance that does not answer on its port.

    Args:
        life: The instance's state.
        again: Whether the instance will stop and start again.
        elsewhere: Whether the instance listens on another port.
    """
    if again:
        return _STARTING_S
    match life.phase:
        case Phase.STARTING if elsewhere:
            return _ELSEWHERE_S
        case Phase.WAITING | Phase.STARTING | Phase.BACKOFF:
            return _STARTING_S
        case Phase.STOPPING if life.wanted:
            return _STARTING_S
        case Phase.READY | Phase.UNHEALTHY:
            return _UNNOTICED_S
        case _:
            return 0.0
