"""The values of a plan, and how long a stack may take to be ready."""

import pytest

from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    ReadyPlan,
    time_to_ready_s,
)


@pytest.mark.parametrize(
    ("ready", "probes"),
    [
        pytest.param(ReadyPlan(), False, id="nothing"),
        pytest.param(ReadyPlan(log="listening"), False, id="a line comes by itself"),
        pytest.param(ReadyPlan(tcp=3000), True, id="a port"),
        pytest.param(ReadyPlan(http="http://127.0.0.1/"), True, id="a URL"),
        pytest.param(ReadyPlan(exec=("true",)), True, id="a command"),
        pytest.param(ReadyPlan(log="listening", tcp=3000), True, id="a port and a line"),
    ],
)
def test_a_readiness_plan_has_probes_where_one_is_set(ready: ReadyPlan, probes: bool) -> None:
    assert ready.probes is probes


def test_an_instance_stops_by_sigterm_within_ten_seconds_by_default() -> None:
    plan = InstancePlan("web", "web", 1, "web-main", ("run",), "run", "/")
    assert (plan.stop_signal, plan.stop_grace_s, plan.restart.limit) == (15, 10, 10)


def after(name: str, seconds: float, *needs: str, condition: str = "ready") -> InstancePlan:
    return InstancePlan(
        name,
        name,
        1,
        f"{name}-main",
        ("run",),
        "run",
        "/",
        needs=tuple(Need(need, Condition(condition)) for need in needs),
        ready=ReadyPlan(timeout_s=seconds),
    )


@pytest.mark.parametrize(
    ("instances", "seconds"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([after("c", 5), after("a", 3)], 5, id="side by side"),
        pytest.param([after("c", 5, "b"), after("b", 3, "a"), after("a", 2)], 10, id="a chain"),
        pytest.param([after("c", 5, "a", "b"), after("b", 9), after("a", 2)], 14, id="the longer"),
        pytest.param(
            [after("c", 5, "b", condition="completed"), after("b", 9)], 14, id="behind a job"
        ),
        pytest.param(
            [after("c", 5, "b", condition="started"), after("b", 9, "a"), after("a", 2)],
            7,
            id="from its start on",
        ),
        pytest.param([after("c", 5, "gone"), after("long", 99)], 5, id="no others"),
    ],
)
def test_an_instance_that_waits_for_others_may_take_longer(
    instances: list[InstancePlan], seconds: float
) -> None:
    assert time_to_ready_s(instances, ["c"]) == seconds
