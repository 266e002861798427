"""Parameters of control commands."""

import signal

import pytest

from portweave.errors import UnknownServiceError
from portweave.supervisor.control.parameters import (
    event_count,
    instance_name,
    instance_names,
    signal_number,
    stack_plan,
    terminal_size,
)
from portweave.supervisor.control.server import RefusedError
from portweave.supervisor.services.plan import InstancePlan


def plan(name: str) -> InstancePlan:
    service, _, number = name.partition(".")
    return InstancePlan(
        name=name,
        service=service,
        number=int(number or 1),
        full_name=f"{name}-main",
        argv=("true",),
        command="true",
        working_dir="/code",
    )


PLANS = {name: plan(name) for name in ("web", "web.2", "db")}


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ([], []),
        ([None], []),
        (["web"], ["web", "web.2"]),
        ([["web.2"]], ["web.2"]),
        ([["db-main", "web", "db"]], ["db", "web", "web.2"]),
    ],
)
def test_a_name_means_a_service_or_an_instance(params: list[object], names: list[str]) -> None:
    assert instance_names(PLANS, params) == names


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(UnknownServiceError):
        instance_names(PLANS, [["web", "other"]])


@pytest.mark.parametrize("params", [[7], [["web", 7]], [{"web": 1}]])
def test_names_must_be_texts(params: list[object]) -> None:
    with pytest.raises(RefusedError, match="texts"):
        instance_names(PLANS, params)


def test_a_command_for_one_instance_needs_a_name() -> None:
    assert instance_name(PLANS, ["web"]) == "web"
    with pytest.raises(RefusedError, match="name of a service"):
        instance_name(PLANS, [])


@pytest.mark.parametrize(
    ("params", "count"), [([None], 0), ([["web"]], 0), ([["web"], None], 0), ([["web"], 7], 7)]
)
def test_the_number_of_past_events_may_be_missing(params: list[object], count: int) -> None:
    assert event_count(params) == count


@pytest.mark.parametrize("value", [-1, "7", True, 1.5])
def test_the_number_of_past_events_is_a_whole_number(value: object) -> None:
    with pytest.raises(RefusedError):
        event_count([[], value])


def test_a_terminal_size_fits_into_16_bits() -> None:
    assert terminal_size([24, 80]) == (24, 80)
    assert terminal_size([0, 1 << 20]) == (1, 0xFFFF)


@pytest.mark.parametrize("values", [[], [24], ["24", 80]])
def test_a_terminal_size_needs_two_numbers(values: list[object]) -> None:
    with pytest.raises(RefusedError, match="rows and columns"):
        terminal_size(values)


@pytest.mark.parametrize("text", ["SIGTERM", "term", "sigterm", int(signal.SIGTERM), "15"])
def test_a_signal_has_a_name_or_a_number(text: object) -> None:
    assert signal_number(text) == signal.SIGTERM


@pytest.mark.parametrize("text", ["", "SIG", "nothing", "4096", None, -1])
def test_an_unknown_signal_is_refused(text: object) -> None:
    with pytest.raises(RefusedError, match="there is no signal"):
        signal_number(text)


def test_a_plan_with_wrong_types_is_refused() -> None:
    with pytest.raises(RefusedError, match="not a plan"):
        stack_plan({"instances": 7})
