"""What to run, as values."""

import pytest

from portweave.supervisor.core.plan import InstancePlan, ReadyPlan


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
def test_there_is_something_to_ask_where_a_probe_is_set(ready: ReadyPlan, probes: bool) -> None:
    assert ready.probes is probes


def test_an_instance_of_which_nothing_is_said_is_asked_to_end_by_sigterm_and_has_ten_seconds() -> (
    None
):
    plan = InstancePlan("web", "web", 1, "web-main", ("run",), "run", "/")
    assert (plan.stop_signal, plan.stop_grace_s, plan.restart.limit) == (15, 10, 10)
