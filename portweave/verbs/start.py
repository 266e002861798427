"""`portweave start`: start services of a running stack."""

from portweave.args import Args, Operands, Option
from portweave.asking import STACK, act, names_of
from portweave.verbs.restart import tell_newer_definitions

OPTIONS = (STACK, Option("--no-deps", about="do not start what they depend on"))
USAGE = "[--no-deps] [--json] [SERVICE …]"
OPERANDS = Operands("idle", many=True)
HELP = """
Start services of the running stack that were stopped, have ended, or were not started by `up`, and
what they depend on; without names all that `up` started. It does not wait until they are ready:
`portweave wait` does.
"""


def run(args: Args) -> int:
    """Start them."""
    status = act(
        args,
        "/supervisor/start",
        names_of(args),
        not args.flag("no_deps"),
        did="started",
        nothing="all of that runs already",
    )
    tell_newer_definitions(args)
    return status
