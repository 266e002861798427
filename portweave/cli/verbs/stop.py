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
Stop services of the running stack, dependents first, and wait until nothing of them is left;
without names all of them. The stack goes on: `portweave start` starts them again, `portweave down`
ends it.
"""


def run(args: Args) -> int:
    """Stop them."""
    return act(
        args, "/supervisor/stop", names_of(args), did="stopped", nothing="nothing was running"
    )
