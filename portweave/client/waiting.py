"""How a verb shows what it waits for, and its option to print errors alone.

It imports nothing else: `up` needs it before all.
"""

import os

from portweave.arguments.args import Args, Option
from portweave.system.still_waiting import Wait

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.system.still_waiting import Line

QUIET = Option("-q", "--quiet", about="print errors alone")


def waiting(args: Args, *, verb: str = "waiting", about: str = "the supervisor") -> Wait:
    """Show what a command waits for, as a context manager; nothing with `--json` or `--quiet`.

    Args:
        args: The command line.
        verb: What the command does while it waits: a verb of `waiting_line`.
        about: What it waits for, until more is known.
    """
    if args.flag("json") or args.flag("quiet"):
        return Wait(None)

    def make(began_s: float) -> "Line":
        # Imported once a wait has become long.
        from portweave.client.live_wait import LiveWait

        refused = args.flag("no_color")
        return LiveWait(began_s, os.environ, refused=refused, verb=verb, about=about)

    return Wait(make)
