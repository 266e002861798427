"""Pure. All instances of a stack as one machine: start order, waiting, stop order, end.

Instances start the moment their own needs are met, never level by level, and stop when what depends
on them has gone. `step` is the one door: an event for one instance, or for all, goes in, and what
every instance has to do about it comes out.

From every state `close` leads to the end: once each stop is answered `is_over` holds, in a fleet
without instances at once. After it nothing is started, whatever is asked for.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import field

from portweave.encoding.value import (
    replace,
    value,
)
from portweave.supervisor.services import lifecycle
from portweave.supervisor.services.lifecycle import (
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
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
)

Orders = list[tuple[str, Action]]


@value
class Fleet:
    """The instances of a stack.

    Attributes:
        plans: By name, in the order of the definition files.
        lives: By name.
        enlisted: Names that take part; a need of one that does not is taken as met.
        leaving: Names that are to be stopped once none of the others here that depends on them is
            alive, and whether they are to run again after that.
        rested: Names that the user has stopped; as long as there is one, it is not over.
        dropped: Names that are taken out of the fleet once they have ended.
        resident: Whether it goes on when nothing runs any more, until it is closed.
        closing: Whether all of it is being stopped.
    """

    plans: Mapping[str, InstancePlan]
    lives: Mapping[str, Life]
    included: frozenset[str]
    pending_stops: Mapping[str, bool] = field(default_factory=dict[str, bool])
    stopped_by_user: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    detached: bool = False
    closing: bool = False


def register(
    plans: tuple[InstancePlan, ...],
    wanted: frozenset[str],
    now_s: float,
    *,
    detached: bool = False,
    closing: bool = False,
) -> tuple[Fleet, Orders]:
    """A fleet in which `wanted` are to run, and what to do first."""
    fleet = Fleet(
        {plan.name: plan for plan in plans},
        {plan.name: Life() for plan in plans},
        frozenset(),
        detached=detached,
        closing=closing,
    )
    return start(fleet, wanted, now_s)


def with_needs(fleet: Fleet, names: Iterable[str]) -> set[str]:
    """Names, and those of all that they depend on."""
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in found and name in fleet.plans:
            found.add(name)
            queue += [need.instance for need in fleet.plans[name].needs]
    return found


def start(fleet: Fleet, names: Iterable[str], now_s: float) -> tuple[Fleet, Orders]:
    """Have instances run. Those that run, or have completed as they were meant to, are left.

    What they depend on is not started with them: see `with_needs`.
    """
    names = frozenset(names) - fleet.removed
    lives = dict(fleet.lives)
    for name in names:
        if lives[name].phase is not Phase.COMPLETED:
            lives[name], _ = lifecycle.step(fleet.plans[name], lives[name], Wanted(), now_s)
    fleet = replace(
        fleet,
        lives=lives,
        included=fleet.included | names,
        stopped_by_user=fleet.stopped_by_user - names,
        pending_stops={name: again or name in names for name, again in fleet.pending_stops.items()},
    )
    return _settle(fleet, now_s)


def stop(fleet: Fleet, names: Iterable[str], now_s: float) -> tuple[Fleet, Orders]:
    """Stop instances, those that depend on others of them first."""
    names = frozenset(names)
    # What had ended by itself, or never ran, the user has not stopped.
    stopped = {name for name in names if fleet.lives[name].phase not in DONE}
    fleet = replace(
        fleet,
        pending_stops={**fleet.pending_stops, **dict.fromkeys(names, False)},
        stopped_by_user=fleet.stopped_by_user | stopped,
    )
    return _settle(fleet, now_s)


def restart(fleet: Fleet, names: Iterable[str], now_s: float) -> tuple[Fleet, Orders]:
    """Stop instances and start them again; what does not run is started."""
    names = frozenset(names) - fleet.removed
    fleet = replace(
        fleet,
        pending_stops={**fleet.pending_stops, **dict.fromkeys(names, True)},
        stopped_by_user=fleet.stopped_by_user - names,
        included=fleet.included | names,
    )
    return _settle(fleet, now_s)


def apply_plans(
    fleet: Fleet,
    plans: Iterable[InstancePlan],
    *,
    restarted: Iterable[str],
    removed: Iterable[str],
    now_s: float,
) -> tuple[Fleet, Orders]:
    """Take over plans that have changed.

    Args:
        fleet: As it is.
        plans: All plans from now on, in order, without those of `removed`.
        restarted: Names of those that have to start again to be as their plan says.
        removed: Names of instances to stop and remove.
        now_s: The time.
    """
    removed = frozenset(removed)
    new = {plan.name: plan for plan in plans}
    kept = {name: fleet.plans[name] for name in fleet.plans if name in removed}
    running = [name for name in restarted if fleet.lives[name].wanted]
    fleet = replace(
        fleet,
        plans={**new, **kept},
        lives={name: fleet.lives.get(name, Life()) for name in (*new, *kept)},
        pending_stops={
            **fleet.pending_stops,
            **dict.fromkeys(running, True),
            **dict.fromkeys(removed, False),
        },
        removed=fleet.removed - frozenset(new) | removed,
    )
    return _settle(fleet, now_s)


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
    return _settle(replace(fleet, closing=True, pending_stops={}), now_s)


def kill(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """End all at once, whatever depends on what."""
    fleet, orders = close(fleet, now_s)
    lives = dict(fleet.lives)
    for name, life in lives.items():
        if life.phase in ALIVE:
            lives[name] = replace(life, phase=Phase.STOPPING, wanted=False)
            orders.append((name, Kill()))
    return replace(fleet, lives=lives), orders


def is_stopping(fleet: Fleet, name: str) -> bool:
    """Whether an instance is to stop and has not stopped yet."""
    life = fleet.lives.get(name)
    if life is None:
        return False
    return fleet.pending_stops.get(name) is False or (life.phase in ALIVE and not life.wanted)


def is_over(fleet: Fleet) -> bool:
    """Whether nothing runs, and nothing will."""
    if not all(life.phase in DONE for life in fleet.lives.values()):
        return False
    rests = any(fleet.lives[name].phase is Phase.STOPPED for name in fleet.stopped_by_user)
    return fleet.closing or not (fleet.detached or rests)


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
    judge: Callable[[str, Fleet], Event | None] = _closing_event if fleet.closing else _needs_event
    changed = True
    while changed:
        changed = False
        fleet, more = _carry_out_pending_stops(fleet, now_s)
        orders += more
        lives = dict(fleet.lives)
        for name, plan in fleet.plans.items():
            event = judge(name, fleet)
            if event is None:
                continue
            life, actions = lifecycle.step(plan, lives[name], event, now_s)
            if life != lives[name]:
                lives[name] = life
                orders += [(name, action) for action in actions]
                changed = True
        fleet = replace(fleet, lives=lives)
    return _without_removed(fleet), orders


def _carry_out_pending_stops(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """Stop those that are to be stopped and that none of the others of them needs any more."""
    orders: Orders = []
    # All are judged by how it was before any of them has gone: what depends on what stops first.
    stopping = {name for name, life in fleet.lives.items() if life.phase is Phase.STOPPING}
    among = stopping | fleet.pending_stops.keys()
    going = [
        name
        for name in fleet.pending_stops
        if fleet.lives[name].phase not in ALIVE or not _is_needed(name, fleet, among)
    ]
    if not going:
        return fleet, orders
    lives = dict(fleet.lives)
    for name in going:
        events = (Unwanted(), Wanted()) if fleet.pending_stops[name] else (Unwanted(),)
        for event in events:
            lives[name], actions = lifecycle.step(fleet.plans[name], lives[name], event, now_s)
            orders += [(name, action) for action in actions]
    pending_stops = {
        name: again for name, again in fleet.pending_stops.items() if name not in going
    }
    return replace(fleet, lives=lives, pending_stops=pending_stops), orders


def _without_removed(fleet: Fleet) -> Fleet:
    gone = {name for name in fleet.removed if fleet.lives[name].phase in DONE}
    if not gone:
        return fleet
    return replace(
        fleet,
        plans={name: plan for name, plan in fleet.plans.items() if name not in gone},
        lives={name: life for name, life in fleet.lives.items() if name not in gone},
        included=fleet.included - gone,
        stopped_by_user=fleet.stopped_by_user - gone,
        removed=fleet.removed - gone,
    )


def _closing_event(name: str, fleet: Fleet) -> Event | None:
    life = fleet.lives[name]
    if life.phase in DONE and not life.wanted:
        return None
    if life.phase in ALIVE and _is_needed(name, fleet, fleet.lives):
        return None
    return Unwanted()


def _is_needed(name: str, fleet: Fleet, among: Container[str]) -> bool:
    """Whether one of `among` that depends on it is alive, be it by way of others that have ended.

    An API that waited for a migration needs the database that the migration needed.
    """
    seen = {name}
    queue = [name]
    while queue:
        needed = queue.pop()
        for plan in fleet.plans.values():
            if plan.name not in seen and any(need.instance == needed for need in plan.needs):
                if plan.name in among and fleet.lives[plan.name].phase in ALIVE:
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
        if need.instance not in fleet.included or need.instance not in fleet.lives:
            continue
        if need.instance in fleet.pending_stops:
            pending = pending or f"waits for {need.instance}, which is to be stopped"
            continue
        match _verdict(need, fleet.lives[need.instance]):
            case "failed":
                return NeedsFailed(_need_failure(need, fleet))
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


def _need_failure(need: Need, fleet: Fleet) -> str:
    life = fleet.lives[need.instance]
    if life.phase is Phase.BLOCKED:
        return f"{need.instance} is blocked: {life.reason}"
    why = f": {life.reason}" if life.reason else ""
    return f"{need.instance} is {life.phase}{why}"
