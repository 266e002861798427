"""`portweave restart`: stop services of a running stack and start them again."""

import os

from portweave.args import Args, Operands
from portweave.asking import STACK, act, names_of
from portweave.client import Client, find_stack

OPTIONS = (STACK,)
USAGE = "[--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Stop services of the running stack and start them again, whatever state they are in; without names
all of them, dependents stopping first and starting last. It does not wait until they are ready:
`portweave wait` does. A service starts with the definition that the stack has. Where the definition
files or .env say otherwise by now, restart says so, and `portweave reload` applies it.
"""


def run(args: Args) -> int:
    """Restart them."""
    status = act(
        args, "/supervisor/restart", names_of(args), did="restarting", nothing="nothing to restart"
    )
    tell_newer_definitions(args)
    return status


def tell_newer_definitions(args: Args) -> None:
    """Tell of definitions that have changed since the stack was planned."""
    # To plan takes longer than to ask: the services start meanwhile.
    from portweave.joining import tell_newer

    client = Client(find_stack(args, os.environ))
    try:
        tell_newer(client)
    finally:
        client.close()
