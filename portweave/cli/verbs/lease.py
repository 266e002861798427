"""`portweave lease`: lease ports for a script, a test or an agent."""

import json
import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.cli.option_values import count_of
from portweave.encoding.duration import parse as parse_duration
from portweave.errors import UsageError
from portweave.leases import TTL_S, Lease, calling_process, holding, release, take_lease

OPTIONS = (
    Option("--ttl", metavar="TIME", about="how long it holds at the most: 90, 90s, 30m (30m)"),
    Option("--owner", metavar="PID", about="the process it ends with (the one that asks)"),
    Option("--release", metavar="ID", many=True, values="leases", about="give a lease back"),
    Option("--list", about="show the leases that hold; --json for programs"),
)
USAGE = "[--count N] [--ttl TIME] [--owner PID] | --release ID | --list"
HELP = """
Lease N consecutive ports (1), which no other program gets from portweave, and print them as JSON:

  {"schemaVersion": 1, "id": "lease-9f3c01aa", "ports": [30004, 30005],
   "start": 30004, "expiresAt": "2026-01-31T12:34:56Z",
   "owner": {"pid": 4100, "command": "sh test.sh"}}

The lease ends by --release, when its owner ends, or when its time is up, whichever comes first. The
owner is the script or program that runs this command. If that is a wrapper that ends at once, name
the owner: --owner $$.
"""


def run(args: Args) -> int:
    """Take a lease, release leases, or list them."""
    if args.operands or args.rest:
        word = [*args.operands, *(args.rest or [])][0]
        raise UsageError(f"unexpected argument '{word}'", hint="portweave lease --help")
    if args.text("config") is not None:
        raise UsageError("a lease has no definition file", hint="--count N says how many ports")
    taking = [name for name in ("count", "ttl", "owner") if args.text(name) is not None]
    if args.flag("release") and (taking or args.flag("list")):
        raise UsageError("--release takes no other option")
    if args.flag("list"):
        if taking:
            raise UsageError(f"--list and --{taking[0]} are mutually exclusive")
        return _list(as_json=args.flag("json"), no_color=args.flag("no_color"))
    if args.flag("release"):
        for lease_id in args.texts("release"):
            release(lease_id)
            print(f"[portweave] released {lease_id}", file=sys.stderr)
        return 0
    lease = take_lease(
        count_of(args.text("count")) or 1,
        _ttl(args.text("ttl")),
        owner_pid=_owner(args.text("owner")),
    )
    print(json.dumps({"schemaVersion": 1} | lease.as_json(), ensure_ascii=False))
    return 0


def _ttl(text: str | None) -> float:
    if text is None:
        return TTL_S
    ttl_s = parse_duration(text)
    if not ttl_s:
        raise UsageError(f"--ttl takes a time such as 90, 90s or 30m, received {text!r}")
    return ttl_s


def _owner(text: str | None) -> int:
    if text is None:
        return calling_process()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise UsageError(f"--owner takes the number of a process, received {text!r}")
    return int(text)


def _list(*, as_json: bool, no_color: bool) -> int:
    leases = holding(os.environ)
    if as_json:
        value = {"schemaVersion": 1, "leases": [lease.as_json() for lease in leases]}
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return 0
    if not leases:
        print("[portweave] no leases", file=sys.stderr)
        return 0
    if sys.stdout.isatty():
        _draw(leases, no_color=no_color)
        return 0
    rows = [("ID", "PORTS", "EXPIRES", "OWNER"), *map(_row, leases)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[3]]))
    return 0


def _draw(leases: "list[Lease]", *, no_color: bool) -> None:
    from portweave.cli.terminal_drawing import Drawing
    from portweave.encoding.table_columns import Column

    columns = (
        Column("ID"),
        Column("PORTS"),
        Column("EXPIRES", rank=2),
        Column("OWNER", rank=1),
    )
    Drawing(no_color=no_color).table(columns, [(_row(lease), ()) for lease in leases])


def _row(lease: Lease) -> tuple[str, str, str, str]:
    first, last = lease.ports[0], lease.ports[-1]
    owner = lease.as_json()["owner"]
    assert isinstance(owner, dict)
    return (
        lease.id,
        str(first) if first == last else f"{first}-{last}",
        lease.expires_at,
        f"pid {owner['pid']} ({owner['command']})",
    )
