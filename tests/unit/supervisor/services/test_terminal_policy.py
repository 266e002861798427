import pytest

from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.terminal_policy import (
    TerminalPolicy,
    environment_for,
    has_terminal,
)


def plan(tty: bool | None = None, **environment: str) -> InstancePlan:
    return InstancePlan(
        name="web",
        service="web",
        number=1,
        full_name="web-main",
        argv=("true",),
        command="true",
        working_dir="/",
        environment=environment,
        tty=tty,
    )


@pytest.mark.parametrize(
    ("tty", "terminals", "expected"),
    [
        (None, True, True),
        (None, False, False),
        (True, False, True),
        (False, True, False),
    ],
)
def test_a_definition_overrides_the_policy_on_terminals(
    tty: bool | None, terminals: bool, expected: bool
) -> None:
    assert has_terminal(plan(tty), TerminalPolicy(terminals=terminals)) is expected


def test_programs_print_colours_into_a_pipe_that_leads_to_a_terminal() -> None:
    found = environment_for(plan(tty=False, A="b"), TerminalPolicy(terminals=True, colours=True))
    assert found == {"A": "b", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}


@pytest.mark.parametrize("name", ["NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"])
def test_colour_variables_of_the_user_are_not_changed(name: str) -> None:
    found = environment_for(plan(tty=False, **{name: "0"}), TerminalPolicy(colours=True))
    assert found == {name: "0"}


@pytest.mark.parametrize(
    "terminal_policy", [TerminalPolicy(), TerminalPolicy(terminals=True, colours=True)]
)
def test_without_colours_no_variable_is_set(terminal_policy: TerminalPolicy) -> None:
    assert environment_for(plan(A="b"), terminal_policy) == {"A": "b"}
