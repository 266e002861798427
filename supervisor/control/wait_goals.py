"""Pure. What clients wait for: has it come, can it still come, or can it not."""

from collections.abc import Iterable
from enum import StrEnum

from portweave.supervisor.processes.exit_status import describe_exit
from portweave.supervisor.reporting.crash_loop import reason_of
from portweave.supervisor.services.lifecycle import (
    DONE,
    Life,
    Phase,
)

# How long a request waits for a service that is about to answer.
_COMING_S = 10.0
# For one that listens elsewhere meanwhile: it may still open its port, as a second one.
_ELSEWHERE_S = 2.0
# Who has just ended is taken for ready until that is seen.
_UNSEEN_S = 0.3
# In these a service may answer on another port than it was given.
ANSWERING = frozenset({Phase.STARTING, Phase.READY, Phase.UNHEALTHY})


class Goal(StrEnum):
    """What is waited for."""

    READY = "ready"
    EXIT = "exit"


class Verdict(StrEnum):
    """How a wait stands."""

    COME = "come"
    PENDING = "pending"
    IN_VAIN = "in vain"


def judge(goal: Goal, life: Life, *, last: bool = False) -> Verdict:
    """Whether an instance is where it is waited for.

    Args:
        goal: What is waited for.
        life: Where it stands.
        last: Whether it is waited no longer: of one that is being stopped because it was not ready
            in time it is not waited for the end, then.
    """
    if goal is Goal.EXIT:
        return Verdict.COME if life.phase in DONE else Verdict.PENDING
    match life.phase:
        case Phase.READY | Phase.COMPLETED:
            return Verdict.COME
        case phase if phase in DONE:
            return Verdict.IN_VAIN
        case _:
            return Verdict.IN_VAIN if last and life.failure else Verdict.PENDING


def is_settled(stands: Iterable[tuple[Verdict, Phase | None]], *, over_all: bool) -> bool:
    """Whether there is nothing more to wait for.

    Args:
        stands: Of each instance its verdict and its phase; None for one that was removed.
        over_all: Whether the others are waited for where one cannot come. An unhealthy one then is
            not: it may never be well again.
    """
    stands = list(stands)
    pending = [phase for verdict, phase in stands if verdict is Verdict.PENDING]
    if not pending:
        return True
    if all(verdict is not Verdict.IN_VAIN for verdict, _ in stands):
        return False
    return not over_all or all(phase is Phase.UNHEALTHY for phase in pending)


def describe(life: Life, now_s: float, pending: str = "") -> str:
    """Where an instance stands and why, in words: `backoff: exited with status 3`.

    Args:
        life: Where it stands.
        now_s: The time, by the clock of `life`.
        pending: Why it is not ready, as its probes said last.
    """
    reason = reason_of(life, now_s, pending)
    if not reason and life.phase in DONE and life.exit_status is not None:
        reason = describe_exit(life.exit_status)
    return f"{life.phase}: {reason}" if reason else str(life.phase)


def patience_s(life: Life, *, again: bool, elsewhere: bool) -> float:
    """How long a request may wait for an instance that does not answer on its port.

    Args:
        life: Where it stands.
        again: Whether it is to be stopped, and started again after that.
        elsewhere: Whether it listens on another port.
    """
    if again:
        return _COMING_S
    match life.phase:
        case Phase.STARTING if elsewhere:
            return _ELSEWHERE_S
        case Phase.WAITING | Phase.STARTING | Phase.BACKOFF:
            return _COMING_S
        case Phase.STOPPING if life.wanted:
            return _COMING_S
        case Phase.READY | Phase.UNHEALTHY:
            return _UNSEEN_S
        case _:
            return 0.0
