"""Pure. Which instances of a fleet are waited for, and what keeps each of them."""

from collections.abc import Callable, Collection, Mapping, Sequence

from portweave.supervisor.reporting.redact import hide, hide_printed
from portweave.supervisor.reporting.waiting_line import (
    KILLING,
    RUNNING,
    STOPPING,
    WAITING,
    Waited,
    Waiting,
)
from portweave.supervisor.services.fleet import (
    Fleet,
    live_dependents,
    pending_needs,
)
from portweave.supervisor.services.lifecycle import ALIVE, DONE, Life, Phase

READY = "ready"
EXIT = "exit"
_LONGEST_REASON = 60
# More do not fit in a line; they are counted.
_MOST = 20
# They reach their goal without more events.
_REACHED = (Phase.READY, Phase.COMPLETED, Phase.STOPPED, Phase.EXITED, Phase.FAILED, Phase.BLOCKED)


def waits_of(
    fleet: Fleet,
    names: Collection[str],
    goal: str,
    probed: Callable[[str], str],
    printed: Callable[[str], str],
    now_s: float,
    *,
    killing: bool = False,
) -> Waiting:
    """What is waited for until instances have reached a goal, or until a stack has stopped.

    Args:
        fleet: As it is.
        names: The instances. What they depend on is waited for too. A fleet that is being closed is
            waited for as a whole.
        goal: `READY` or `EXIT`.
        probed: Why an instance is not ready, by its last probe, in a few words.
        printed: The last line that an instance printed.
        now_s: The time.
        killing: Whether the instances are being killed.
    """
    verb = WAITING
    if fleet.closing:
        verb = KILLING if killing else STOPPING
        meant = [name for name, life in fleet.lives.items() if life.phase in ALIVE]
        if not killing and meant and all(fleet.plans[name].last for name in meant):
            jobs = (
                Waited(name, line=hide_printed(printed(name), fleet.plans[name].environment))
                for name in meant
            )
            return Waiting(RUNNING, tuple(jobs))
    else:
        wanted = frozenset(names)
        meant = [n for n in fleet.plans if n in wanted and _is_waited_for(fleet, n, goal)]
        meant += _needed(fleet, meant)
    shown = sorted(meant, key=lambda name: _only_waits(fleet, name))[:_MOST]
    dependents = live_dependents(fleet) if fleet.closing or fleet.pending_stops else {}
    return Waiting(
        verb,
        tuple(
            _stopping(fleet, name, dependents)
            if fleet.closing or name in fleet.pending_stops
            else _waited(fleet, name, probed, printed, now_s)
            for name in shown
        ),
        len(meant) - len(shown),
    )


def _is_waited_for(fleet: Fleet, name: str, goal: str) -> bool:
    life = fleet.lives[name]
    if goal == EXIT:
        return life.phase not in DONE
    return life.phase not in _REACHED or name in fleet.pending_stops


def _needed(fleet: Fleet, names: Collection[str]) -> list[str]:
    """The instances that others wait for, directly or through others."""
    found = dict.fromkeys(names)
    queue = list(names)
    while queue:
        for need in pending_needs(fleet, queue.pop()):
            if need not in found and fleet.lives[need].phase not in DONE:
                found[need] = None
                queue.append(need)
    return list(found)[len(names) :]


def _only_waits(fleet: Fleet, name: str) -> bool:
    """Whether an instance waits for others. Those that keep them come first in the line."""
    phase = fleet.lives[name].phase
    return phase is not Phase.STOPPING if fleet.closing else phase is Phase.WAITING


def _stopping(fleet: Fleet, name: str, dependents: Mapping[str, Sequence[str]]) -> Waited:
    if fleet.lives[name].phase is Phase.STOPPING:
        return Waited(name)
    return Waited(name, needs=tuple(dependents.get(name, ())))


def _waited(
    fleet: Fleet,
    name: str,
    probed: Callable[[str], str],
    printed: Callable[[str], str],
    now_s: float,
) -> Waited:
    life, plan = fleet.lives[name], fleet.plans[name]
    # Before it is shortened: a secret may have several words.
    reason = _short(hide(life.reason, plan.environment))
    match life.phase:
        case Phase.WAITING:
            return Waited(name, needs=tuple(pending_needs(fleet, name)))
        case Phase.STARTING:
            why = reason or _short(hide(probed(name), plan.environment))
            # Of a step, and of a service without a reason, the output tells how far it is.
            line = hide_printed(printed(name), plan.environment) if plan.oneshot or not why else ""
            return Waited(name, why, line=line)
        case Phase.BACKOFF:
            return Waited(name, f"{reason}{_next_try(life, now_s)}")
        case Phase.UNHEALTHY:
            return Waited(name, f"unhealthy: {reason}" if reason else "unhealthy")
        case phase:
            return Waited(name, str(phase))


def _next_try(life: Life, now_s: float) -> str:
    """When an instance starts again, to stand behind the reason of its end."""
    if life.next_try_s is None:
        return ""
    left_s = max(0, round(life.next_try_s - now_s))
    return f"; next try in {left_s} s" if left_s else "; next try now"


def _short(reason: str) -> str:
    """A reason in one short line."""
    first = reason.partition("\n")[0]
    return first if len(first) <= _LONGEST_REASON else f"{first[: _LONGEST_REASON - 1]}…"
