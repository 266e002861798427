"""`portweave restart`: stop services of a running stack and start them again."""

from portweave.args import Args, Operands
from portweave.asking import STACK, act, names_of

OPTIONS = (STACK,)
USAGE = "[--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Stop services of the running stack and start them again, whatever state they are in; without names
all of them, dependents stopping first and starting last. It does not wait until they are ready:
`portweave wait` does. What has changed in the definition files is not looked at: `portweave reload`
does that.
"""


def run(args: Args) -> int:
    """Restart them."""
    return act(
        args, "/supervisor/restart", names_of(args), did="restarting", nothing="nothing to restart"
    )
