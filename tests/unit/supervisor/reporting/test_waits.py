"""Which instances of a fleet are waited for, and why."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.reporting.waiting_line import (
    KILLING,
    RUNNING,
    STOPPING,
    WAITING,
    Waited,
    Waiting,
)
from portweave.supervisor.reporting.waits import EXIT, READY, waits_of
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import Life, Phase
from portweave.supervisor.services.plan import Condition, InstancePlan, Need


def plan(name: str, *needs: str, oneshot: bool = False, last: bool = False) -> InstancePlan:
    return InstancePlan(
        name,
        name,
        1,
        f"{name}-main",
        ("run",),
        "run",
        "/",
        needs=tuple(Need(need, Condition.READY) for need in needs),
        oneshot=oneshot,
        last=last,
    )


PLANS = (
    plan("db"),
    plan("migrate", "db", oneshot=True),
    plan("api", "migrate"),
    plan("web", "api"),
    plan("other"),
    plan("tidy", last=True),
)
PROBED = {"db": "exec: exit 1"}
PRINTED = {"db": "db begins", "migrate": "Applying 0007", "other": "compiling", "tidy": "removing"}


def fleet(*, closing: bool = False, stops: tuple[str, ...] = (), **lives: Life | Phase) -> Fleet:
    found = {one.name: Life() for one in PLANS} | {
        name: life if isinstance(life, Life) else Life(life, wanted=True)
        for name, life in lives.items()
    }
    return Fleet(
        {one.name: one for one in PLANS},
        found,
        frozenset(found),
        pending_stops=dict.fromkeys(stops, True),
        closing=closing,
    )


def waits(found: Fleet, *names: str, goal: str = READY, killing: bool = False) -> Waiting:
    return waits_of(
        found,
        names or tuple(found.plans),
        goal,
        lambda name: PROBED.get(name, ""),
        lambda name: PRINTED.get(name, ""),
        100.0,
        killing=killing,
    )


CRASHED = Life(Phase.BACKOFF, wanted=True, reason="exited with status 3", next_try_s=104.2)
STATES: dict[str, tuple[Fleet, Waiting]] = {
    "all is ready": (fleet(db=Phase.READY, migrate=Phase.COMPLETED), Waiting()),
    "a probe fails, and others wait": (
        fleet(db=Phase.STARTING, migrate=Phase.WAITING, api=Phase.WAITING, web=Phase.WAITING),
        Waiting(
            WAITING,
            (
                Waited("db", "exec: exit 1"),
                Waited("migrate", needs=("db",)),
                Waited("api", needs=("migrate",)),
                Waited("web", needs=("api",)),
            ),
        ),
    ),
    "a step shows its output": (
        fleet(db=Phase.READY, migrate=Phase.STARTING),
        Waiting(WAITING, (Waited("migrate", line="Applying 0007"),)),
    ),
    "a service says more than its output": (
        fleet(other=Life(Phase.STARTING, wanted=True, reason="loads the index")),
        Waiting(WAITING, (Waited("other", "loads the index"),)),
    ),
    "a service without a reason shows its output": (
        fleet(other=Phase.STARTING),
        Waiting(WAITING, (Waited("other", line="compiling"),)),
    ),
    "a crash": (
        fleet(db=CRASHED),
        Waiting(WAITING, (Waited("db", "exited with status 3; next try in 4 s"),)),
    ),
    "a crash whose next try is due": (
        fleet(db=Life(Phase.BACKOFF, reason="exited with status 3", next_try_s=99.0)),
        Waiting(WAITING, (Waited("db", "exited with status 3; next try now"),)),
    ),
    "an unhealthy service": (
        fleet(db=Life(Phase.UNHEALTHY, wanted=True, reason="answers 500\nmore")),
        Waiting(WAITING, (Waited("db", "unhealthy: answers 500"),)),
    ),
    "a restart": (
        fleet(db=Phase.READY, api=Phase.STOPPING, stops=("db",)),
        Waiting(WAITING, (Waited("db"), Waited("api", "stopping"))),
    ),
    "failed services are not waited for": (
        fleet(db=Phase.FAILED, migrate=Phase.BLOCKED, api=Phase.EXITED, web=Phase.STOPPED),
        Waiting(),
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_tells_what_is_waited_for(state: str) -> None:
    found, expected = STATES[state]
    assert waits(found) == expected


def test_what_named_instances_wait_for_is_waited_for_too() -> None:
    found = fleet(db=Phase.STARTING, migrate=Phase.WAITING, api=Phase.WAITING, other=Phase.STARTING)
    names = [one.name for one in waits(found, "api").waits]
    assert names == ["db", "api", "migrate"]


def test_the_end_of_services_is_waited_for() -> None:
    found = fleet(db=Phase.READY, migrate=Phase.COMPLETED)
    assert waits(found, goal=EXIT) == Waiting(WAITING, (Waited("db", "ready"),))


def test_a_stack_that_stops_shows_who_waits_for_whom() -> None:
    found = fleet(closing=True, db=Phase.READY, migrate=Phase.STOPPING, web=Phase.STOPPED)
    stopping = (Waited("migrate"), Waited("db", needs=("migrate",)))
    assert waits(found) == Waiting(STOPPING, stopping)
    assert waits(found, killing=True).verb == KILLING


def test_the_last_job_of_a_stack_shows_its_output() -> None:
    found = fleet(closing=True, tidy=Phase.STARTING)
    assert waits(found) == Waiting(RUNNING, (Waited("tidy", line="removing"),))


def test_many_instances_are_counted() -> None:
    plans = [plan(f"s{number}") for number in range(50)]
    lives = {one.name: Life(Phase.STARTING, wanted=True) for one in plans}
    found = waits(Fleet({one.name: one for one in plans}, lives, frozenset(lives)))
    assert (len(found.waits), found.more) == (20, 30)


def test_secrets_are_hidden() -> None:
    secret = replace(plan("job", oneshot=True), environment={"API_KEY": "abcdefgh"})
    life = Life(Phase.STARTING, wanted=True, reason="asks with abcdefgh")
    found = waits_of(
        Fleet({"job": secret}, {"job": life}, frozenset({"job"})),
        ("job",),
        READY,
        lambda _: "",
        lambda _: "password=hunter22 abcdefgh",
        100.0,
    )
    assert found.waits == (Waited("job", "asks with ***", line="password=*** ***"),)


def test_a_long_reason_is_cut() -> None:
    found = fleet(other=Life(Phase.STARTING, wanted=True, reason="x" * 100))
    assert waits(found).waits[0].why == "x" * 59 + "…"
