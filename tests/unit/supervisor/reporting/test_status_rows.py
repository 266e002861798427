"""Rows of `ps --json`, and of `events --json`."""

import pytest

from portweave.supervisor.reporting.status_rows import (
    Clock,
    Usage,
    change,
    rfc3339,
    row,
)
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.plan import InstancePlan

PLAN = InstancePlan(
    name="web.2",
    service="web",
    number=2,
    full_name="web.2-main",
    argv=("serve",),
    command="serve",
    working_dir="/",
    port=3000,
    url="http://127.0.0.1:3000",
)
# 2026-01-02T03:04:05Z, a hundred seconds after boot.
CLOCK = Clock(now_s=100.0, wall_s=1_767_323_045.0)
RUNS = Life(
    phase=Phase.READY,
    wanted=True,
    pid=7,
    restarts=2,
    started_s=90.0,
    ready_s=91.5,
    exit_status=1,
    reason="no listener",
)


def test_the_row_of_a_running_instance() -> None:
    assert row(PLAN, RUNS, PLAN.url, CLOCK, Usage(cpu_s=2.5, rss_bytes=4096)) == {
        "name": "web",
        "instance": 2,
        "fullName": "web.2-main",
        "state": "ready",
        "pid": 7,
        "port": 3000,
        "url": "http://127.0.0.1:3000",
        "restarts": 2,
        # The status of the run before is not shown.
        "exitCode": None,
        "startedAt": "2026-01-02T03:03:55.000Z",
        "readyAt": "2026-01-02T03:03:56.500Z",
        "cpuPercent": 25.0,
        "cpuSeconds": 2.5,
        "rssBytes": 4096,
        "reason": "no listener",
        "hook": False,
    }


def test_the_row_of_an_ended_instance() -> None:
    life = Life(phase=Phase.FAILED, started_s=90.0, ready_s=91.5, exit_status=3)
    found = row(PLAN, life, PLAN.url, CLOCK, None)
    assert found["state"] == "failed"
    assert found["exitCode"] == 3
    assert found["startedAt"] == "2026-01-02T03:03:55.000Z"
    for key in ("pid", "readyAt", "cpuPercent", "cpuSeconds", "rssBytes", "reason"):
        assert found[key] is None, key


def test_the_row_of_an_instance_in_backoff_says_when_it_is_started_again() -> None:
    waits = Life(phase=Phase.BACKOFF, started_s=90.0, exit_status=1, next_try_s=104.0)
    assert row(PLAN, waits, PLAN.url, CLOCK, None)["nextTryAt"] == "2026-01-02T03:04:09.000Z"
    for phase in (Phase.STARTING, Phase.STOPPED):
        other = Life(phase=phase, started_s=90.0, next_try_s=104.0)
        assert "nextTryAt" not in row(PLAN, other, PLAN.url, CLOCK, None)


def test_the_row_of_a_starting_instance_says_what_it_waits_for() -> None:
    starting = Life(phase=Phase.STARTING, pid=7, started_s=90.0)
    assert row(PLAN, starting, PLAN.url, CLOCK, None, "no listener")["reason"] == "no listener"
    assert row(PLAN, RUNS, PLAN.url, CLOCK, None, "asked again")["reason"] == "no listener"


def test_the_row_of_an_instance_that_never_ran() -> None:
    found = row(PLAN, Life(), PLAN.url, CLOCK, None)
    assert found["state"] == "stopped"
    assert found["startedAt"] is found["exitCode"] is found["pid"] is None


@pytest.mark.parametrize(
    ("started_s", "usage", "percent"),
    [
        (100.0, Usage(1.0), None),
        (None, Usage(1.0), None),
        (99.0, None, None),
        (98.0, Usage(3), 150),
    ],
    ids=["just started", "no start time", "not measured", "on two processors"],
)
def test_processor_time_is_an_average_since_the_start(
    started_s: float | None, usage: Usage | None, percent: float | None
) -> None:
    life = Life(phase=Phase.READY, pid=7, started_s=started_s)
    assert row(PLAN, life, PLAN.url, CLOCK, usage)["cpuPercent"] == percent


def test_a_change_of_phase() -> None:
    before = Life(phase=Phase.STARTING, pid=7)
    assert change(PLAN, before, RUNS, CLOCK, "web.2 ready") == {
        "time": "2026-01-02T03:04:05.000Z",
        "event": "service ready",
        "name": "web",
        "instance": 2,
        "fullName": "web.2-main",
        "state": "ready",
        "previous": "starting",
        "pid": 7,
        "port": 3000,
        "restarts": 2,
        "exitCode": None,
        "reason": "no listener",
        "text": "web.2 ready",
    }
    ended = change(PLAN, RUNS, Life(phase=Phase.EXITED, exit_status=3), CLOCK, "")
    assert (ended["exitCode"], ended["text"], ended["reason"]) == (3, None, None)


def test_times_are_in_utc() -> None:
    assert rfc3339(0.0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_709_164_799.9996).startswith("2024-02-28T23:59:59.")
    assert CLOCK.stamp(None) is None
