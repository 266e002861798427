"""What clients wait for: has it come, can it still come, or can it not."""

from enum import StrEnum

from portweave.supervisor.core.exits import describe_exit
from portweave.supervisor.core.lifecycle import DONE, Life, Phase


class Goal(StrEnum):
    """What is waited for."""

    READY = "ready"
    EXIT = "exit"


class Verdict(StrEnum):
    """How a wait stands."""

    COME = "come"
    PENDING = "pending"
    IN_VAIN = "in vain"


def judge(goal: Goal, life: Life) -> Verdict:
    """Whether an instance is where it is waited for."""
    if goal is Goal.EXIT:
        return Verdict.COME if life.phase in DONE else Verdict.PENDING
    match life.phase:
        case Phase.READY | Phase.COMPLETED:
            return Verdict.COME
        case Phase.UNHEALTHY:
            # It had been ready; or it is late, and nobody knows whether it will ever be.
            return Verdict.IN_VAIN if life.ready_s is None else Verdict.COME
        case phase if phase in DONE:
            return Verdict.IN_VAIN
        case _:
            return Verdict.PENDING


def describe(life: Life) -> str:
    """Where an instance stands and why, in words: `backoff: exited with status 3`."""
    reason = life.reason
    if not reason and life.phase in DONE and life.exit_status is not None:
        reason = describe_exit(life.exit_status)
    return f"{life.phase}: {reason}" if reason else str(life.phase)
