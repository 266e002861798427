"""`portweave port`: print the port of one service."""

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.selection import select_instance

OPTIONS: tuple[Option, ...] = ()
USAGE = "SERVICE [--json]"
OPERANDS = Operands("services")
HELP = """
Print the port on which SERVICE (web, or web.2) listens. It is the service's port in the worktree's
block, or the value of its variable in .env or in the environment.

The worktree gets its ports on first use, as with `run`, but port does not report it.
"""


def run(args: Args) -> int:
    """Print the port."""
    selected = select_instance(args, "port", USAGE)
    if args.flag("json"):
        print(f'{{"schemaVersion": 1, "service": "{selected.name}", "port": {selected.port}}}')
    else:
        print(selected.port)
    return 0
