"""`portweave reload`: apply changed definitions to a running stack."""

import os

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.client.replan import (
    apply,
    report,
)
from portweave.client.verb_queries import (
    STACK,
    names_of,
    say,
)
from portweave.encoding.json_write import (
    is_object,
    pretty,
)
from portweave.errors import UsageError

OPTIONS = (STACK, Option("--dry-run", about="only say what would be done"))
USAGE = "[--dry-run] [--json]"
HELP = """
Read the definition files again and apply what has changed to the running stack: services that
differ are restarted, new ones are started, those that are no longer there are stopped, all others
go on. Other rules (restart, dependsOn, stopSignal, stopGracePeriod) hold at once, without a
restart. The variables of the shell that started the stack count, not those of this one.

Where `up` has been called in several folders, each with a definition file, all of these are read;
with -f only the one that is named, which the stack consists of from then on.

Definitions that are wrong change nothing: the stack goes on as it is. Nor does --dry-run, which
tells the ports that new services would get if they came now.
"""


def run(args: Args) -> int:
    """Apply them."""
    if names_of(args):
        raise UsageError("reload applies all definitions; it takes no names")
    dry = args.flag("dry_run")
    answer = apply(args, os.environ, dry_run=dry)
    if args.flag("json"):
        print(pretty({"schemaVersion": 1, **(answer if is_object(answer) else {})}))
    elif not report(answer, would=dry):
        say("nothing has changed")
    return 0
