"""`portweave port`: the port of one service."""

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.selection import choose

OPTIONS: tuple[Option, ...] = ()
USAGE = "SERVICE [--json]"
OPERANDS = Operands("services")
HELP = """
Print the port that SERVICE (web, or web.2) listens on: its own one of the worktree's block, or
what its variable says in .env or in the environment.

The worktree gets its ports on first use, as with `run`; here nothing is said of it.
"""


def run(args: Args) -> int:
    """Print the port."""
    chosen = choose(args, "port", USAGE)
    if args.flag("json"):
        print(f'{{"schemaVersion": 1, "service": "{chosen.name}", "port": {chosen.port}}}')
    else:
        print(chosen.port)
    return 0
