"""`portweave scale`: change the number of instances of services."""

import os

from portweave.arguments.args import (
    Args,
    Operands,
)
from portweave.client.replan import (
    apply,
    report,
)
from portweave.client.verb_queries import (
    STACK,
    say,
)
from portweave.encoding.json_text import (
    is_object,
    pretty,
)
from portweave.errors import UsageError

OPTIONS = (STACK,)
USAGE = "NAME=N …"
OPERANDS = Operands("counts", many=True)
HELP = """
Run N instances of a service in the running stack, without disturbing other services. Each instance
has its own port, name (web, web.2, …) and log. 0 stops the service.
"""


def run(args: Args) -> int:
    """Change the numbers of instances."""
    from portweave.cli.option_values import scale_of

    words = args.operands + (args.rest or [])
    if not words:
        raise UsageError("scale takes NAME=N", hint="as in portweave scale web=3")
    scale = dict(scale_of(word, "scale") for word in words)
    answer = apply(args, os.environ, scale=scale)
    if args.flag("json"):
        print(pretty({"schemaVersion": 1, **(answer if is_object(answer) else {})}))
    elif not report(answer):
        say("it has as many already")
    return 0
