"""One instance as histories: events in, phases and actions out."""

import pytest

from portweave.supervisor.services.lifecycle import (
    Action,
    BackoffEnded,
    BecameLate,
    BecameReady,
    BecameUnhealthy,
    Event,
    Exited,
    ImpossibleEventError,
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

NO = RestartPolicy(When.NO, None)
ON_FAILURE = RestartPolicy(When.ON_FAILURE, 2)
ALWAYS = RestartPolicy(When.ALWAYS, None)

# The time, the event, the phase after it, and the actions.
Line = tuple[float, Event, Phase, tuple[Action, ...]]


def plan(restart: RestartPolicy = NO, *, oneshot: bool = False) -> InstancePlan:
    return InstancePlan(
        "web", "web", 1, "web-main", ("run",), "run", "/", restart=restart, oneshot=oneshot
    )


def started(at_s: float = 0) -> list[Line]:
    return [
        (at_s, Wanted(), Phase.WAITING, ()),
        (at_s, NeedsMet(), Phase.STARTING, (Spawn(),)),
        (at_s, Spawned(7), Phase.STARTING, ()),
    ]


def ready(at_s: float = 0) -> list[Line]:
    return [*started(at_s), (at_s, BecameReady(), Phase.READY, ())]


HISTORIES: dict[str, tuple[InstancePlan, list[Line], str]] = {
    "a waiting instance names what it waits for": (
        plan(),
        [
            (0, Wanted(), Phase.WAITING, ()),
            (0, NeedsPending("waits for db to be ready"), Phase.WAITING, ()),
        ],
        "waits for db to be ready",
    ),
    "a need that failed blocks it until the need comes after all": (
        plan(),
        [
            (0, Wanted(), Phase.WAITING, ()),
            (0, NeedsFailed("db is failed"), Phase.BLOCKED, ()),
            (1, NeedsPending("waits for db"), Phase.WAITING, ()),
            (1, NeedsFailed("db is failed"), Phase.BLOCKED, ()),
            (2, NeedsMet(), Phase.STARTING, (Spawn(),)),
        ],
        "",
    ),
    "a note about readiness is kept": (
        plan(),
        [*started(), (1, BecameReady("no listener"), Phase.READY, ())],
        "no listener",
    ),
    "stopped when it runs": (
        plan(ALWAYS),
        [*ready(), (5, Unwanted(), Phase.STOPPING, (Stop(),)), (6, Exited(143), Phase.STOPPED, ())],
        "",
    ),
    "stopped before it is spawned: the spawn is answered first": (
        plan(ALWAYS),
        [
            *started()[:2],
            (0, Unwanted(), Phase.STOPPING, (Stop(),)),
            (0, NotSpawned(None, "stopped before it was started"), Phase.STOPPED, ()),
        ],
        "",
    ),
    "stopped while it is spawned": (
        plan(ALWAYS),
        [
            *started()[:2],
            (0, Unwanted(), Phase.STOPPING, (Stop(),)),
            (0, Spawned(7), Phase.STOPPING, ()),
            (0, Exited(143), Phase.STOPPED, ()),
        ],
        "",
    ),
    "stopped twice: one signal": (
        plan(),
        [
            *ready(),
            (1, Unwanted(), Phase.STOPPING, (Stop(),)),
            (2, Unwanted(), Phase.STOPPING, ()),
        ],
        "",
    ),
    "stopped while it waits": (
        plan(),
        [(0, Wanted(), Phase.WAITING, ()), (0, Unwanted(), Phase.STOPPED, ())],
        "",
    ),
    "stopped while it is blocked": (
        plan(),
        [
            (0, Wanted(), Phase.WAITING, ()),
            (0, NeedsFailed("db is failed"), Phase.BLOCKED, ()),
            (0, Unwanted(), Phase.STOPPED, ()),
        ],
        "",
    ),
    "stopped in backoff: the alarm that rings later says nothing": (
        plan(ON_FAILURE),
        [
            *ready(),
            (5, Exited(1), Phase.BACKOFF, (WaitUntil(5),)),
            (5, Unwanted(), Phase.STOPPED, ()),
            (5, BackoffEnded(), Phase.STOPPED, ()),
        ],
        "",
    ),
    "stopped after its end: nothing to do": (
        plan(),
        [*ready(), (5, Exited(0), Phase.EXITED, ()), (6, Unwanted(), Phase.EXITED, ())],
        "",
    ),
    "started again while it is being stopped: it starts after its end": (
        plan(),
        [
            *ready(),
            (1, Unwanted(), Phase.STOPPING, (Stop(),)),
            (1, Wanted(), Phase.STOPPING, ()),
            (2, Exited(143), Phase.WAITING, ()),
            (2, NeedsMet(), Phase.STARTING, (Spawn(),)),
        ],
        "",
    ),
    "started again before the spawn is answered": (
        plan(),
        [
            *started()[:2],
            (0, Unwanted(), Phase.STOPPING, (Stop(),)),
            (0, Wanted(), Phase.STOPPING, ()),
            (0, NotSpawned(None, "stopped before it was started"), Phase.WAITING, ()),
            (0, NeedsMet(), Phase.STARTING, (Spawn(),)),
        ],
        "",
    ),
    "started and stopped again while it is being stopped": (
        plan(),
        [
            *ready(),
            (1, Unwanted(), Phase.STOPPING, (Stop(),)),
            (1, Wanted(), Phase.STOPPING, ()),
            (1, Unwanted(), Phase.STOPPING, ()),
            (2, Exited(143), Phase.STOPPED, ()),
        ],
        "",
    ),
    "started again after its end": (
        plan(),
        [*ready(), (5, Exited(0), Phase.EXITED, ()), *ready(6)],
        "",
    ),
    "it cannot be started": (
        plan(ALWAYS),
        [*started()[:2], (0, NotSpawned(127, "command not found: x"), Phase.FAILED, ())],
        "command not found: x",
    ),
    "a oneshot completes": (
        plan(oneshot=True),
        [*started(), (3, Exited(0), Phase.COMPLETED, ())],
        "",
    ),
    "a oneshot completes even if it is always to be restarted": (
        plan(ALWAYS, oneshot=True),
        [*started(), (3, Exited(0), Phase.COMPLETED, ())],
        "",
    ),
    "a oneshot fails": (
        plan(oneshot=True),
        [*started(), (3, Exited(2), Phase.FAILED, ())],
        "exited with status 2",
    ),
    "an end in order is an end": (
        plan(ON_FAILURE),
        [*ready(), (3, Exited(0, note="left pid 9 behind"), Phase.EXITED, ())],
        "left pid 9 behind",
    ),
    "always: an end in order is followed by a start": (
        plan(ALWAYS),
        [
            *ready(),
            (3, Exited(0), Phase.BACKOFF, (WaitUntil(3),)),
            (3, BackoffEnded(), Phase.STARTING, (Spawn(),)),
        ],
        "",
    ),
    "crashes are followed by starts with growing pauses, until the limit": (
        plan(ON_FAILURE),
        [
            *ready(),
            (5, Exited(1), Phase.BACKOFF, (WaitUntil(5),)),
            (5, BackoffEnded(), Phase.STARTING, (Spawn(),)),
            (5, Spawned(8), Phase.STARTING, ()),
            (6, Exited(1, jitter=1.2), Phase.BACKOFF, (WaitUntil(6.6),)),
            (6.6, BackoffEnded(), Phase.STARTING, (Spawn(),)),
            (6.6, Spawned(9), Phase.STARTING, ()),
            (7, Exited(1, note="left pid 9 behind"), Phase.FAILED, ()),
        ],
        "exited with status 1; gave up after 2 restarts; left pid 9 behind",
    ),
    "not in time, and the user had said how to tell: it fails": (
        plan(ALWAYS),
        [
            *started(),
            (60, BecameLate("not ready after 60 s", fatal=True), Phase.STOPPING, (Stop(),)),
            (61, BecameReady(), Phase.STOPPING, ()),
            (62, Exited(0), Phase.FAILED, ()),
        ],
        "not ready after 60 s",
    ),
    "not in time, and started again while it is stopped for that": (
        plan(),
        [
            *started(),
            (60, BecameLate("not ready after 60 s", fatal=True), Phase.STOPPING, (Stop(),)),
            (61, Wanted(), Phase.STOPPING, ()),
            (62, Exited(143), Phase.WAITING, ()),
        ],
        "",
    ),
    "not in time, but only expected to listen: it goes on, and may still listen": (
        plan(),
        [
            *started(),
            (60, BecameLate("not ready after 60 s", fatal=False), Phase.UNHEALTHY, ()),
            (90, BecameReady(), Phase.READY, ()),
        ],
        "",
    ),
    "unhealthy, worse, and healthy again; no restart": (
        plan(ALWAYS),
        [
            *ready(),
            (9, BecameUnhealthy("answers 500"), Phase.UNHEALTHY, ()),
            (12, BecameUnhealthy("answers 503"), Phase.UNHEALTHY, ()),
            (15, BecameReady(), Phase.READY, ()),
        ],
        "",
    ),
    "without its listener: reported once it is no reload, and not withdrawn": (
        plan(),
        [
            *ready(),
            (9, BecameUnhealthy("gone", quiet=True), Phase.UNHEALTHY, ()),
            (16, BecameUnhealthy("gone"), Phase.UNHEALTHY, ()),
            (17, BecameUnhealthy("gone for good", quiet=True), Phase.UNHEALTHY, ()),
        ],
        "gone for good",
    ),
    "a late answer of a probe is ignored": (
        plan(),
        [
            *ready(),
            (1, BecameReady(), Phase.READY, ()),
            (1, BecameLate("late", fatal=True), Phase.READY, ()),
            (1, Unwanted(), Phase.STOPPING, (Stop(),)),
            (1, BecameUnhealthy("answers 500"), Phase.STOPPING, ()),
            (1, ListensElsewhere((3000,)), Phase.STOPPING, ()),
            (2, Exited(143), Phase.STOPPED, ()),
            (2, BecameReady(), Phase.STOPPED, ()),
        ],
        "",
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_of_events_gives_its_phases_and_actions(name: str) -> None:
    plan, lines, reason = HISTORIES[name]
    life = Life()
    for now_s, event, phase, actions in lines:
        life, ordered = step(plan, life, event, now_s)
        assert (life.phase, ordered) == (phase, actions), event
    if life.phase is not Phase.STARTING:
        assert life.reason == reason


def after(plan: InstancePlan, lines: list[Line]) -> Life:
    life = Life()
    for now_s, event, _, _ in lines:
        life, _ = step(plan, life, event, now_s)
    return life


def test_a_pid_is_known_while_there_is_a_process() -> None:
    assert after(plan(), started()[:2]).pid is None
    assert after(plan(), started()).pid == 7
    assert after(plan(), [*ready(), (5, Exited(3), Phase.FAILED, ())]).pid is None


def test_the_last_exit_status_is_kept_over_the_next_start() -> None:
    lines: list[Line] = [
        *ready(),
        (5, Exited(3), Phase.BACKOFF, ()),
        (5, BackoffEnded(), Phase.READY, ()),
    ]
    life = after(plan(ON_FAILURE), lines)
    assert (life.exit_status, life.restarts, life.started_s) == (3, 1, 5)


def test_the_time_of_the_next_start_is_known_in_backoff_only() -> None:
    life = after(plan(ON_FAILURE), [*ready(), (5, Exited(3), Phase.BACKOFF, ())])
    assert life.next_try_s == 5
    life, _ = step(plan(ON_FAILURE), life, BackoffEnded(), 6)
    assert life.next_try_s is None


def test_each_run_becomes_ready_anew() -> None:
    life = after(plan(ON_FAILURE), [*ready(), (5, Exited(3), Phase.BACKOFF, ())])
    assert life.ready_s == 0
    life, _ = step(plan(ON_FAILURE), life, BackoffEnded(), 6)
    assert life.ready_s is None


def test_being_unhealthy_does_not_restart_the_ready_time() -> None:
    lines: list[Line] = [
        *ready(1),
        (9, BecameUnhealthy("answers 500"), Phase.UNHEALTHY, ()),
        (12, BecameReady(), Phase.READY, ()),
    ]
    assert after(plan(), lines).ready_s == 1


def test_a_quiet_problem_becomes_reported_once_and_stays_reported() -> None:
    lines: list[Line] = [*ready(), (9, BecameUnhealthy("gone", quiet=True), Phase.UNHEALTHY, ())]
    assert after(plan(), lines).quiet
    lines.append((16, BecameUnhealthy("gone"), Phase.UNHEALTHY, ()))
    assert not after(plan(), lines).quiet
    lines.append((17, BecameUnhealthy("gone", quiet=True), Phase.UNHEALTHY, ()))
    assert not after(plan(), lines).quiet
    lines.append((18, BecameReady(), Phase.READY, ()))
    lines.append((19, BecameUnhealthy("gone", quiet=True), Phase.UNHEALTHY, ()))
    assert after(plan(), lines).quiet


def test_the_other_ports_are_those_of_this_run() -> None:
    lines: list[Line] = [*started(), (1, ListensElsewhere((3000,)), Phase.STARTING, ())]
    assert after(plan(), lines).other_ports == (3000,)
    lines.append((2, Exited(1), Phase.BACKOFF, ()))
    assert after(plan(ON_FAILURE), lines).other_ports == ()


def test_a_late_instance_is_ready_from_the_moment_it_becomes_ready() -> None:
    lines: list[Line] = [
        *started(),
        (60, BecameLate("late", fatal=False), Phase.UNHEALTHY, ()),
        (90, BecameReady(), Phase.READY, ()),
    ]
    assert after(plan(), lines).ready_s == 90


def test_a_restart_by_the_user_counts_but_not_against_the_limit() -> None:
    crashed: list[Line] = [
        *ready(),
        (5, Exited(1), Phase.BACKOFF, ()),
        (5, BackoffEnded(), Phase.STARTING, ()),
        (5, Spawned(8), Phase.STARTING, ()),
    ]
    asked: list[Line] = [
        (6, Unwanted(), Phase.STOPPING, ()),
        (6, Wanted(), Phase.STOPPING, ()),
        (7, Exited(143), Phase.WAITING, ()),
    ]
    assert after(plan(ON_FAILURE), crashed).streak.restarts == 1
    life = after(plan(ON_FAILURE), [*crashed, *asked])
    assert (life.restarts, life.streak.restarts, life.exit_status) == (2, 0, 143)


IMPOSSIBLE: dict[str, tuple[list[Line], Event]] = {
    "an exit of an instance that never ran": ([], Exited(0)),
    "an exit of an instance that has ended": (
        [*started(), (1, Exited(0), Phase.EXITED, ())],
        Exited(0),
    ),
    "a spawn without an order": ([], Spawned(7)),
    "a failed spawn while it is ready": (ready(), NotSpawned(None, "")),
    "needs of a running instance": (ready(), NeedsMet()),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_event_is_refused(name: str) -> None:
    lines, event = IMPOSSIBLE[name]
    with pytest.raises(ImpossibleEventError):
        step(plan(), after(plan(), lines), event, 1)


def test_every_event_has_an_answer_in_every_phase() -> None:
    """Each event gives a state or is impossible, and an unwanted instance is never spawned."""
    events: list[Event] = [
        *(Wanted(), Unwanted(), NeedsMet(), NeedsFailed("x"), NeedsPending("x"), Spawned(1)),
        *(NotSpawned(None, "x"), BecameReady(), BecameLate("x", fatal=True)),
        *(BecameUnhealthy("x"), ListensElsewhere(()), Exited(0), Exited(1), BackoffEnded()),
    ]
    for phase in Phase:
        for event in events:
            try:
                life, actions = step(plan(ALWAYS), Life(phase=phase), event, 0)
            except ImpossibleEventError:
                continue
            assert Kill() not in actions
            if event == Unwanted():
                assert not life.wanted
                assert life.phase not in (Phase.STARTING, Phase.READY, Phase.UNHEALTHY)
