"""The messages about changes, starts and stops."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.diagnosis.fixed_port import FixedPort
from portweave.supervisor.reporting.state_messages import (
    change_message,
    is_start_over,
    start_summary,
    stopping_message,
)
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.restart_policy import RestartStreak

PLAN = InstancePlan("web", "web", 1, "web-main", ("run",), "npm run dev", "/", port=3000)
RUN = Life(Phase.STARTING, started_s=10)

# Before, after, and the message at 12.5 s; in parentheses if only --verbose shows it.
CHANGES: dict[str, tuple[Life, Life, str]] = {
    "no change": (replace(RUN, phase=Phase.READY), replace(RUN, phase=Phase.READY), ""),
    "waits": (Life(), Life(Phase.WAITING, reason="waits for db"), "(web waits for db)"),
    "waits for nothing": (Life(), Life(Phase.WAITING), ""),
    "starts": (Life(Phase.WAITING), RUN, "(web starts: npm run dev)"),
    "starts again": (
        Life(Phase.BACKOFF),
        replace(RUN, restarts=3),
        "web starts again (restart 3)",
    ),
    "ready": (RUN, replace(RUN, phase=Phase.READY), "web ready on 3000 (2.5 s)"),
    "ready without a listener": (
        RUN,
        replace(RUN, phase=Phase.READY, reason="no listener"),
        "web ready (2.5 s, no listener)",
    ),
    "late, and then ready": (
        replace(RUN, phase=Phase.UNHEALTHY),
        replace(RUN, phase=Phase.READY, ready_s=12),
        "web ready on 3000 (2.5 s)",
    ),
    "ready again": (
        replace(RUN, phase=Phase.UNHEALTHY, ready_s=11),
        replace(RUN, phase=Phase.READY, ready_s=11),
        "web is ready again",
    ),
    "unhealthy": (
        replace(RUN, phase=Phase.READY),
        replace(RUN, phase=Phase.UNHEALTHY, reason="answers 500"),
        "web is unhealthy: answers 500",
    ),
    "perhaps a reload": (
        replace(RUN, phase=Phase.READY),
        replace(RUN, phase=Phase.UNHEALTHY, reason="nothing listens", quiet=True),
        "",
    ),
    "no reload": (
        replace(RUN, phase=Phase.UNHEALTHY, reason="nothing listens", quiet=True),
        replace(RUN, phase=Phase.UNHEALTHY, reason="nothing listens"),
        "web is unhealthy: nothing listens",
    ),
    "ready again after a reload": (
        replace(RUN, phase=Phase.UNHEALTHY, ready_s=11, quiet=True),
        replace(RUN, phase=Phase.READY, ready_s=11),
        "",
    ),
    "listens elsewhere": (
        RUN,
        replace(RUN, other_ports=(3001, 3002)),
        "web listens on port 3001, 3002, not on its own, 3000",
    ),
    "listens elsewhere no longer": (replace(RUN, other_ports=(3001,)), RUN, ""),
    "blocked": (
        Life(Phase.WAITING),
        Life(Phase.BLOCKED, reason="db is failed"),
        "web is blocked: db is failed",
    ),
    "restart at once": (
        RUN,
        Life(Phase.BACKOFF, reason="exited with status 1", streak=RestartStreak(1, 0)),
        "web exited with status 1; restarting",
    ),
    "restart after a pause": (
        RUN,
        Life(Phase.BACKOFF, reason="exited with status 1", streak=RestartStreak(2, 0.5)),
        "web exited with status 1; restart in 0.5 s",
    ),
    "completed": (RUN, replace(RUN, phase=Phase.COMPLETED), "web completed (2.5 s)"),
    "completed, and left something": (
        RUN,
        replace(RUN, phase=Phase.COMPLETED, reason="left pid 9 behind"),
        "web completed (2.5 s); left pid 9 behind",
    ),
    "ended": (RUN, replace(RUN, phase=Phase.EXITED, exit_status=0), "web exited with status 0"),
    "failed": (RUN, Life(Phase.FAILED, reason="not found"), "web failed: not found"),
    "is being stopped": (RUN, replace(RUN, phase=Phase.STOPPING), ""),
    "stopped": (Life(Phase.STOPPING), Life(Phase.STOPPED), "web stopped"),
    "stopped, but not all of it": (
        Life(Phase.STOPPING),
        Life(Phase.STOPPED, reason="could not be ended: pid 9"),
        "web stopped; could not be ended: pid 9",
    ),
    "stopped before it ran": (Life(Phase.WAITING), Life(Phase.STOPPED), ""),
}


def test_a_message_about_other_ports_names_the_edit() -> None:
    plan = replace(PLAN, fixed_ports=(FixedPort(4000, "-p 4000", "write `-p $PORT`"),))
    before, after = Life(Phase.READY), Life(Phase.READY, other_ports=(4000,))
    told = change_message(plan, before, after, 1.0, verbose=False)
    assert told.endswith("not on its own, 3000: write `-p $PORT`")


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_has_its_message(name: str) -> None:
    before, after, told = CHANGES[name]
    is_quiet = told.startswith("(")
    assert change_message(PLAN, before, after, 12.5, verbose=True) == told.strip(
        "()" if is_quiet else ""
    )
    assert change_message(PLAN, before, after, 12.5, verbose=False) == ("" if is_quiet else told)


def fleet(**phases: Phase) -> Fleet:
    plans = {n: replace(PLAN, name=n) for n in phases}
    return Fleet(plans, {n: Life(phase) for n, phase in phases.items()}, frozenset(phases))


def test_while_a_stack_stops_the_services_that_are_left_are_named() -> None:
    some = fleet(web=Phase.STOPPING, api=Phase.STOPPED, db=Phase.READY)
    assert stopping_message(some, killing=False) == "stopping web, db …"
    assert stopping_message(some, killing=True) == "killing web, db …"
    assert stopping_message(fleet(web=Phase.STOPPED), killing=False) == ""


def test_many_services_that_are_left_are_counted() -> None:
    many = fleet(**{f"s{n}": Phase.STOPPING for n in range(9)})
    assert stopping_message(many, killing=True) == "killing s0, s1, s2, s3, s4, s5 and 3 more …"


def test_a_good_start_is_summed_up_with_its_time() -> None:
    assert start_summary(fleet(web=Phase.READY, job=Phase.COMPLETED), 2.04) == "all ready in 2.0 s"


def test_a_bad_start_is_summed_up_with_the_services_that_are_not_ready() -> None:
    found = start_summary(
        fleet(a=Phase.FAILED, b=Phase.READY, c=Phase.BLOCKED, d=Phase.BLOCKED, e=Phase.UNHEALTHY), 9
    )
    assert found == "not all ready after 9.0 s; failed: a; blocked: c, d; unhealthy: e"


UNDECIDED = (Phase.WAITING, Phase.STARTING, Phase.BACKOFF, Phase.STOPPING)


@pytest.mark.parametrize("phase", Phase)
def test_a_start_is_over_when_each_instance_is_ready_or_has_ended_or_is_late(phase: Phase) -> None:
    assert is_start_over(fleet(web=Phase.READY, api=phase)) is (phase not in UNDECIDED)


def test_instances_that_were_never_started_do_not_delay_the_summary() -> None:
    lives = {"web": Life(Phase.READY), "old": Life(Phase.STOPPING)}
    assert is_start_over(Fleet({}, lives, frozenset({"web"})))
