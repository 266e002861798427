"""Laws of one instance, over all histories that a correct service can produce."""

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portweave.supervisor.services.lifecycle import (
    DONE,
    Action,
    BackoffEnded,
    BecameLate,
    BecameReady,
    BecameUnhealthy,
    Event,
    Exited,
    Kill,
    Life,
    ListensElsewhere,
    NeedsFailed,
    NeedsMet,
    NeedsPending,
    NotSpawned,
    Phase,
    Spawn,
    Spawned,
    Stop,
    Unwanted,
    WaitUntil,
    Wanted,
    step,
)
from portweave.supervisor.services.plan import (
    InstancePlan,
    RestartPolicy,
    When,
)

# Shrinking a failing history takes a while.
pytestmark = pytest.mark.timeout(120)

POLICIES = st.builds(
    RestartPolicy, st.sampled_from(When), st.none() | st.integers(min_value=0, max_value=3)
)
STATUSES = st.sampled_from([0, 0, 1, 126, 127, 137, 143])


@dataclass
class Process:
    """The true state of the process, which answers actions as a correct service does."""

    ordered: bool = False
    alive: bool = False
    stopping: bool = False
    wait_until_s: float | None = None

    def apply(self, action: Action) -> None:
        match action:
            case Spawn():
                assert not self.ordered, "spawned again before the first spawn was answered"
                assert not self.alive, "two live processes"
                self.ordered, self.stopping, self.wait_until_s = True, False, None
            case Stop():
                assert self.ordered or self.alive, "nothing to stop"
                assert not self.stopping, "asked to stop twice"
                self.stopping = True
            case Kill():
                assert self.ordered or self.alive, "nothing to kill"
                self.stopping = True
            case WaitUntil(at_s):
                assert not self.ordered, "a wait while it is being started"
                assert not self.alive, "a wait while it runs"
                self.wait_until_s = at_s


class OneInstance(RuleBasedStateMachine):
    """One instance, its needs, its user and its process, in any order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = InstancePlan("web", "web", 1, "web-main", ("run",), "run", "/")
        self.life = Life()
        self.shell = Process()
        self.now_s = 0.0

    def send(self, event: Event) -> None:
        self.life, actions = step(self.plan, self.life, event, self.now_s)
        for action in actions:
            self.shell.apply(action)

    @initialize(restart=POLICIES, oneshot=st.booleans())
    def begin(self, restart: RestartPolicy, oneshot: bool) -> None:
        self.plan = InstancePlan(
            *("web", "web", 1, "web-main", ("run",), "run", "/"), restart=restart, oneshot=oneshot
        )

    @rule(for_s=st.floats(0.001, 100))
    def time_passes(self, for_s: float) -> None:
        self.now_s += for_s

    @rule()
    def the_user_starts_it(self) -> None:
        self.send(Wanted())

    @rule()
    def the_user_stops_it(self) -> None:
        self.send(Unwanted())
        assert self.shell.stopping or not (self.shell.ordered or self.shell.alive)

    @precondition(lambda self: self.life.phase in (Phase.WAITING, Phase.BLOCKED))
    @rule(event=st.sampled_from([NeedsMet(), NeedsFailed("no"), NeedsPending("soon")]))
    def its_needs_change(self, event: Event) -> None:
        self.send(event)

    @precondition(lambda self: self.shell.ordered)
    @rule()
    def it_is_spawned(self) -> None:
        self.shell.ordered, self.shell.alive = False, True
        self.send(Spawned(7))

    @precondition(lambda self: self.shell.ordered)
    @rule(status=st.sampled_from([None, 126, 127]))
    def it_is_not_spawned(self, status: int | None) -> None:
        self.shell.ordered = False
        self.send(NotSpawned(status, "no"))

    @precondition(lambda self: self.shell.alive)
    @rule(
        event=st.sampled_from(
            [
                *(BecameReady(), BecameReady("no listener"), BecameUnhealthy("answers 500")),
                *(BecameUnhealthy("gone", quiet=True), ListensElsewhere((1,))),
                *(
                    ListensElsewhere(()),
                    BecameLate("late", fatal=False),
                    BecameLate("late", fatal=True),
                ),
            ]
        )
    )
    def a_probe_answers(self, event: Event) -> None:
        self.send(event)

    @precondition(lambda self: self.shell.alive)
    @rule(status=STATUSES, jitter=st.floats(0.8, 1.2))
    def it_ends(self, status: int, jitter: float) -> None:
        self.shell.alive = False
        self.send(Exited(status, jitter))

    @precondition(lambda self: self.shell.wait_until_s is not None)
    @rule()
    def the_wait_ends(self) -> None:
        assert self.shell.wait_until_s is not None
        self.now_s = max(self.now_s, self.shell.wait_until_s)
        self.shell.wait_until_s = None
        self.send(BackoffEnded())

    @invariant()
    def the_life_shows_the_true_state(self) -> None:
        alive = self.shell.ordered or self.shell.alive
        is_up = (Phase.STARTING, Phase.READY, Phase.UNHEALTHY, Phase.STOPPING)
        assert (self.life.phase in is_up) == alive
        assert (self.life.pid is not None) == self.shell.alive
        assert (self.life.phase is Phase.STOPPING) == (alive and self.shell.stopping)

    @invariant()
    def each_wait_can_end(self) -> None:
        if self.life.phase is Phase.BACKOFF:
            assert self.shell.wait_until_s is not None
        if self.life.phase not in DONE:
            assert self.life.wanted or self.life.phase is Phase.STOPPING

    @invariant()
    def requests_of_the_user_are_kept(self) -> None:
        assert not (self.life.phase is Phase.STOPPED and self.life.wanted)

    @invariant()
    def failures_have_reasons(self) -> None:
        if self.life.phase in (Phase.FAILED, Phase.BLOCKED, Phase.BACKOFF):
            assert self.life.reason

    def teardown(self) -> None:
        """Stopping ends from every state."""
        self.send(Unwanted())
        if self.shell.ordered:
            self.shell.ordered = False
            self.send(NotSpawned(None, "stopped before it was started"))
        elif self.shell.alive:
            self.shell.alive = False
            self.send(Exited(143))
        assert self.life.phase in DONE
        self.send(BackoffEnded())
        assert self.life.phase in DONE


test_one_life = OneInstance.TestCase
