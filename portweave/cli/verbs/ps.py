"""`portweave ps`: print the services of a stack and their states."""

import os
import sys
import time

from portweave import errors
from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.client.client import (
    Client,
    all_stacks,
    find_stack,
)
from portweave.client.verb_queries import (
    STACK,
    cells,
    instance_of,
    names_of,
    rows_of,
)
from portweave.encoding.json_text import (
    is_object,
    pretty,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.encoding.text_style import Span
    from portweave.supervisor.registry.stack_records import StackRecord

OPTIONS = (
    STACK,
    Option("-a", "--all", about="of all stacks of this machine"),
    Option("-q", "--quiet", about="print the full names alone"),
)
USAGE = "[--all] [--json] [SERVICE …]"
OPERANDS = Operands("stacked", many=True)
HELP = """
Show the services of this worktree's stack: state, pid, port, since when, restarts, processor time
(percent of one processor, on average since the start), memory, and why it is as it is.

States: waiting (for a dependency), starting, ready, unhealthy, backoff, stopping, stopped, exited,
completed, failed, blocked (a dependency failed).

A terminal also shows the URL, and below a service its reason and when it is tried again. A narrow
terminal shows fewer columns. On a pipe there is no heading, and tabs separate the fields.
"""


def run(args: Args) -> int:
    """Print the services."""
    names = names_of(args)
    stacks = _all_stacks() if args.flag("all") else [_ask(find_stack(args, os.environ))]
    for stack in stacks:
        stack["services"] = _chosen(rows_of(stack.get("services")), names, every=len(stacks) == 1)
    if args.flag("json"):
        if args.flag("all"):
            print(pretty({"schemaVersion": 1, "stacks": list(stacks)}))
        else:
            print(pretty(stacks[0]))
        return 0
    if args.flag("quiet"):
        for stack in stacks:
            for row in rows_of(stack["services"]):
                print(row.get("fullName"))
        return 0
    rows = [(stack, row) for stack in stacks for row in rows_of(stack["services"])]
    if not sys.stdout.isatty():
        for stack, row in rows:
            print("\t".join((*_prefix(stack, with_stack=args.flag("all")), *_cells(row))))
    elif rows:
        _draw(rows, args)
    for stack in stacks:
        if is_object(bus := stack.get("bus")):
            _tell_of_bus(stack, bus, with_stack=args.flag("all"))
    return 0


def _tell_of_bus(stack: "dict[str, object]", bus: "dict[str, object]", *, with_stack: bool) -> None:
    """Print a line about the bus of a stack: on a terminal, or if it is not connected."""
    # Imported here: most stacks have no bus.
    from portweave.client.bus_text import bus_line

    if bus.get("connected") and not sys.stdout.isatty():
        return
    name = f"{stack.get('project')}/{stack.get('namespace')}: " if with_stack else ""
    print(f"[portweave] {name}{bus_line(bus)}", file=sys.stderr)


def _draw(rows: "list[tuple[dict[str, object], dict[str, object]]]", args: Args) -> None:
    # Imported here: a pipe does not need it.
    from portweave.cli.terminal_drawing import Drawing
    from portweave.encoding.table_columns import Column
    from portweave.encoding.text_style import Span

    columns = (
        Column("NAME"),
        Column("STATE"),
        Column("PID", rank=7, right=True),
        Column("PORT", rank=1, right=True),
        Column("SINCE", rank=3, right=True),
        Column("RESTARTS", rank=4, right=True),
        Column("CPU", rank=5, right=True),
        Column("MEMORY", rank=6, right=True),
        Column("URL", rank=2, optional=True),
    )
    with_stack = args.flag("all")
    lines: list[tuple[tuple[str | Span, ...], list[list[str | Span]]]] = []
    for stack, row in rows:
        name, state, *others, _ = _cells(row)
        url = str(row.get("url") or "-")
        shown: tuple[str | Span, ...] = (name, Span(state, state), *others, url)
        notes = _notes(row)
        lines.append(((*_prefix(stack, with_stack=with_stack), *shown), [notes] if notes else []))
    stacks = (Column("PROJECT"), Column("NAMESPACE")) if with_stack else ()
    Drawing(no_color=args.flag("no_color")).table((*stacks, *columns), lines)


def _notes(row: "dict[str, object]") -> "list[str | Span]":
    """Return why a service is as it is, and when it is tried again; empty for nothing to say."""
    from portweave.encoding.text_style import Span

    reason, state, again = _reason(row), str(row.get("state")), row.get("nextTryAt")
    notes: list[str | Span] = []
    if reason is not None:
        notes.append(Span(str(reason), "dim" if state == "ready" else state))
    if isinstance(again, str):
        left_s = _epoch_s(again) - time.time()
        text = f"next try in {left_s:.0f} s" if left_s >= 0.5 else "next try now"
        notes.append(f"; {text}" if notes else text)
    return notes


def _ask(record: "StackRecord") -> "dict[str, object]":
    client = Client(record)
    try:
        answer = client.call("/supervisor/ps")
    finally:
        client.close()
    return answer if is_object(answer) else {}


def _all_stacks() -> "list[dict[str, object]]":
    found: list[dict[str, object]] = []
    for record in all_stacks(os.environ):
        try:
            found.append(_ask(record))
        except (errors.StackStandsStillError, errors.StackUnreachableError) as error:
            print(f"[portweave] {error.message}", file=sys.stderr)
    return found


def _chosen(
    rows: "list[dict[str, object]]", names: list[str], *, every: bool
) -> "list[dict[str, object]]":
    if not names:
        return rows
    for name in names if every else ():
        if not any(_is_called(row, name) for row in rows):
            raise errors.UnknownServiceError(
                name, list(dict.fromkeys(str(r.get("name")) for r in rows))
            )
    return [row for row in rows if any(_is_called(row, name) for name in names)]


def _is_called(row: "dict[str, object]", name: str) -> bool:
    return name in (row.get("name"), instance_of(row), row.get("fullName"))


def _prefix(stack: "dict[str, object]", *, with_stack: bool) -> tuple[str, ...]:
    return cells((stack.get("project"), stack.get("namespace"))) if with_stack else ()


def _cells(row: "dict[str, object]") -> tuple[str, ...]:
    cpu, rss = row.get("cpuPercent"), row.get("rssBytes")
    return cells(
        (
            instance_of(row),
            row.get("state"),
            row.get("pid"),
            row.get("port"),
            age(row.get("startedAt")) if row.get("pid") else None,
            row.get("restarts"),
            None if cpu is None else f"{cpu}%",
            size(rss) if isinstance(rss, int) else None,
            _reason(row),
        )
    )


def _reason(row: "dict[str, object]") -> object:
    reason, status = row.get("reason"), row.get("exitCode")
    if reason is None and status is not None and row.get("state") == "exited":
        return f"exit status {status}"
    return reason


def age(stamp: object, *, until: bool = False) -> str | None:
    """Return how long ago a time was: `45s`, `3m`, `2h`, `5d`; None for no time.

    Args:
        stamp: The time, as `rfc3339` writes it.
        until: Whether the time is to come: then it is how long until then.
    """
    if not isinstance(stamp, str):
        return None
    ago_s = time.time() - _epoch_s(stamp)
    return short_age(-ago_s if until else ago_s)


def short_age(seconds: float) -> str:
    """Format an age: `45s`, `3m`, `2h`, `5d`."""
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length_s:
            return f"{int(seconds // length_s)}{unit}"
    return f"{max(0, int(seconds))}s"


def _epoch_s(stamp: str) -> float:
    """Convert `2026-01-02T03:04:05.678Z` to seconds since the epoch, without `datetime`."""
    date, _, clock = stamp.rstrip("Z").partition("T")
    year, month, day = map(int, date.split("-"))
    hours, minutes, seconds = clock.split(":")
    # Howard Hinnant, chrono-Compatible Low-Level Date Algorithms: days from civil.
    year -= month <= 2
    in_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    in_era = (year % 400) * 365 + (year % 400) // 4 - (year % 400) // 100 + in_year
    days = year // 400 * 146_097 + in_era - 719_468
    return days * 86_400.0 + int(hours) * 3_600 + int(minutes) * 60 + float(seconds)


def size(amount_bytes: int) -> str:
    """Format an amount of memory: `512 kB`, `18 MB`, `1.4 GB`."""
    if amount_bytes >= 1_000_000_000:
        return f"{amount_bytes / 1e9:.1f} GB"
    if amount_bytes >= 1_000_000:
        return f"{amount_bytes // 1_000_000} MB"
    return f"{amount_bytes // 1_000} kB"
