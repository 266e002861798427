"""`portweave routes`: print the names that have a route."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.errors import UsageError
from portweave.supervisor.proxy.process.proxy_files import (
    find_proxy,
    open_store,
    url_to_be,
)

OPTIONS = (
    Option("--state-dir", metavar="DIR", values="folders", about="the folder of the routes"),
)
USAGE = "[--json]"
HELP = """
Show the names that have a route: URL, port, and the route's process (- for an alias, which stays
until you remove it).

On a pipe there is no heading, and tabs separate the fields.
"""


def run(args: Args) -> int:
    """Print the routes."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    store = open_store(args.text("state_dir"), os.environ)
    running = find_proxy(store)
    rows = [
        (
            url_to_be(route.hostname, os.environ)
            if running is None
            else running.url(route.hostname),
            route,
        )
        for route in store.load_routes()
    ]
    if args.flag("json"):
        import json

        fields = {
            "schemaVersion": 1,
            "proxyPort": running and running.port,
            "routes": [
                {
                    "hostname": route.hostname,
                    "port": route.port,
                    "pid": route.pid or None,
                    "url": url,
                }
                for url, route in rows
            ],
        }
        print(json.dumps(fields, ensure_ascii=False, indent=2))
        return 0
    if not rows:
        print("[portweave] no route is registered", file=sys.stderr)
        return 0
    cells = [(url, str(route.port), str(route.pid or "-")) for url, route in rows]
    if sys.stdout.isatty():
        # Imported here: a pipe does not need it.
        from portweave.cli.terminal_drawing import Drawing
        from portweave.encoding.table_columns import Column

        columns = (
            Column("URL"),
            Column("PORT", rank=1, right=True),
            Column("PID", rank=2, right=True),
        )
        drawing = Drawing(no_color=args.flag("no_color"))
        drawing.table(columns, [(row, ()) for row in cells])
    else:
        for row in cells:
            print("\t".join(row))
    if running is None:
        print("[portweave] no proxy runs: portweave proxy start", file=sys.stderr)
    return 0
