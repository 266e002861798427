"""`portweave keep`: let a running stack go on, and say what ends it."""

import os

from portweave.arguments.args import Args, Option
from portweave.cli.lifetime_options import lifetime_options, terms_of
from portweave.client.client import ask
from portweave.client.verb_queries import STACK, names_of, say
from portweave.encoding.json_text import is_object, pretty
from portweave.errors import UsageError

OPTIONS = (
    *lifetime_options(),
    Option("--forever", about="nothing ends the stack but portweave down"),
    STACK,
)
USAGE = "[--owner PID] [--ttl TIME] [--idle TIME] | --forever"
HELP = """
Change what ends the running stack of this worktree. The options replace the earlier ones of up -d
and keep. Without options, the time of --ttl begins again. If its owner has just ended, the stack
then goes on without one.

A stack ends 30 s after the last of its owners; until then keep and up take it over. It ends at once
when the time of --ttl is up, or when it was not used for the time of --idle. With several options,
the first of these ends it.
"""


def run(args: Args) -> int:
    """Change the terms of the stack, and print them."""
    if names := names_of(args):
        raise UsageError(f"keep takes no names, received '{names[0]}'")
    forever = args.flag("forever")
    terms = terms_of(args)
    if forever and not terms.is_forever:
        raise UsageError("--forever excludes --owner, --ttl and --idle")
    if args.flag("owner") and not terms.owners:
        raise UsageError(
            "there is no owner for the stack, and it stays as it is",
            hint="--owner PID names a process",
        )
    answer = ask(args, os.environ, "/supervisor/keep", terms.as_json(), forever)
    found = answer if is_object(answer) else {}
    if args.flag("json"):
        lifetime = found.get("lifetime")
        print(pretty({"schemaVersion": 1} | (lifetime if is_object(lifetime) else {})))
    else:
        say(f"the stack {found.get('text', '')}")
    return 0
