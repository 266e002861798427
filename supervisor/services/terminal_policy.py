"""Pure. Whether services print to a terminal or to pipes, and with colours."""

from collections.abc import Mapping

from portweave.encoding.value import value
from portweave.supervisor.services.plan import InstancePlan

# If a user sets one of them, portweave changes none (no-color.org, force-color.org,
# bixense.com/clicolors).
_COLOUR_VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE")


@value
class TerminalPolicy:
    """Whether the services of a stack get terminals and colours.

    Attributes:
        terminals: Whether each gets a terminal, unless its definition says otherwise.
        colours: Whether colours are shown.
    """

    terminals: bool = False
    colours: bool = False


def has_terminal(plan: InstancePlan, terminal_policy: TerminalPolicy) -> bool:
    """Whether an instance gets a terminal of its own."""
    return terminal_policy.terminals if plan.tty is None else plan.tty


def environment_for(plan: InstancePlan, terminal_policy: TerminalPolicy) -> dict[str, str]:
    """The environment of an instance. It asks for colours where a pipe leads to a terminal."""
    environment: Mapping[str, str] = plan.environment
    silent = not any(environment.get(name) for name in _COLOUR_VARIABLES)
    if terminal_policy.colours and silent and not has_terminal(plan, terminal_policy):
        return {**environment, "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    return dict(environment)
