"""Pure. Whether services print to a terminal or into pipes, and with colours."""

from collections.abc import Mapping

from portweave.encoding.value import value
from portweave.supervisor.services.plan import InstancePlan

# Who has set one of them has said what he wants (no-color.org, force-color.org,
# bixense.com/clicolors).
_COLOUR_VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE")


@value
class TerminalPolicy:
    """What services may expect of who reads what they print.

    Attributes:
        terminals: Whether they have a terminal each, where their definition leaves it open.
        colours: Whether colours can be seen.
    """

    terminals: bool = False
    colours: bool = False


def has_terminal(plan: InstancePlan, terminal_policy: TerminalPolicy) -> bool:
    """Whether an instance is to have a terminal of its own."""
    return terminal_policy.terminals if plan.tty is None else plan.tty


def environment_for(plan: InstancePlan, terminal_policy: TerminalPolicy) -> dict[str, str]:
    """The environment of an instance; into a pipe, too, it is to print what can be seen."""
    environment: Mapping[str, str] = plan.environment
    silent = not any(environment.get(name) for name in _COLOUR_VARIABLES)
    if terminal_policy.colours and silent and not has_terminal(plan, terminal_policy):
        return {**environment, "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    return dict(environment)
