"""What is wrong with an instance, and whose fault it is: what `portweave why` tells."""

from collections.abc import Mapping

from portweave.supervisor.core.diagnosis import Cause
from portweave.supervisor.core.fleet import Fleet
from portweave.supervisor.core.lifecycle import Life, Phase
from portweave.supervisor.core.ready import is_elsewhere
from portweave.supervisor.core.restart import has_recovered

_NEEDS = (Phase.BLOCKED, Phase.WAITING)


def culprit(fleet: Fleet, name: str) -> list[str]:
    """The chain from an instance that is held up to the one that holds it up, both included."""
    chain = [name]
    while fleet.lives[chain[-1]].phase in _NEEDS:
        in_the_way = [
            need.instance
            for need in fleet.plans[chain[-1]].needs
            if need.instance in fleet.enlisted
            and need.instance not in chain
            and fleet.lives[need.instance].phase not in (Phase.READY, Phase.COMPLETED)
        ]
        if not in_the_way:
            break
        # Who has failed explains more than who is still on the way.
        failed = [n for n in in_the_way if fleet.lives[n].phase in (Phase.FAILED, Phase.BLOCKED)]
        chain.append((failed or in_the_way)[0])
    return chain


def explain(
    name: str, life: Life, last: Cause | None, pending: str, now_s: float, *, rested: bool
) -> Cause:
    """What is wrong with an instance that is not held up by another one.

    Args:
        name: Its name.
        life: Where it stands.
        last: Why its last run ended that was not to end so; None where there was none.
        pending: What its probes answered last; empty where they were not asked, or pass.
        now_s: The time, by the clock of `life`.
        rested: Whether the user has stopped it.
    """
    match life.phase:
        case Phase.READY:
            ready_s = now_s - life.ready_s if life.ready_s is not None else 0.0
            streak = life.streak
            if last is not None and streak.restarts > 1 and not has_recovered(streak, ready_s):
                text = f"{last.text}, {streak.restarts} times in a row; for now it is ready again"
                return Cause(last.kind, text, last.hint)
            if is_elsewhere(life.reason):
                hint = "have it read PORT; `framework` names one that portweave can tell"
                return Cause("wrong port", f"it was {life.reason}", hint)
            text = "nothing is wrong: it is ready"
            if life.restarts and last is not None:
                text += f", after {life.restarts} restarts; the last: {last.text}"
            return Cause("none", text)
        case Phase.COMPLETED:
            return Cause("none", "nothing is wrong: it has completed, as it was meant to")
        case Phase.STOPPED if rested:
            hint = f"portweave start {name} starts it"
            return Cause("stopped by user", "it was stopped by portweave stop", hint)
        case Phase.STOPPED:
            hint = f"portweave start {name} starts it"
            return Cause("not started", "it has not been started in this stack", hint)
        case Phase.EXITED:
            hint = f"restart: always starts it again; portweave start {name} does so once"
            return Cause("ended", "it has ended with status 0, and is not started again", hint)
        case Phase.STARTING | Phase.UNHEALTHY:
            reason = life.reason if life.phase is Phase.UNHEALTHY else pending
            kind = "not ready" if life.ready_s is None else "unhealthy"
            return Cause(kind, reason or "it is on its way", "its log may tell more")
        case Phase.STOPPING:
            return Cause("stopping", "it is being stopped")
        case _ if last is not None:
            return last
        case _:
            # What could not even be started.
            return Cause("not started", life.reason or str(life.phase))


def as_json(cause: Cause) -> Mapping[str, object]:
    """A cause as a value of JSON."""
    return {"kind": cause.kind, "text": cause.text, "hint": cause.hint or None}
