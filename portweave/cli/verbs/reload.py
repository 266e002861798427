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
from portweave.encoding.json_text import (
    is_object,
    pretty,
)
from portweave.errors import UsageError

OPTIONS = (STACK, Option("--dry-run", about="only say what would be done"))
USAGE = "[--dry-run] [--json]"
HELP = """
Read the definition files again and apply changes to the running stack. It restarts services that
differ, starts new ones, stops deleted ones, and leaves all others alone. New rules (restart,
dependsOn, stopSignal, stopGracePeriod) apply at once, without a restart. It uses the variables of
the shell that started the stack, not of this one.

If `up` was called in several folders, each with a definition file, it reads all of them. With -f it
reads only that file, and the stack consists of its services from then on.

Wrong definitions change nothing: the stack continues as it is. --dry-run changes nothing either,
and prints the ports that new services would get now.
"""


def run(args: Args) -> int:
    """Apply the changed definitions."""
    if names_of(args):
        raise UsageError("reload applies all definitions; it takes no names")
    dry = args.flag("dry_run")
    answer = apply(args, os.environ, dry_run=dry)
    if args.flag("json"):
        print(pretty({"schemaVersion": 1, **(answer if is_object(answer) else {})}))
    elif not report(answer, would=dry):
        say("nothing has changed")
    return 0
