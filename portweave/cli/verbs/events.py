"""`portweave events`: print changes of state in a stack as they happen."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Operands,
)
from portweave.client.client import ask
from portweave.client.verb_queries import (
    STACK,
    names_of,
)
from portweave.encoding.json_write import (
    compact,
    is_object,
)

OPTIONS = (STACK,)
USAGE = "[--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Print each change of state of the running stack's services, until the stack ends or you press
Ctrl-C. --json prints one object a line: time, event, name, instance, fullName, state, previous,
pid, port, restarts, exitCode, reason, text.
"""


def run(args: Args) -> int:
    """Print the events."""
    names = names_of(args)

    def take(event: object) -> None:
        if not is_object(event):
            return
        if args.flag("json"):
            line = compact(event)
        else:
            said = event.get("text") or f"{event.get('name')} is {event.get('state')}"
            line = f"{event.get('time')} {said}"
        print(line)
        sys.stdout.flush()

    ask(args, os.environ, "/supervisor/events", names, each=take, patience_s=None)
    return 0
