"""`portweave panel`: serve a page with all worktrees of this machine."""

import os

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.errors import UsageError

OPTIONS = (
    Option("--port", metavar="N", about="the first port to try (6767); 0 for any"),
    Option("--open", about="open the page in a browser"),
)
USAGE = "[--port N] [--open]"
HELP = """
Serve a page for browsers on this machine: all projects and worktrees, how their services are and
what they use, their logs and environments; start, stop, restart and scale them there.

It listens on 127.0.0.1 alone, on the port or the next free one. It refuses other users of this
machine (on Linux) and pages of other origins. It ends on Ctrl-C; the stacks that it started go on.

While a proxy runs it is also http://portweave.localhost:1355/, for the same user alone; the first
panel has the name, and when it ends another that runs. A panel starts no proxy: up does, and
portweave proxy start. PORTWEAVE_PROXY=0 leaves the name alone.

PORTWEAVE_EDITOR names the command that opens worktrees in an editor; else it is code, or cursor.
"""
_LARGEST_PORT = 65_535


def run(args: Args) -> int:
    """Serve until a signal ends it."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    port = _port(args.text("port"))
    # Imported here: it takes ten times as long as any other command.
    from portweave.panel import serve

    serve.run(
        serve.DEFAULT_PORT if port is None else port, dict(os.environ), open_page=args.flag("open")
    )
    return 0


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 6 and int(text) <= _LARGEST_PORT:
        return int(text)
    raise UsageError(f"--port must be an integer between 0 and 65535, received {text}")
