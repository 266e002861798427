"""`portweave alias`: give any port a name."""

import os
import sys

from portweave.allocator.names.hostnames import (
    PANEL_HOST,
    parse_hostname,
)
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.errors import RouteUnknownError, UsageError
from portweave.supervisor.proxy.process.proxy_files import (
    find_proxy,
    make_folder,
    open_store,
    url_to_be,
)

OPTIONS = (
    Option("--remove", metavar="NAME", values="aliases", about="take an alias away"),
    Option("--force", about="replace the route that a running process has by this name"),
    Option("--state-dir", metavar="DIR", values="folders", about="the folder of the routes"),
)
USAGE = "NAME PORT [--force] | --remove NAME"
HELP = """
Give a port a name: after `portweave alias db 5432`, http://db.localhost:1355 leads to port 5432.
The alias stays until you remove it. NAME may have dots; portweave appends .localhost.
"""
_LARGEST_PORT = 65535


def run(args: Args) -> int:
    """Add the alias, or remove it."""
    words = args.operands + (args.rest or [])
    store = open_store(args.text("state_dir"), os.environ)
    removed = args.text("remove")
    if removed is not None:
        if words:
            raise UsageError(f"unexpected argument '{words[0]}'", hint=f"portweave alias {USAGE}")
        hostname = parse_hostname(removed)
        owners = [r.pid for r in store.load_routes() if r.hostname == hostname]
        if 0 not in owners:
            raise RouteUnknownError(hostname, owners[0] if owners else None)
        store.remove_route(hostname, owner_pid=0)
        return 0
    if len(words) != 2:
        raise UsageError("alias takes a name and a port", hint=f"portweave alias {USAGE}")
    name, port = words
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) <= _LARGEST_PORT):
        raise UsageError(
            f"'{port}' is not a port", hint=f"it is a number from 1 to {_LARGEST_PORT}"
        )
    hostname = parse_hostname(name)
    if hostname == PANEL_HOST:
        raise UsageError(f"{hostname} is kept for the panel", hint="choose another name")
    make_folder(store)
    store.add_route(hostname, int(port), 0, force=args.flag("force"))
    running = find_proxy(store)
    if running is None:
        print("[portweave] no proxy runs: portweave proxy start", file=sys.stderr)
    print(url_to_be(hostname, os.environ) if running is None else running.url(hostname))
    return 0
