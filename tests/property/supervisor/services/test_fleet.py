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
    is_last_job_due,
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
# The instance that runs when all others have ended.
LAST = "z"
STATUSES = st.sampled_from([0, 0, 1, 127, 143])
INDEX = st.integers(0, 1 << 16)


@dataclass
class Run:
    """The true state of an instance, as its service knows it.

    Attributes:
        ordered: Whether a spawn was ordered and not answered yet.
        alive: Whether it runs.
        stopping: Whether it was told to stop, or killed.
        was_ready: Whether it was ready in this run.
        status: Of the run before this one; None without one.
        wait_until_s: When its wait ends.
    """

    ordered: bool = False
    alive: bool = False
    stopping: bool = False
    was_ready: bool = False
    status: int | None = None
    wait_until_s: float | None = None

    @property
    def has_process(self) -> bool:
        return self.ordered or self.alive

    def meets(self, condition: Condition) -> bool:
        """Whether a dependent may start, by the documents."""
        is_done = not self.has_process and self.status is not None
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
    if draw(st.booleans()):
        last = InstancePlan(*(LAST, LAST, 1, f"{LAST}-main", ("run",), "run", "/"))
        policy = RestartPolicy(When.NO, None)
        plans.append(replace(last, restart=policy, oneshot=True, last=True))
    return tuple(draw(st.permutations(plans)))


class Stack(RuleBasedStateMachine):
    """A stack, its user and its processes, in any order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet: Fleet
        self.runs: dict[str, Run] = {}
        self.now_s = 0.0
        self.asked: set[str] = set()
        self.last_has_run = False

    # Effects of orders.

    def apply(self, after: tuple[Fleet, Orders], *, by: str = "", killing: bool = False) -> None:
        before = getattr(self, "fleet", after[0])
        self.fleet, orders = after
        for name, action in orders:
            run = self.runs[name]
            match action:
                case Spawn():
                    assert not run.has_process, f"two live processes of {name}"
                    if name == LAST:
                        assert self.fleet.closing, "the last job spawned too early"
                        others = [n for n, other in self.runs.items() if other.has_process]
                        assert not others, f"the last job spawned before the end of {others}"
                        assert not self.last_has_run, "the last job spawned twice"
                        self.last_has_run = True
                    else:
                        assert not self.fleet.closing, f"{name} spawned while all is being stopped"
                    is_restart = before.lives[name].phase is Phase.BACKOFF
                    assert is_restart or self.needs_met(name), f"{name} spawned before its needs"
                    self.runs[name] = Run(ordered=True, status=None)
                case Stop():
                    assert run.has_process, f"nothing of {name} to stop"
                    assert not run.stopping, f"{name} asked to stop twice"
                    run.stopping = True
                    if self.fleet.closing and not killing and name != by:
                        left = [d for d in self.dependents(name) if self.runs[d].has_process]
                        assert not left, f"{name} stopped before {left}"
                case Kill():
                    assert killing
                    assert run.has_process, f"nothing of {name} to kill"
                    run.stopping = True
                case WaitUntil(at_s):
                    assert not run.has_process, f"{name} waits and runs"
                    run.wait_until_s = at_s
        for name in set(self.runs) - set(self.fleet.plans):
            assert not self.runs.pop(name).has_process, f"{name} forgotten while it runs"
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

    def send(self, name: str, event: Event) -> None:
        self.apply(step(self.fleet, name, event, self.now_s), by=name)

    # Events.

    @initialize(plans=stacks(), data=st.data())
    def begin(self, plans: tuple[InstancePlan, ...], data: st.DataObject) -> None:
        self.runs = {plan.name: Run() for plan in plans}
        left_out = data.draw(st.sets(st.sampled_from(NAMES), max_size=1))
        services = frozenset(self.runs) - {LAST}
        wanted = services - left_out or services
        detached, closing = data.draw(st.booleans()), data.draw(st.integers(0, 9)) == 0
        self.apply(register(plans, wanted, 0, detached=detached, closing=closing))

    def pick(self, index: int, names: list[str]) -> str:
        return names[index % len(names)]

    def ordered(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.ordered]

    def alive(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.alive]

    def waiting(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.wait_until_s is not None]

    @precondition(lambda self: self.ordered())
    @rule(index=INDEX)
    def an_instance_is_spawned(self, index: int) -> None:
        name = self.pick(index, self.ordered())
        self.runs[name].ordered, self.runs[name].alive = False, True
        self.send(name, Spawned(7))

    @precondition(lambda self: self.ordered())
    @rule(index=INDEX)
    def an_instance_is_not_spawned(self, index: int) -> None:
        name = self.pick(index, self.ordered())
        self.runs[name] = Run(status=None)
        self.send(name, NotSpawned(None, "no"))

    @precondition(lambda self: self.alive())
    @rule(index=INDEX)
    def an_instance_becomes_ready(self, index: int) -> None:
        name = self.pick(index, self.alive())
        self.runs[name].was_ready = True
        self.send(name, BecameReady())

    @precondition(lambda self: self.alive())
    @rule(index=INDEX, fatal=st.booleans())
    def an_instance_is_late_or_unhealthy(self, index: int, fatal: bool) -> None:
        name = self.pick(index, self.alive())
        if self.runs[name].was_ready:
            self.send(name, BecameUnhealthy("answers 500"))
        else:
            self.send(name, BecameLate("late", fatal=fatal))

    @precondition(lambda self: self.alive())
    @rule(index=INDEX, status=STATUSES, after_s=st.floats(0, 100))
    def an_instance_ends(self, index: int, status: int, after_s: float) -> None:
        name = self.pick(index, self.alive())
        self.now_s += after_s
        self.runs[name] = Run(status=status)
        self.send(name, Exited(status))

    @precondition(lambda self: self.waiting())
    @rule(index=INDEX)
    def a_wait_ends(self, index: int) -> None:
        name = self.pick(index, self.waiting())
        self.now_s = max(self.now_s, self.runs[name].wait_until_s or 0)
        self.runs[name].wait_until_s = None
        self.send(name, BackoffEnded())

    @rule(names=st.sets(st.sampled_from(NAMES)), with_needs_too=st.booleans())
    def the_user_starts(self, names: set[str], with_needs_too: bool) -> None:
        chosen = names & set(self.fleet.plans)
        if with_needs_too:
            chosen = with_needs(self.fleet, chosen)
        self.apply(start(self.fleet, chosen, self.now_s))
        # A removed instance is not started any more.
        lives = [self.fleet.lives[name] for name in chosen - self.fleet.removed]
        if not self.fleet.closing:
            assert all(life.wanted or life.phase is Phase.COMPLETED for life in lives)

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def the_user_stops(self, names: set[str]) -> None:
        self.apply(stop(self.fleet, names & set(self.fleet.plans), self.now_s))

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def the_user_restarts(self, names: set[str]) -> None:
        self.apply(restart(self.fleet, names & set(self.fleet.plans), self.now_s))

    @rule(index=INDEX, restart=st.booleans(), remove=st.booleans())
    def a_definition_changes(self, index: int, restart: bool, remove: bool) -> None:
        if not self.fleet.plans:
            return
        name = self.pick(index, sorted(self.fleet.plans))
        if remove:
            plans = [plan for plan in self.fleet.plans.values() if plan.name != name]
            self.apply(
                apply_plans(self.fleet, plans, restarted=(), removed=[name], now_s=self.now_s)
            )
            return
        plans = [
            replace(plan, oneshot=not plan.oneshot) if plan.name == name else plan
            for plan in self.fleet.plans.values()
        ]
        changed = [name] if restart else []
        self.apply(apply_plans(self.fleet, plans, restarted=changed, removed=(), now_s=self.now_s))

    @rule()
    def all_services_are_removed(self) -> None:
        removed = list(self.fleet.plans)
        self.apply(apply_plans(self.fleet, (), restarted=(), removed=removed, now_s=self.now_s))

    @precondition(lambda self: len(self.ordered() + self.alive()) != 1)
    @rule()
    def the_user_stops_the_stack(self) -> None:
        self.apply(close(self.fleet, self.now_s))

    @precondition(lambda self: self.fleet.closing)
    @rule()
    def the_user_presses_ctrl_c_again(self) -> None:
        self.apply(kill(self.fleet, self.now_s), killing=True)
        assert all(run.stopping for run in self.runs.values() if run.has_process)

    # Invariants.

    @invariant()
    def the_fleet_shows_the_true_state(self) -> None:
        for name, run in self.runs.items():
            life = self.fleet.lives[name]
            is_up = (Phase.STARTING, Phase.READY, Phase.UNHEALTHY, Phase.STOPPING)
            assert (life.phase in is_up) == run.has_process
            assert (life.pid is not None) == run.alive
            assert (life.phase is Phase.STOPPING) == (run.has_process and run.stopping)

    @invariant()
    def the_fleet_is_over_when_nothing_runs_or_will_run(self) -> None:
        lives = self.fleet.lives
        has_process = any(run.has_process for run in self.runs.values())
        due = any(
            lives[name].phase is Phase.BACKOFF and run.wait_until_s is not None
            for name, run in self.runs.items()
        )
        # This also shows that each wait can end.
        rests = any(lives[name].phase is Phase.STOPPED for name in self.fleet.stopped_by_user)
        still = not has_process and not due
        kept = self.fleet.detached or rests
        is_idle = still and (self.fleet.closing or not kept)
        assert is_idle == (is_over(self.fleet) or is_last_job_due(self.fleet))
        if is_idle and self.fleet.closing:
            assert is_over(self.fleet)
        if still:
            assert not self.fleet.pending_stops
            assert not self.fleet.removed

    @invariant()
    def requests_of_the_user_are_kept(self) -> None:
        for life in self.fleet.lives.values():
            assert not (life.phase is Phase.STOPPED and life.wanted)

    @invariant()
    def a_waiting_instance_names_what_it_waits_for(self) -> None:
        for life in self.fleet.lives.values():
            if life.phase in (Phase.WAITING, Phase.BLOCKED, Phase.FAILED):
                assert life.reason

    @invariant()
    def the_fleet_has_messages(self) -> None:
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
        self.apply(close(self.fleet, self.now_s))
        while not is_over(self.fleet):
            # The last job is not stopped, but ends.
            stopping = [
                name
                for name, run in self.runs.items()
                if run.has_process and (run.stopping or name == LAST)
            ]
            assert stopping, "no instance is being stopped, and yet the fleet is not over"
            for name in stopping:
                was_spawned = self.runs[name].alive
                self.runs[name] = Run(status=143 if was_spawned else None)
                self.send(name, Exited(143) if was_spawned else NotSpawned(None, "stopped before"))
        assert not any(run.has_process for run in self.runs.values())


test_stack = Stack.TestCase
