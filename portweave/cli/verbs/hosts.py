"""`portweave hosts`: make names known to programs that do not resolve *.localhost."""

import os
import sys

from portweave.allocator.names.hosts_file import (
    block,
    with_block,
    without_block,
)
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.errors import UsageError
from portweave.supervisor.proxy.process.proxy_files import open_store
from portweave.system.system_file import (
    read,
    replace,
)

OPTIONS = (
    Option("--write", about="write them to the file, if you agree"),
    Option("--remove", about="take them out of the file, if you agree"),
    Option("-y", "--yes", about="agree beforehand"),
    Option("--hosts-file", metavar="PATH", values="files", about="the file, instead of /etc/hosts"),
    Option("--state-dir", metavar="DIR", values="folders", about="the folder of the routes"),
)
USAGE = "[--write | --remove] [--yes]"
HELP = """
Print lines for /etc/hosts that resolve the names of all routes to this machine. Chrome and Firefox
do not need them; Safari, curl without --resolve and many programs do.

--write puts the lines into /etc/hosts between two marks, and replaces earlier ones; --remove
removes them. Both show the change and ask first. Both need the right to write that file; no other
command does.
"""
_FILE = "/etc/hosts"


def run(args: Args) -> int:
    """Print the lines, or change the file."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    write, remove = args.flag("write"), args.flag("remove")
    if write and remove:
        raise UsageError("--write and --remove are mutually exclusive")
    path = args.text("hosts_file") or _FILE
    names = [
        route.hostname
        for route in open_store(args.text("state_dir"), os.environ).load_routes()
        # /etc/hosts has no wildcards.
        if "*" not in route.hostname
    ]
    if not (write or remove):
        print(block(names), end="")
        return 0
    before = read(path)
    after = with_block(before, names) if write else without_block(before)
    if after == before:
        print(f"[portweave] {path} is as it should be", file=sys.stderr)
        return 0
    what = f"to be written to {path}:\n{block(names)}" if write else f"to be taken out of {path}"
    print(f"[portweave] {what.rstrip()}", file=sys.stderr)
    if not args.flag("yes") and not _agrees():
        print("[portweave] nothing was changed", file=sys.stderr)
        return 1
    replace(path, after)
    return 0


def _agrees() -> bool:
    if not sys.stdin.isatty():
        print(
            "[portweave] without a terminal, portweave cannot ask: --yes confirms beforehand",
            file=sys.stderr,
        )
        return False
    from portweave.cli.confirm import agrees

    return agrees()
