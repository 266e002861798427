"""`portweave start`: start services of a running stack."""

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.verbs.restart import act_and_wait
from portweave.cli.verbs.wait import WAIT
from portweave.client.verb_queries import (
    STACK,
    names_of,
)

OPTIONS = (STACK, Option("--no-deps", about="do not start their dependencies"), *WAIT)
USAGE = "[--no-deps] [--wait [--timeout SECONDS]] [--json] [SERVICE …]"
OPERANDS = Operands("idle", many=True)
HELP = """
Start services of the running stack that were stopped, have ended, or were not started by `up`, and
their dependencies. Without names, start all services that `up` started. With --wait it returns when
they are ready, with the exit status of `portweave wait`.
"""


def run(args: Args) -> int:
    """Start the services."""
    return act_and_wait(
        args,
        "/supervisor/start",
        names_of(args),
        not args.flag("no_deps"),
        did="started",
        nothing="all of that runs already",
    )
