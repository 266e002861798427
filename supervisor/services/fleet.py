"""Pure. All instances of a stack as one state machine: start order, waiting, stop order, end.

An instance starts as soon as its own needs are met, never level by level. It stops when no
dependent is alive. Each function takes a fleet and returns the next one, with orders for instances.

From every state `close` leads to the end: `is_over` holds once each stop is answered. A fleet
without instances is over at once. After `close` nothing is started but the last job: it starts
once, when nothing else is alive.
"""

from collections.abc import Callable, Container, Iterable, Mapping

from portweave.encoding.value import (
    field,
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
        included: Names that were ever started. A need of any other instance counts as met.
        pending_stops: Names to stop as soon as no dependent among the others here is alive. The
            value says whether to start them again after that.
        stopped_by_user: Names that the user stopped. While there is one, the fleet is not over.
        removed: Names to remove from the fleet once they have ended.
        detached: Whether the fleet goes on when nothing runs any more, until it is closed.
        closing: Whether all instances are being stopped.
        last_job_over: Whether the last job has been started, or must not run.
        last_job_asked: Whether the last job runs even if nothing has run that it may clean up.
    """

    plans: Mapping[str, InstancePlan]
    lives: Mapping[str, Life]
    included: frozenset[str]
    pending_stops: Mapping[str, bool] = field(default_factory=dict[str, bool])
    stopped_by_user: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    detached: bool = False
    closing: bool = False
    last_job_over: bool = False
    last_job_asked: bool = False


def register(
    plans: tuple[InstancePlan, ...],
    wanted: frozenset[str],
    now_s: float,
    *,
    done: frozenset[str] = frozenset(),
    detached: bool = False,
    closing: bool = False,
) -> tuple[Fleet, Orders]:
    """Make a fleet, and start instances.

    Args:
        plans: Of all instances.
        wanted: Names of the instances to start.
        now_s: The time.
        done: Names of jobs that have completed already, in an earlier run.
        detached: As in `Fleet`.
        closing: As in `Fleet`.
    """
    completed = Life(phase=Phase.COMPLETED, wanted=True, exit_status=0)
    fleet = Fleet(
        {plan.name: plan for plan in plans},
        {plan.name: completed if plan.name in done else Life() for plan in plans},
        frozenset(),
        detached=detached,
        closing=closing,
    )
    return start(fleet, wanted, now_s)


def with_needs(fleet: Fleet, names: Iterable[str]) -> set[str]:
    """These names, and the names of all instances that they depend on."""
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in found and name in fleet.plans:
            found.add(name)
            queue += [need.instance for need in fleet.plans[name].needs]
    return found


def start(fleet: Fleet, names: Iterable[str], now_s: float) -> tuple[Fleet, Orders]:
    """Start instances, without what they depend on (see `with_needs`).

    Running and completed instances stay as they are.

    Args:
        fleet: As it is.
        names: The instances.
        now_s: The time.
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
    """Stop instances, dependents first.

    Args:
        fleet: As it is.
        names: The instances.
        now_s: The time.
    """
    names = frozenset(names)
    # An instance that had ended by itself, or never ran, was not stopped by the user.
    stopped = {name for name in names if fleet.lives[name].phase not in DONE}
    fleet = replace(
        fleet,
        pending_stops={**fleet.pending_stops, **dict.fromkeys(names, False)},
        stopped_by_user=fleet.stopped_by_user | stopped,
    )
    return _settle(fleet, now_s)


def restart(fleet: Fleet, names: Iterable[str], now_s: float) -> tuple[Fleet, Orders]:
    """Stop instances and start them again. Those that do not run are started.

    Args:
        fleet: As it is.
        names: The instances.
        now_s: The time.
    """
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
    """Replace all plans.

    Args:
        fleet: As it is.
        plans: All plans from now on, in order, without those of `removed`.
        restarted: Names of instances to restart so that they follow their plan.
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
    """The fleet after an event of one instance, and the orders that follow.

    Args:
        fleet: As it is.
        name: The instance.
        event: What happened.
        now_s: The time.

    Raises:
        ImpossibleEventError: The event does not fit the instance's phase.
    """
    life, actions = lifecycle.step(fleet.plans[name], fleet.lives[name], event, now_s)
    fleet, orders = _settle(replace(fleet, lives={**fleet.lives, name: life}), now_s)
    return fleet, [*((name, action) for action in actions), *orders]


def close(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """Stop all instances, each as soon as no dependent is alive. Then run the last job."""
    return _settle(replace(fleet, closing=True, pending_stops={}), now_s)


def kill(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """Kill all instances at once, in no order. The last job does not run."""
    fleet, orders = close(replace(fleet, last_job_over=True), now_s)
    lives = dict(fleet.lives)
    for name, life in lives.items():
        if life.phase in ALIVE:
            lives[name] = replace(life, phase=Phase.STOPPING, wanted=False)
            orders.append((name, Kill()))
    return replace(fleet, lives=lives), orders


def ask_last_job(fleet: Fleet) -> Fleet:
    """The fleet with a last job that is still due, whatever has run before, and even another one.

    The plans that are applied next have that job.
    """
    return replace(fleet, last_job_over=False, last_job_asked=True)


def is_stopping(fleet: Fleet, name: str) -> bool:
    """Whether an instance is being stopped, or waits for that."""
    life = fleet.lives.get(name)
    if life is None:
        return False
    return fleet.pending_stops.get(name) is False or (life.phase in ALIVE and not life.wanted)


def is_over(fleet: Fleet) -> bool:
    """Whether nothing runs, and nothing will run by itself."""
    return not is_last_job_due(fleet) and _is_idle(fleet)


def is_last_job_due(fleet: Fleet) -> bool:
    """Whether nothing runs but the last job must, so that `close` is the next step."""
    return _has_last_job(fleet) and _is_idle(fleet)


def _is_idle(fleet: Fleet) -> bool:
    if not all(life.phase in DONE for life in fleet.lives.values()):
        return False
    may_continue = any(fleet.lives[name].phase is Phase.STOPPED for name in fleet.stopped_by_user)
    return fleet.closing or not (fleet.detached or may_continue)


def _has_last_job(fleet: Fleet) -> bool:
    """Whether there is a last job to run, and anything has run that it may have to clean up."""
    if fleet.last_job_over or not any(plan.last for plan in fleet.plans.values()):
        return False
    # `setup` alone has a stamp, and leaves nothing to clean up.
    return fleet.last_job_asked or any(
        life.started_s is not None and not fleet.plans[name].stamp
        for name, life in fleet.lives.items()
    )


def failures(fleet: Fleet) -> list[str]:
    """Names of the failed instances, then of the instances that they block."""
    return [
        name
        for phase in (Phase.FAILED, Phase.BLOCKED)
        for name, life in fleet.lives.items()
        if life.phase is phase
    ]


def pending_needs(fleet: Fleet, name: str) -> list[str]:
    """Names of the instances that an instance waits for before it starts."""
    if fleet.lives[name].phase is not Phase.WAITING:
        return []
    return [
        need.instance
        for need in fleet.plans[name].needs
        if need.instance in fleet.included
        and need.instance in fleet.lives
        and (
            need.instance in fleet.pending_stops
            or _verdict(need, fleet.lives[need.instance]) == "pending"
        )
    ]


def live_dependents(fleet: Fleet) -> dict[str, list[str]]:
    """The running instances that depend directly on an instance, by the name of that instance."""
    found: dict[str, list[str]] = {}
    for plan in fleet.plans.values():
        if fleet.lives[plan.name].phase in ALIVE:
            for need in plan.needs:
                found.setdefault(need.instance, []).append(plan.name)
    return found


def _settle(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """Let each instance follow the state of the others, until nothing changes."""
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
    fleet = _without_removed(fleet)
    if fleet.closing and is_last_job_due(fleet):
        fleet, more = _start_last_job(fleet, now_s)
        orders += more
    return fleet, orders


def _start_last_job(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    orders: Orders = []
    lives = dict(fleet.lives)
    names = [name for name, plan in fleet.plans.items() if plan.last]
    for name in names:
        for event in (Wanted(), NeedsMet()):
            lives[name], actions = lifecycle.step(fleet.plans[name], lives[name], event, now_s)
            orders += [(name, action) for action in actions]
    included = fleet.included | frozenset(names)
    return replace(fleet, lives=lives, last_job_over=True, included=included), orders


def _carry_out_pending_stops(fleet: Fleet, now_s: float) -> tuple[Fleet, Orders]:
    """Stop the instances of `pending_stops` that have no live dependent among the others."""
    orders: Orders = []
    # All are judged by one state, before any of them stops: so dependents stop first.
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
    if fleet.plans[name].last:
        return None
    if life.phase in ALIVE and _is_needed(name, fleet, fleet.lives):
        return None
    return Unwanted()


def _is_needed(name: str, fleet: Fleet, among: Container[str]) -> bool:
    """Whether a dependent of an instance is alive, also through dependents that have ended.

    An API that waited for a migration needs the database that the migration needed.

    Args:
        name: The instance.
        fleet: As it is.
        among: Names of the dependents that count.
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
            pending = pending or f"waits for {need.instance}, which will be stopped"
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
            # It is enough to have been ready in this run: it may stay unhealthy for any time.
            return "failed" if life.ready_s is None else "met"
        case _:
            return "pending"


def _need_failure(need: Need, fleet: Fleet) -> str:
    life = fleet.lives[need.instance]
    if life.phase is Phase.BLOCKED:
        return f"{need.instance} is blocked: {life.reason}"
    why = f": {life.reason}" if life.reason else ""
    return f"{need.instance} is {life.phase}{why}"
