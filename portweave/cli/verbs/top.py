"""`portweave top`: all stacks in the terminal."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.errors import UsageError
from portweave.system.interrupts import Raised

OPTIONS: tuple[Option, ...] = ()
USAGE = ""
HELP = """
Show all stacks of this machine in the terminal, live: services, state, what they use, and the log
of the one that is chosen.

Up, down, k and j choose a service; enter shows its whole log, l shows or hides it; r restarts the
service, s stops it, or starts it; q ends the view, and nothing else.
"""


def run(args: Args) -> int:
    """Show it until q is pressed."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal", hint="portweave ps --all tells the same once")
    # Many times what any other command costs.
    from portweave.panel import terminal

    with Raised():
        try:
            terminal.run(dict(os.environ))
        except KeyboardInterrupt:
            return 130
    return 0
