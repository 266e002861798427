"""`portweave top`: show all stacks in the terminal."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.encoding.colours import of_words
from portweave.errors import UsageError

OPTIONS: tuple[Option, ...] = ()
USAGE = ""
HELP = """
Show all stacks of this machine live in the terminal: services, states with their reasons, ports,
URLs, processor time and memory. Those in trouble come first.

Arrow keys or the mouse select a row, ? lists all keys:
  l     log, with a search             w  what is wrong, what to do
  r     restart                        x  stop, or start
  u, d  start or stop a stack          k  kill
  o     open in the browser            a  attach to the terminal
  s     next order                     /  filter
  q     leave; the stacks go on
"""


def run(args: Args) -> int:
    """Show the view until the user leaves it."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    # Textual reads from stdin and draws on stderr.
    is_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if not is_terminal or os.environ.get("TERM") == "dumb":
        raise UsageError("top needs a terminal", hint="portweave ps --all tells the same once")
    has_colour = of_words(os.environ, is_terminal=True, refused=args.flag("no_color"))
    # Imported here: it takes many times as long as any other command.
    from portweave.top import top_app

    return top_app.run(dict(os.environ), has_colour=has_colour)
