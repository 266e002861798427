"""All instances together: who may start, who has to wait, who stops next, and when it is over.

Instances start the moment their own needs are met, never level by level, and stop when what depends
on them has gone. `step` is the one door: an event for one instance, or for all, goes in, and what
every instance has to do about it comes out.
"""

from collections.abc import Callable, Mapping

from portweave.supervisor.core import lifecycle
from portweave.supervisor.core.lifecycle import (
    ALIVE,
    DONE,
    Action,
    Event,
    Kill,
    Life,
    NeedsFailed,
    NeedsMet,
    NeedsPending,
    Phase,
    Unwanted,
    Wanted,
)
from portweave.supervisor.core.plan import Condition, InstancePlan, Need
from portweave.supervisor.core.value import replace, value

Orders = list[tuple[str, Action]]


@value
class Fleet:
    """The instances of a stack.

    Attributes:
        plans: By name, in the order of the definition files.
        lives: By name.
        enlisted: Names that take part; a need of one that does not is taken as met.
        closing: Whether all of it is being stopped.
    """

    plans: Mapping[str, InstancePlan]
    lives: Mapping[str, Life]
    enlisted: frozenset[str]
    closing: bool = False


def muster(
    plans: tuple[InstancePlan, ...], wanted: frozenset[str], now_s: float
) -> tuple[Fleet, Orders]:
    """A fleet in which `wanted` are to run, and what to do first."""
    fleet = Fleet(
        {plan.name: plan for plan in plans}, {plan.name: Life() for plan in plans}, wanted
    )
    lives = dict(fleet.lives)
    for name in wanted:
        lives[name], _ = lifecycle.step(fleet.plans[name], lives[name], Wanted(), now_s)
    return _settle(replace(fleet, lives=lives), now_s)


def step(fleet: Fleet, name: str, event: Event, now_s: float) -> tuple[Fleet, Orders]:
    """The fleet after an event of one instance.

    Raises:
        ImpossibleEventError: The event does not fit the instance's phase.
    """
    life, actions = lifecycle.step(fleet.plans[name], fleet.lives[name], event, now_s)
    fleet, orders = _settle(replace(fleet, lives={**fleet.lives, name: life}), now_s)
    return fleet, [*((name, action) for action in actions), *orders]


def close(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """Stop all: what nothing depends on at once, the others as their dependents go."""
    return _settle(replace(fleet, closing=True), now_s)


def kill(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """End all at once, whatever depends on what."""
    fleet, orders = close(fleet, now_s)
    lives = dict(fleet.lives)
    for name, life in lives.items():
        if life.phase in ALIVE:
            lives[name] = replace(life, phase=Phase.STOPPING, wanted=False)
            orders.append((name, Kill()))
    return replace(fleet, lives=lives), orders


def is_over(fleet: Fleet) -> bool:
    """Whether nothing runs, and nothing will."""
    return all(life.phase in DONE for life in fleet.lives.values())


def failures(fleet: Fleet) -> list[str]:
    """Names of those that have failed, then of those that could not start because of that."""
    return [
        name
        for phase in (Phase.FAILED, Phase.BLOCKED)
        for name, life in fleet.lives.items()
        if life.phase is phase
    ]


def _settle(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """Let each instance follow from what the others have become, until nothing changes."""
    orders: Orders = []
    lives = dict(fleet.lives)
    judge: Callable[[str, Fleet], Event | None] = _closing_event if fleet.closing else _needs_event
    changed = True
    while changed:
        changed = False
        fleet = replace(fleet, lives=lives)
        for name, plan in fleet.plans.items():
            event = judge(name, fleet)
            if event is None:
                continue
            life, actions = lifecycle.step(plan, lives[name], event, now_s)
            if life != lives[name]:
                lives[name] = life
                orders += [(name, action) for action in actions]
                changed = True
    return replace(fleet, lives=lives), orders


def _closing_event(name: str, fleet: Fleet) -> Event | None:
    life = fleet.lives[name]
    if life.phase in DONE and not life.wanted:
        return None
    if life.phase in ALIVE and _is_needed(name, fleet):
        return None
    return Unwanted()


def _is_needed(name: str, fleet: Fleet) -> bool:
    """Whether one that depends on it is alive, be it by way of others that have ended.

    An API that waited for a migration needs the database that the migration needed.
    """
    seen = {name}
    queue = [name]
    while queue:
        needed = queue.pop()
        for plan in fleet.plans.values():
            if plan.name not in seen and any(need.instance == needed for need in plan.needs):
                if fleet.lives[plan.name].phase in ALIVE:
                    return True
                seen.add(plan.name)
                queue.append(plan.name)
    return False


def _needs_event(name: str, fleet: Fleet) -> Event | None:
    life = fleet.lives[name]
    if life.phase not in (Phase.WAITING, Phase.BLOCKED) or not life.wanted:
        return None
    pending = ""
    for need in fleet.plans[name].needs:
        if need.instance not in fleet.enlisted:
            continue
        match _verdict(need, fleet.lives[need.instance]):
            case "failed":
                return NeedsFailed(_blame(need, fleet))
            case "pending":
                pending = pending or f"waits for {need.instance} to be {need.condition}"
            case _:
                pass
    return NeedsPending(pending) if pending else NeedsMet()


def _verdict(need: Need, life: Life) -> str:
    """`met`, `pending` or `failed`."""
    match need.condition, life.phase:
        case _, Phase.FAILED | Phase.BLOCKED | Phase.STOPPED:
            return "failed"
        case Condition.COMPLETED, Phase.COMPLETED | Phase.EXITED:
            return "met" if life.exit_status == 0 else "failed"
        case Condition.COMPLETED, _:
            return "pending"
        case Condition.STARTED, Phase.STARTING | Phase.READY | Phase.UNHEALTHY:
            return "met" if life.pid is not None else "pending"
        case Condition.STARTED, Phase.COMPLETED | Phase.EXITED:
            return "met"
        case Condition.READY, Phase.READY | Phase.COMPLETED:
            return "met"
        case Condition.READY, Phase.EXITED:
            return "failed"
        case Condition.READY, Phase.UNHEALTHY:
            # To have been ready in this run is enough: ill health has no end that one could await.
            return "failed" if life.ready_s is None else "met"
        case _:
            return "pending"


def _blame(need: Need, fleet: Fleet) -> str:
    life = fleet.lives[need.instance]
    if life.phase is Phase.BLOCKED:
        return f"{need.instance} is blocked: {life.reason}"
    why = f": {life.reason}" if life.reason else ""
    return f"{need.instance} is {life.phase}{why}"
