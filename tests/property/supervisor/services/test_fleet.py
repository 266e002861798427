"""Laws of the fleet, over all histories that correct services can produce."""

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portweave.encoding.value import replace
from portweave.supervisor.reporting.state_messages import (
    change_message,
    is_start_over,
    start_summary,
    stopping_message,
)
from portweave.supervisor.services.fleet import (
    Fleet,
    Orders,
    apply_plans,
    close,
    is_over,
    kill,
    register,
    restart,
    start,
    step,
    stop,
    with_needs,
)
from portweave.supervisor.services.lifecycle import (
    BackoffEnded,
    BecameLate,
    BecameReady,
    BecameUnhealthy,
    Event,
    Exited,
    Kill,
    NotSpawned,
    Phase,
    Spawn,
    Spawned,
    Stop,
    WaitUntil,
)
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    RestartPolicy,
    When,
)

# Shrinking a failing history takes a while.
pytestmark = pytest.mark.timeout(120)

NAMES = "abcd"
STATUSES = st.sampled_from([0, 0, 1, 127, 143])
INDEX = st.integers(0, 1 << 16)


@dataclass
class Run:
    """The true state of an instance, as its service knows it.

    Attributes:
        ordered: Whether a spawn was ordered and not answered yet.
        alive: Whether it runs.
        told: Whether it was told to stop, or killed.
        was_ready: Whether it was ready in this run.
        status: Of the run before this one; None without one.
        alarm_s: When its wait ends.
    """

    ordered: bool = False
    alive: bool = False
    told: bool = False
    was_ready: bool = False
    status: int | None = None
    alarm_s: float | None = None

    @property
    def under_way(self) -> bool:
        return self.ordered or self.alive

    def meets(self, condition: Condition) -> bool:
        """Whether a dependent may start, by the documents."""
        is_done = not self.under_way and self.status is not None
        match condition:
            case Condition.STARTED:
                return self.alive or is_done
            case Condition.READY:
                return (self.alive and self.was_ready) or (is_done and self.status == 0)
            case Condition.COMPLETED:
                return is_done and self.status == 0


@st.composite
def stacks(draw: st.DrawFn) -> tuple[InstancePlan, ...]:
    plans: list[InstancePlan] = []
    for number, name in enumerate(NAMES[: draw(st.integers(0, len(NAMES)))]):
        earlier: set[str] = set()
        if number:
            earlier = draw(st.sets(st.sampled_from(NAMES[:number]), min_size=1))
        oneshot = draw(st.booleans())
        limit = draw(st.none() | st.integers(0, 2))
        plans.append(
            InstancePlan(
                *(name, name, 1, f"{name}-main", ("run",), "run", "/"),
                needs=tuple(
                    Need(need, draw(st.sampled_from(Condition))) for need in sorted(earlier)
                ),
                restart=RestartPolicy(draw(st.sampled_from(When)), limit),
                oneshot=oneshot,
            )
        )
    return tuple(draw(st.permutations(plans)))


class Stack(RuleBasedStateMachine):
    """A stack, its user and its processes, in any order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet: Fleet
        self.runs: dict[str, Run] = {}
        self.now_s = 0.0
        self.asked: set[str] = set()

    # Effects of orders.

    def take(self, after: tuple[Fleet, Orders], *, by: str = "", killing: bool = False) -> None:
        before = getattr(self, "fleet", after[0])
        self.fleet, orders = after
        for name, action in orders:
            run = self.runs[name]
            match action:
                case Spawn():
                    assert not run.under_way, f"two live processes of {name}"
                    assert not self.fleet.closing, f"{name} spawned while all is being stopped"
                    is_restart = before.lives[name].phase is Phase.BACKOFF
                    assert is_restart or self.needs_met(name), f"{name} spawned before its needs"
                    self.runs[name] = Run(ordered=True, status=None)
                case Stop():
                    assert run.under_way, f"nothing of {name} to stop"
                    assert not run.told, f"{name} asked to stop twice"
                    run.told = True
                    if self.fleet.closing and not killing and name != by:
                        left = [d for d in self.dependents(name) if self.runs[d].under_way]
                        assert not left, f"{name} stopped before {left}"
                case Kill():
                    assert killing
                    assert run.under_way, f"nothing of {name} to kill"
                    run.told = True
                case WaitUntil(at_s):
                    assert not run.under_way, f"{name} waits and runs"
                    run.alarm_s = at_s
        for name in set(self.runs) - set(self.fleet.plans):
            assert not self.runs.pop(name).under_way, f"{name} forgotten while it runs"
        for name, plan in self.fleet.plans.items():
            # Each change has a message.
            lives = before.lives[name], self.fleet.lives[name]
            change_message(plan, *lives, self.now_s, verbose=True)

    def needs_met(self, name: str) -> bool:
        return all(
            self.runs[need.instance].meets(need.condition)
            for need in self.fleet.plans[name].needs
            if need.instance in self.fleet.included and need.instance in self.runs
        )

    def dependents(self, name: str) -> set[str]:
        """All direct and indirect dependents."""
        plans = self.fleet.plans.values()
        found = {p.name for p in plans if any(need.instance == name for need in p.needs)}
        return found.union(*(self.dependents(other) for other in found))

    def tell(self, name: str, event: Event) -> None:
        self.take(step(self.fleet, name, event, self.now_s), by=name)

    # Events.

    @initialize(plans=stacks(), data=st.data())
    def begin(self, plans: tuple[InstancePlan, ...], data: st.DataObject) -> None:
        self.runs = {plan.name: Run() for plan in plans}
        left_out = data.draw(st.sets(st.sampled_from(NAMES), max_size=1))
        wanted = frozenset(self.runs) - left_out or frozenset(self.runs)
        detached, closing = data.draw(st.booleans()), data.draw(st.integers(0, 9)) == 0
        self.take(register(plans, wanted, 0, detached=detached, closing=closing))

    def one(self, index: int, names: list[str]) -> str:
        return names[index % len(names)]

    def ordered(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.ordered]

    def alive(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.alive]

    def waiting(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.alarm_s is not None]

    @precondition(lambda self: self.ordered())
    @rule(index=INDEX)
    def one_is_spawned(self, index: int) -> None:
        name = self.one(index, self.ordered())
        self.runs[name].ordered, self.runs[name].alive = False, True
        self.tell(name, Spawned(7))

    @precondition(lambda self: self.ordered())
    @rule(index=INDEX)
    def one_is_not_spawned(self, index: int) -> None:
        name = self.one(index, self.ordered())
        self.runs[name] = Run(status=None)
        self.tell(name, NotSpawned(None, "no"))

    @precondition(lambda self: self.alive())
    @rule(index=INDEX)
    def one_is_ready(self, index: int) -> None:
        name = self.one(index, self.alive())
        self.runs[name].was_ready = True
        self.tell(name, BecameReady())

    @precondition(lambda self: self.alive())
    @rule(index=INDEX, fatal=st.booleans())
    def one_is_late_or_unwell(self, index: int, fatal: bool) -> None:
        name = self.one(index, self.alive())
        if self.runs[name].was_ready:
            self.tell(name, BecameUnhealthy("answers 500"))
        else:
            self.tell(name, BecameLate("late", fatal=fatal))

    @precondition(lambda self: self.alive())
    @rule(index=INDEX, status=STATUSES, after_s=st.floats(0, 100))
    def one_ends(self, index: int, status: int, after_s: float) -> None:
        name = self.one(index, self.alive())
        self.now_s += after_s
        self.runs[name] = Run(status=status)
        self.tell(name, Exited(status))

    @precondition(lambda self: self.waiting())
    @rule(index=INDEX)
    def an_alarm_rings(self, index: int) -> None:
        name = self.one(index, self.waiting())
        self.now_s = max(self.now_s, self.runs[name].alarm_s or 0)
        self.runs[name].alarm_s = None
        self.tell(name, BackoffEnded())

    @rule(names=st.sets(st.sampled_from(NAMES)), with_them=st.booleans())
    def the_user_starts(self, names: set[str], with_them: bool) -> None:
        chosen = names & set(self.fleet.plans)
        if with_them:
            chosen = with_needs(self.fleet, chosen)
        self.take(start(self.fleet, chosen, self.now_s))
        # A removed instance is not started any more.
        lives = [self.fleet.lives[name] for name in chosen - self.fleet.removed]
        if not self.fleet.closing:
            assert all(life.wanted or life.phase is Phase.COMPLETED for life in lives)

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def the_user_stops(self, names: set[str]) -> None:
        self.take(stop(self.fleet, names & set(self.fleet.plans), self.now_s))

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def the_user_restarts(self, names: set[str]) -> None:
        self.take(restart(self.fleet, names & set(self.fleet.plans), self.now_s))

    @rule(index=INDEX, again=st.booleans(), drop=st.booleans())
    def a_definition_changes(self, index: int, again: bool, drop: bool) -> None:
        if not self.fleet.plans:
            return
        name = self.one(index, sorted(self.fleet.plans))
        if drop:
            plans = [plan for plan in self.fleet.plans.values() if plan.name != name]
            self.take(
                apply_plans(self.fleet, plans, restarted=(), removed=[name], now_s=self.now_s)
            )
            return
        plans = [
            replace(plan, oneshot=not plan.oneshot) if plan.name == name else plan
            for plan in self.fleet.plans.values()
        ]
        changed = [name] if again else []
        self.take(apply_plans(self.fleet, plans, restarted=changed, removed=(), now_s=self.now_s))

    @rule()
    def all_services_are_taken_out(self) -> None:
        removed = list(self.fleet.plans)
        self.take(apply_plans(self.fleet, (), restarted=(), removed=removed, now_s=self.now_s))

    @precondition(lambda self: len(self.ordered() + self.alive()) != 1)
    @rule()
    def the_user_ends_it(self) -> None:
        self.take(close(self.fleet, self.now_s))

    @precondition(lambda self: self.fleet.closing)
    @rule()
    def the_user_presses_again(self) -> None:
        self.take(kill(self.fleet, self.now_s), killing=True)
        assert all(run.told for run in self.runs.values() if run.under_way)

    # Invariants.

    @invariant()
    def what_is_said_is_so(self) -> None:
        for name, run in self.runs.items():
            life = self.fleet.lives[name]
            is_up = (Phase.STARTING, Phase.READY, Phase.UNHEALTHY, Phase.STOPPING)
            assert (life.phase in is_up) == run.under_way
            assert (life.pid is not None) == run.alive
            assert (life.phase is Phase.STOPPING) == (run.under_way and run.told)

    @invariant()
    def it_is_over_when_nothing_runs_and_nothing_will(self) -> None:
        lives = self.fleet.lives
        under_way = any(run.under_way for run in self.runs.values())
        due = any(
            lives[name].phase is Phase.BACKOFF and run.alarm_s is not None
            for name, run in self.runs.items()
        )
        # This also shows that each wait can end.
        rests = any(lives[name].phase is Phase.STOPPED for name in self.fleet.stopped_by_user)
        still = not under_way and not due
        kept = self.fleet.detached or rests
        assert is_over(self.fleet) == (still and (self.fleet.closing or not kept))
        if still:
            assert not self.fleet.pending_stops
            assert not self.fleet.removed

    @invariant()
    def what_the_user_wants_is_not_forgotten(self) -> None:
        for life in self.fleet.lives.values():
            assert not (life.phase is Phase.STOPPED and life.wanted)

    @invariant()
    def who_waits_says_for_what(self) -> None:
        for life in self.fleet.lives.values():
            if life.phase in (Phase.WAITING, Phase.BLOCKED, Phase.FAILED):
                assert life.reason

    @invariant()
    def it_can_be_told(self) -> None:
        assert start_summary(self.fleet, 1.0)
        assert bool(stopping_message(self.fleet, killing=False)) == bool(
            self.ordered() or self.alive()
        )
        if is_over(self.fleet):
            assert is_start_over(self.fleet)

    def teardown(self) -> None:
        """`close` leads to the end from every state, even an empty one."""
        if not hasattr(self, "fleet"):
            return
        self.take(close(self.fleet, self.now_s))
        while not is_over(self.fleet):
            told = [name for name, run in self.runs.items() if run.under_way and run.told]
            assert told, "nobody is asked to end, and yet it is not over"
            for name in told:
                was_spawned = self.runs[name].alive
                self.runs[name] = Run(status=143 if was_spawned else None)
                self.tell(name, Exited(143) if was_spawned else NotSpawned(None, "stopped before"))
        assert not any(run.under_way for run in self.runs.values())


test_stack = Stack.TestCase
