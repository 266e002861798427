"""`portweave kill`: send a signal to services of a running stack."""

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.client.verb_queries import (
    STACK,
    act,
    names_of,
)

OPTIONS = (
    STACK,
    Option(
        "-s",
        "--signal",
        metavar="SIGNAL",
        values=("HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP", "WINCH"),
        about="which, by name or number (KILL)",
    ),
)
USAGE = "[-s SIGNAL] [--json] SERVICE …"
OPERANDS = Operands("running", many=True)
HELP = """
Send a signal to services of the running stack. TERM, INT, QUIT, ABRT, KILL, STOP, TSTP and CONT go
to every process of the service, any other signal only to its leader. If the service exits, its
restart policy applies: use `portweave stop` to stop it.
"""


def run(args: Args) -> int:
    """Send the signal."""
    return act(
        args,
        "/supervisor/kill",
        names_of(args, at_least_one="the signal for"),
        args.text("signal") or "SIGKILL",
        did="signalled",
        nothing="none of that is running",
    )
