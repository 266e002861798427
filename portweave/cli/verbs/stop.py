"""`portweave stop`: stop services of a running stack."""

from portweave.arguments.args import (
    Args,
    Operands,
)
from portweave.client.verb_queries import (
    STACK,
    act,
    names_of,
)

OPTIONS = (STACK,)
USAGE = "[--json] [SERVICE …]"
OPERANDS = Operands("running", many=True)
HELP = """
Stop services of the running stack, dependents first, and wait until none of their processes is
left. Without names, stop all services. The stack continues: `portweave start` starts them again,
`portweave down` ends the stack.
"""


def run(args: Args) -> int:
    """Stop the services."""
    return act(
        args, "/supervisor/stop", names_of(args), did="stopped", nothing="nothing was running"
    )
