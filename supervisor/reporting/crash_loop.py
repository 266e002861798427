"""Pure. What portweave reports about an instance that crashes again and again."""

from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.restart_policy import has_recovered


def crashes(life: Life, now_s: float) -> int:
    """The number of crashes in a row since the instance last recovered.

    Args:
        life: Its state.
        now_s: The time, by the clock of `life`.
    """
    if not life.crash:
        return 0
    is_ready = life.phase is Phase.READY and life.ready_s is not None
    if is_ready and has_recovered(life.streak, now_s - (life.ready_s or 0.0)):
        return 0
    return life.streak.restarts


def crash_text(life: Life, now_s: float) -> str:
    """The last crash and the number of crashes in words; empty for none."""
    match crashes(life, now_s):
        case 0:
            return ""
        case 1:
            return f"it crashed: {life.crash}"
        case count:
            return f"it crashed {count} times in a row, the last: {life.crash}"


def reason_of(life: Life, now_s: float, pending: str = "") -> str:
    """Why an instance has its phase, in words, with the crashes before it.

    Args:
        life: Its state.
        now_s: The time, by the clock of `life`.
        pending: Why it is not ready, by its last probes.
    """
    match life.phase:
        case Phase.STARTING:
            texts = (crash_text(life, now_s), life.reason or pending)
        case Phase.READY | Phase.UNHEALTHY if crashes(life, now_s) > 1:
            texts = (crash_text(life, now_s), life.reason)
        case Phase.BACKOFF if crashes(life, now_s) > 1:
            return crash_text(life, now_s)
        case _:
            return life.reason
    return "; ".join(text for text in texts if text)
