"""`portweave top`: show all stacks in the terminal."""

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
Show all stacks of this machine live in the terminal: services, states, processor time and memory,
and the log of the selected service.

Up, down, k and j select a service; enter shows its whole log, l shows or hides it; r restarts the
service, s stops or starts it; q ends only the view.
"""


def run(args: Args) -> int:
    """Show the view until the user presses q."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal", hint="portweave ps --all tells the same once")
    # Imported here: it takes many times as long as any other command.
    from portweave.panel import terminal

    with Raised():
        try:
            terminal.run(dict(os.environ))
        except KeyboardInterrupt:
            return 130
    return 0
