"""The fleet as histories: which instance starts, waits or stops next."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.services.fleet import (
    Fleet,
    Orders,
    apply_plans,
    ask_last_job,
    close,
    failures,
    is_last_job_due,
    is_over,
    is_stopping,
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
    ImpossibleEventError,
    Kill,
    Life,
    NotSpawned,
    Phase,
    Spawn,
    Spawned,
    Stop,
    Unwanted,
    Wanted,
)
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    RestartPolicy,
    When,
)

ALWAYS = RestartPolicy(When.ALWAYS, None)
READY, STARTED, COMPLETED = Condition.READY, Condition.STARTED, Condition.COMPLETED


def plan(
    name: str, *needs: str, on: Condition = READY, when: When = When.NO, oneshot: bool = False
) -> InstancePlan:
    return InstancePlan(
        name,
        name,
        1,
        f"{name}-main",
        ("run",),
        "run",
        "/",
        needs=tuple(Need(need, on) for need in needs),
        restart=RestartPolicy(when, None),
        oneshot=oneshot,
    )


class History:
    """A fleet that receives events. The last orders are texts such as `spawn web`."""

    def __init__(self, *plans: InstancePlan, wanted: str = "") -> None:
        names = wanted.split() or [plan.name for plan in plans]
        self.orders: list[str] = []
        self._apply(register(plans, frozenset(names), 0))

    def send(self, name: str, *events: Event, now_s: float = 0) -> list[str]:
        for event in events:
            self._apply(step(self.fleet, name, event, now_s))
        return self.orders

    def close(self) -> list[str]:
        return self._apply(close(self.fleet, 0))

    def kill(self) -> list[str]:
        return self._apply(kill(self.fleet, 0))

    def start(self, names: str) -> list[str]:
        return self._apply(start(self.fleet, names.split(), 0))

    def stop(self, names: str) -> list[str]:
        return self._apply(stop(self.fleet, names.split(), 0))

    def restart(self, names: str) -> list[str]:
        return self._apply(restart(self.fleet, names.split(), 0))

    def apply_plans(
        self, *plans: InstancePlan, restarted: str = "", removed: str = ""
    ) -> list[str]:
        after = apply_plans(
            self.fleet, plans, restarted=restarted.split(), removed=removed.split(), now_s=0
        )
        return self._apply(after)

    def phases(self) -> str:
        return " ".join(self.fleet.lives[name].phase for name in self.fleet.plans)

    def reason(self, name: str) -> str:
        return self.fleet.lives[name].reason

    def _apply(self, after: tuple[Fleet, Orders]) -> list[str]:
        self.fleet, orders = after
        self.orders = [f"{type(action).__name__.lower()} {name}" for name, action in orders]
        return self.orders


RUNS = (Spawned(7), BecameReady())
STACK = (plan("web", "api"), plan("api", "db"), plan("db"), plan("log"))


def running() -> History:
    history = History(*STACK)
    for name in ("db", "api", "web", "log"):
        history.send(name, *RUNS)
    assert history.phases() == "ready ready ready ready"
    return history


def test_instances_without_needs_start_at_once_and_the_others_name_what_they_wait_for() -> None:
    history = History(*STACK)
    assert history.orders == ["spawn db", "spawn log"]
    assert history.phases() == "waiting waiting starting starting"
    assert history.reason("api") == "waits for db to be ready"


def test_each_instance_starts_as_soon_as_its_own_needs_are_met() -> None:
    history = History(*STACK)
    assert history.send("db", Spawned(7)) == []
    assert history.send("db", BecameReady()) == ["spawn api"]
    assert history.send("log", *RUNS) == []
    assert history.send("api", *RUNS) == ["spawn web"]


def test_all_needs_must_be_met_and_the_first_missing_one_is_reported() -> None:
    history = History(plan("web", "db", "cache"), plan("db"), plan("cache"))
    history.send("db", *RUNS)
    assert history.phases() == "waiting ready starting"
    assert history.reason("web") == "waits for cache to be ready"
    assert history.send("cache", *RUNS) == ["spawn web"]


def test_a_need_that_was_never_started_counts_as_met() -> None:
    history = History(*STACK, wanted="api")
    assert history.orders == ["spawn api"]
    assert history.phases() == "stopped starting stopped stopped"


RAN, WENT, CRASHED, STOPS = Spawned(7), Exited(0), Exited(1), Unwanted()
LATE, TOO_LATE = BecameLate("late", fatal=False), BecameLate("late", fatal=True)

# The condition, whether the need is a job, its events; then the phase of the instance
# that waits for it.
NEEDS: dict[str, tuple[Condition, bool, list[Event], Phase]] = {
    "started: spawned": (STARTED, False, [RAN], Phase.STARTING),
    "started: not yet spawned": (STARTED, False, [], Phase.WAITING),
    "started: has ended in order": (STARTED, False, [RAN, WENT], Phase.STARTING),
    "started: could not be spawned": (STARTED, False, [NotSpawned(127, "no")], Phase.BLOCKED),
    "started: completed": (STARTED, True, [RAN, WENT], Phase.STARTING),
    "ready: spawned": (READY, False, [RAN], Phase.WAITING),
    "ready: ready": (READY, False, [*RUNS], Phase.STARTING),
    "ready: failed": (READY, False, [RAN, CRASHED], Phase.BLOCKED),
    "ready: ended before it was": (READY, False, [RAN, WENT], Phase.BLOCKED),
    "ready: a oneshot that completed": (READY, True, [RAN, WENT], Phase.STARTING),
    "ready: late, which it may still become": (READY, False, [RAN, LATE], Phase.BLOCKED),
    "ready: late, and then it is": (READY, False, [RAN, LATE, BecameReady()], Phase.STARTING),
    "ready: being stopped for being late": (READY, False, [RAN, TOO_LATE], Phase.WAITING),
    "ready: late for good": (READY, False, [RAN, TOO_LATE, Exited(143)], Phase.BLOCKED),
    "completed: runs": (COMPLETED, True, [*RUNS], Phase.WAITING),
    "completed: completed": (COMPLETED, True, [RAN, WENT], Phase.STARTING),
    "completed: failed": (COMPLETED, True, [RAN, CRASHED], Phase.BLOCKED),
    "completed: no oneshot, but ended": (COMPLETED, False, [*RUNS, WENT], Phase.STARTING),
    "completed: being stopped by the user": (COMPLETED, True, [*RUNS, STOPS], Phase.WAITING),
    "completed: stopped by the user": (COMPLETED, True, [*RUNS, STOPS, WENT], Phase.BLOCKED),
}


@pytest.mark.parametrize("name", NEEDS)
def test_the_phase_of_a_need_decides_the_phase_of_its_dependent(name: str) -> None:
    condition, oneshot, events, phase = NEEDS[name]
    history = History(plan("web", "db", on=condition), plan("db", oneshot=oneshot))
    history.send("db", *events)
    assert history.fleet.lives["web"].phase is phase


def test_a_need_that_was_ready_still_counts_when_it_is_unhealthy() -> None:
    """A need may stay unhealthy for ever, so its dependent does not wait for it."""
    history = History(plan("web", "db", "cache"), plan("db"), plan("cache"))
    history.send("db", *RUNS, BecameUnhealthy("answers 500"))
    assert history.send("cache", *RUNS) == ["spawn web"]


def test_a_dependent_waits_for_a_need_in_backoff() -> None:
    history = History(plan("web", "db"), plan("db", when=When.ALWAYS))
    history.send("db", Spawned(7), Exited(1))
    assert history.phases() == "waiting backoff"
    history.send("db", BackoffEnded(), Spawned(8), BecameReady())
    assert history.phases() == "starting ready"


def test_dependents_keep_running_while_their_need_restarts() -> None:
    history = History(plan("web", "db"), plan("db", when=When.ALWAYS))
    history.send("db", *RUNS)
    history.send("web", *RUNS)
    assert history.send("db", Exited(1), now_s=5) == ["waituntil db"]
    assert history.phases() == "ready backoff"


def test_a_failure_blocks_all_dependents_and_names_its_cause() -> None:
    history = History(*STACK)
    history.send("log", *RUNS)
    history.send("db", Spawned(7), Exited(1))
    assert history.phases() == "blocked blocked failed ready"
    assert history.reason("api") == "db is failed: exited with status 1"
    assert history.reason("web") == "api is blocked: db is failed: exited with status 1"
    assert failures(history.fleet) == ["db", "web", "api"]
    assert not is_over(history.fleet)


def test_a_fleet_is_over_when_nothing_runs_or_will_run() -> None:
    history = History(plan("a"), plan("b", when=When.ALWAYS), plan("c", "a"))
    assert not is_over(history.fleet)
    history.send("a", Spawned(7), Exited(1))
    history.send("b", NotSpawned(127, "no"))
    assert history.phases() == "failed failed blocked"
    assert is_over(history.fleet)


def test_a_fleet_is_not_over_while_a_restart_is_due() -> None:
    history = History(plan("a", when=When.ALWAYS))
    history.send("a", Spawned(7), Exited(1))
    assert not is_over(history.fleet)


def test_an_empty_fleet_is_over() -> None:
    fleet, orders = register((), frozenset(), 0)
    assert is_over(fleet)
    assert orders == []


def test_closing_stops_dependents_first() -> None:
    history = running()
    assert history.close() == ["stop web", "stop log"]
    assert history.send("log", Exited(143)) == []
    assert history.send("web", Exited(143)) == ["stop api"]
    assert history.send("api", Exited(143)) == ["stop db"]
    assert not is_over(history.fleet)
    assert history.send("db", Exited(143)) == []
    assert is_over(history.fleet)
    assert failures(history.fleet) == []


def test_closing_ends_all_waits_at_once() -> None:
    history = History(plan("web", "db"), plan("db"), plan("job", when=When.ALWAYS))
    history.send("job", Spawned(7), Exited(1))
    assert history.phases() == "waiting starting backoff"
    assert history.close() == ["stop db"]
    assert history.phases() == "stopped stopping stopped"
    history.send("job", BackoffEnded())
    history.send("db", NotSpawned(None, "stopped before it was started"))
    assert is_over(history.fleet)


def test_an_instance_that_crashes_during_closing_is_not_started_again() -> None:
    history = History(plan("web", "db"), plan("db", when=When.ALWAYS))
    history.send("db", *RUNS)
    history.send("web", *RUNS)
    assert history.close() == ["stop web"]
    assert "spawn db" not in history.send("db", Exited(1), now_s=60)
    assert history.send("db", BackoffEnded()) == []
    history.send("web", Exited(143))
    assert is_over(history.fleet)


def test_an_instance_that_becomes_ready_during_closing_starts_nothing() -> None:
    history = History(plan("web", "db"), plan("db"), plan("top", "db", on=STARTED))
    history.send("db", Spawned(7))
    history.send("top", Spawned(8))
    assert history.close() == ["stop top"]
    assert history.send("db", BecameReady()) == []
    assert history.phases() == "stopped ready stopping"


def test_closing_cancels_a_requested_restart() -> None:
    history = History(plan("web", "db"), plan("db"))
    history.send("db", *RUNS)
    history.send("web", *RUNS)
    history.send("db", Unwanted(), Wanted())
    assert history.close() == ["stop web"]
    assert history.send("db", Exited(143)) == []
    history.send("web", Exited(143))
    assert is_over(history.fleet)


def test_a_restart_of_several_instances_waits_for_the_needs_of_each() -> None:
    history = History(plan("web", "db"), plan("db"))
    history.send("db", *RUNS)
    history.send("web", *RUNS)
    for name in ("web", "db"):
        history.send(name, Unwanted(), Wanted())
    assert history.send("web", Exited(143)) == []
    assert history.phases() == "waiting stopping"
    assert history.send("db", Exited(143)) == ["spawn db"]
    assert history.send("db", Spawned(9), BecameReady()) == ["spawn web"]


def test_killing_ends_all_at_once_in_no_order() -> None:
    history = running()
    orders = history.kill()
    assert [order for order in orders if order.startswith("kill")] == [
        *("kill web", "kill api", "kill db", "kill log")
    ]
    for name in ("db", "web", "log", "api"):
        assert history.send(name, Exited(137)) == []
    assert is_over(history.fleet)


def test_killing_after_closing_kills_the_instances_that_are_left() -> None:
    history = running()
    history.close()
    history.send("web", Exited(143))
    assert history.kill() == ["kill api", "kill db", "kill log"]
    assert history.kill() == ["kill api", "kill db", "kill log"]


def test_closing_twice_orders_nothing_twice() -> None:
    history = running()
    history.close()
    assert history.close() == []


def test_an_event_that_cannot_happen_leaves_the_fleet_as_it_is() -> None:
    history = running()
    before = history.fleet
    with pytest.raises(ImpossibleEventError):
        history.send("web", NotSpawned(None, ""))
    assert history.fleet is before


def test_a_step_leaves_the_fleet_before_it_as_it_was() -> None:
    fleet, _ = register(STACK, frozenset({"web", "api", "db"}), 0)
    lives = dict(fleet.lives)
    step(fleet, "db", Spawned(7), 1)
    close(fleet, 1)
    kill(fleet, 1)
    assert fleet.lives == lives


def test_orders_are_actions_of_the_lifecycle() -> None:
    fleet, orders = register((plan("a"),), frozenset({"a"}), 0)
    assert orders == [("a", Spawn())]
    assert close(fleet, 0)[1] == [("a", Stop())]
    assert kill(fleet, 0)[1] == [("a", Stop()), ("a", Kill())]


def test_failed_instances_come_before_the_instances_that_they_block() -> None:
    fleet, _ = register((plan("a"), plan("b"), plan("c")), frozenset(), 0)
    lives = {"a": Life(Phase.BLOCKED), "b": Life(Phase.EXITED), "c": Life(Phase.FAILED)}
    assert failures(replace(fleet, lives=lives)) == ["c", "a"]


# Requests of the user to a running stack. A step is `start`, `stop` or `restart` with names, or
# an event of an instance; each with its orders. Then the phases of `web api db log`.
RUNNING: dict[str, tuple[list[tuple[str, list[str]]], str]] = {
    "stopping one leaves its dependents running": (
        [("stop db", ["stop db"]), ("gone db", [])],
        "ready ready stopped ready",
    ),
    "of several the dependents stop first": (
        [
            ("stop db api web", ["stop web"]),
            ("gone web", ["stop api"]),
            ("gone api", ["stop db"]),
            ("gone db", []),
        ],
        "stopped stopped stopped ready",
    ),
    "stopping twice stops once": (
        [("stop log", ["stop log"]), ("stop log", []), ("gone log", []), ("stop log", [])],
        "ready ready ready stopped",
    ),
    "started again while it stops": (
        [("stop log", ["stop log"]), ("start log", []), ("gone log", ["spawn log"])],
        "ready ready ready starting",
    ),
    "started again before its turn to stop": (
        [
            ("stop db api web", ["stop web"]),
            ("start db", []),
            ("gone web", ["stop api"]),
            ("gone api", ["stop db"]),
            ("gone db", ["spawn db"]),
        ],
        "stopped stopped starting ready",
    ),
    "a restart stops dependents first and starts them last": (
        [
            ("restart web db api", ["stop web"]),
            ("gone web", ["stop api"]),
            ("gone api", ["stop db"]),
            ("gone db", ["spawn db"]),
            ("runs db", ["spawn api"]),
            ("runs api", ["spawn web"]),
            ("runs web", []),
        ],
        "ready ready ready ready",
    ),
    "a restart of one alone": (
        [("restart db", ["stop db"]), ("gone db", ["spawn db"])],
        "ready ready starting ready",
    ),
    "stopped in the midst of a restart": (
        [("restart db", ["stop db"]), ("stop db", []), ("gone db", [])],
        "ready ready stopped ready",
    ),
    "starting what runs does nothing": ([("start web api db log", [])], "ready ready ready ready"),
}


@pytest.mark.parametrize(("history", "phases"), RUNNING.values(), ids=RUNNING)
def test_the_user_stops_and_starts(history: list[tuple[str, list[str]]], phases: str) -> None:
    fleet = running()
    for text, orders in history:
        verb, _, names = text.partition(" ")
        match verb:
            case "gone":
                assert fleet.send(names, Exited(143)) == orders, text
            case "runs":
                fleet.send(names, RUNS[0])
                assert fleet.send(names, RUNS[1]) == orders, text
            case "start":
                assert fleet.start(names) == orders, text
            case "stop":
                assert fleet.stop(names) == orders, text
            case _:
                assert fleet.restart(names) == orders, text
    assert fleet.phases() == phases


def test_an_instance_that_the_user_stopped_keeps_the_fleet_going() -> None:
    history = History(plan("web"), plan("api"))
    for name in ("web", "api"):
        history.send(name, *RUNS)
    history.stop("web")
    assert is_stopping(history.fleet, "web")
    history.send("web", Exited(143))
    assert not is_stopping(history.fleet, "web")
    history.send("api", Exited(0))
    assert not is_over(history.fleet)
    history.start("web")
    history.send("web", *RUNS, Exited(0))
    assert is_over(history.fleet)


def test_stopping_an_instance_that_does_not_run_does_not_keep_the_fleet_going() -> None:
    history = History(plan("web"), plan("api"), plan("idle"), wanted="web api")
    history.send("web", *RUNS, Exited(0))
    history.send("api", *RUNS)
    assert history.stop("web idle") == []
    assert not is_stopping(history.fleet, "web")
    history.send("api", Exited(0))
    assert is_over(history.fleet)


def test_a_detached_fleet_is_over_only_after_closing() -> None:
    fleet, _ = register((plan("web"),), frozenset({"web"}), 0, detached=True)
    for event in (*RUNS, Exited(0)):
        fleet, _ = step(fleet, "web", event, 0)
    assert not is_over(fleet)
    fleet, _ = close(fleet, 0)
    assert is_over(fleet)


def test_names_get_the_names_of_all_their_needs() -> None:
    fleet = running().fleet
    assert with_needs(fleet, ["api"]) == {"api", "db"}
    assert with_needs(fleet, ["web", "log"]) == {"web", "api", "db", "log"}
    assert with_needs(fleet, ["missing"]) == set()


def test_applied_plans_restart_changed_instances() -> None:
    history = running()
    new = plan("new", "log")
    changed = [replace(one, stop_grace_s=1.0) for one in STACK]
    assert history.apply_plans(*changed, new, restarted="api") == ["stop api"]
    assert history.fleet.plans["web"].stop_grace_s == 1.0
    assert history.phases() == "ready stopping ready ready stopped"
    assert history.start("new") == ["spawn new"]
    assert history.send("api", Exited(143)) == ["spawn api"]


def test_a_changed_instance_that_does_not_run_is_not_started() -> None:
    history = running()
    history.stop("log")
    history.send("log", Exited(143))
    assert history.apply_plans(*STACK, restarted="log") == []
    assert history.phases() == "ready ready ready stopped"


def test_removed_instances_leave_after_their_end_and_do_not_start_again() -> None:
    history = running()
    rest_of_it = [one for one in STACK if one.name != "log"]
    assert history.apply_plans(*rest_of_it, removed="log") == ["stop log"]
    assert is_stopping(history.fleet, "log")
    # Too late: it is being removed.
    assert history.start("log") == []
    assert history.restart("log") == []
    assert history.send("log", Exited(143)) == []
    assert list(history.fleet.plans) == ["web", "api", "db"]
    assert not is_stopping(history.fleet, "log")


def test_a_removed_instance_that_comes_back_in_time_starts_again() -> None:
    history = running()
    history.apply_plans(*(one for one in STACK if one.name != "log"), removed="log")
    assert history.apply_plans(*STACK) == []
    assert history.start("log") == []
    assert history.send("log", Exited(143)) == ["spawn log"]


def test_removed_instances_stop_dependents_first() -> None:
    history = running()
    assert history.apply_plans(plan("log"), removed="web api db") == ["stop web"]
    assert history.send("web", Exited(143)) == ["stop api"]
    assert history.send("api", Exited(143)) == ["stop db"]
    history.send("db", Exited(143))
    assert list(history.fleet.plans) == ["log"]


WITH_LAST = (plan("web"), replace(plan("end", oneshot=True), last=True))


def test_the_last_job_starts_when_all_others_have_ended() -> None:
    history = History(*WITH_LAST, wanted="web")
    history.send("web", Spawned(7), BecameReady())
    assert history.close() == ["stop web"]
    assert not is_over(history.fleet)
    assert history.send("web", Exited(143)) == ["spawn end"]
    assert not is_over(history.fleet)
    history.send("end", Spawned(8), Exited(0))
    assert is_over(history.fleet)
    assert history.phases() == "stopped completed"
    assert history.close() == []


def test_a_fleet_that_ends_by_itself_is_not_over_before_its_last_job() -> None:
    history = History(*WITH_LAST, wanted="web")
    history.send("web", Spawned(7), Exited(0))
    assert is_last_job_due(history.fleet)
    assert not is_over(history.fleet)
    assert history.close() == ["spawn end"]
    history.send("end", Spawned(8), Exited(1))
    assert is_over(history.fleet)
    assert failures(history.fleet) == ["end"]


def test_a_killed_fleet_runs_no_last_job() -> None:
    history = History(*WITH_LAST, wanted="web")
    history.send("web", Spawned(7), BecameReady())
    assert history.kill() == ["stop web", "kill web"]
    assert history.send("web", Exited(137)) == []
    assert is_over(history.fleet)


def test_a_running_last_job_can_be_killed() -> None:
    history = History(*WITH_LAST, wanted="web")
    history.send("web", Spawned(7), BecameReady())
    history.close()
    history.send("web", Exited(143))
    history.send("end", Spawned(8))
    assert history.kill() == ["kill end"]
    history.send("end", Exited(137))
    assert is_over(history.fleet)


def test_without_a_start_there_is_nothing_for_a_last_job() -> None:
    setup = replace(plan("setup", oneshot=True), hook=True, stamp="abc")
    web = plan("web", "setup", on=COMPLETED)
    history = History(setup, web, *WITH_LAST[1:], wanted="setup web")
    history.send("setup", Spawned(7), Exited(1))
    assert history.phases() == "failed blocked stopped"
    assert history.close() == []
    assert is_over(history.fleet)


def test_an_asked_last_job_runs_without_a_start_and_in_place_of_another_one() -> None:
    history = History(
        replace(plan("setup", oneshot=True), stamp="abc"), *WITH_LAST[1:], wanted="setup"
    )
    history.send("setup", Spawned(7), Exited(1))
    history.fleet = ask_last_job(history.fleet)
    assert history.close() == ["spawn end"]
    history.send("end", Spawned(8))
    # The one that runs is stopped first.
    history.fleet = ask_last_job(history.fleet)
    other = replace(plan("other", oneshot=True), last=True)
    assert history.apply_plans(history.fleet.plans["setup"], other, removed="end") == ["stop end"]
    assert not is_over(history.fleet)
    assert history.send("end", Exited(143)) == ["spawn other"]
    history.send("other", Spawned(9), Exited(0))
    assert is_over(history.fleet)


def test_a_job_that_was_done_before_is_complete_and_does_not_run() -> None:
    plans = (replace(plan("setup", oneshot=True), hook=True), plan("web", "setup", on=COMPLETED))
    fleet, orders = register(plans, frozenset({"web"}), 0, done=frozenset({"setup"}))
    assert [(name, type(action)) for name, action in orders] == [("web", Spawn)]
    assert fleet.lives["setup"].phase is Phase.COMPLETED
    fleet, orders = start(fleet, with_needs(fleet, ["web"]), 0)
    assert orders == []
