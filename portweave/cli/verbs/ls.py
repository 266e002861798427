"""`portweave ls`: print the stacks of this machine."""

import os
import sys
import time

from portweave.allocator.lease_folders import (
    leases_dir,
    scan,
)
from portweave.allocator.naming import project_name
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.client.client import all_stacks
from portweave.client.verb_queries import rows_of, say
from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import field, replace, value
from portweave.errors import UsageError
from portweave.supervisor.registry.moved_folder import is_missing
from portweave.supervisor.registry.stack_records import stacks_dir
from portweave.system.processes import age_s

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.supervisor.registry.ended_stacks import EndedStack

_OF_LIFETIME = ("owner", "owners", "lastUsedAt", "lastUse")
_SORTS = ("name", "memory")
OPTIONS = (
    Option("-a", "--all", about="also worktrees and leases with ports, and stacks that have ended"),
    Option("--sort", metavar="ORDER", values=_SORTS, about="by name, or by memory, largest first"),
)
USAGE = "[--all] [--sort ORDER] [--json]"
HELP = """
Show the running stacks of all projects and worktrees on this machine: project, namespace, state,
pid, ports, worktree. --all adds worktrees (idle) and leases (lease) that have ports without a
running stack. For seven days --all also shows why a stack has ended.

A terminal also shows since when a stack runs, its owner and its last use, and a narrow one shows
fewer columns. On a pipe there is no heading, and tabs separate the fields. --json has owner,
expiresAt, lastUsedAt, lastUse and endedBecause.
"""


@value
class Row:
    """A stack, or a block of ports without a stack.

    Attributes:
        project: The project's name.
        namespace: The worktree's namespace.
        root: The worktree's root, or a lease's folder.
        state: `running`, `idle`, `ended` or `lease`.
        pid: Pid of the stack's guardian; None if no stack runs.
        ports: The port by instance.
        gone: Whether the stack runs, but its folder was deleted, moved or replaced.
        start: When the stack's guardian began, as `processes.started_at` returns it.
        lifetime: Its owner, end and last use, as its supervisor tells them; empty if unknown.
        ended: How its last stack ended; None if that is unknown, or it runs.
        rss_bytes: The memory of its services; None if it was not asked for.
    """

    project: str
    namespace: str
    root: str
    state: str
    ports: "Mapping[str, int]"
    pid: int | None = None
    gone: bool = False
    start: str = ""
    lifetime: "Mapping[str, object]" = field(default_factory=dict[str, object])
    ended: "EndedStack | None" = None
    rss_bytes: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return the row as an object of `ls --json`."""
        ended = self.ended
        known = self.lifetime if ended is None else ended.lifetime
        return {
            "project": self.project,
            "namespace": self.namespace,
            "worktreeRoot": self.root,
            "state": self.state,
            "pid": self.pid,
            "ports": dict(self.ports),
            "gone": self.gone,
            "startedAt": _stamp(time.time() - age_s(self.start)) if self.start else None,
            "rssBytes": self.rss_bytes,
            **{name: known.get(name) for name in _OF_LIFETIME},
            # A stack that has ended will not end again.
            "expiresAt": self.lifetime.get("expiresAt"),
            "endedAt": None if ended is None else _stamp(ended.ended_s),
            "endedBecause": None if ended is None else ended.because,
        }

    def cells(self) -> tuple[str, ...]:
        """Return the row as cells of a table."""
        pid = "-" if self.pid is None else str(self.pid)
        project = _one_line(self.project)
        fields = (project, self.namespace, self.state, pid, spans(self.ports.values()))
        return *fields, _one_line(self.root)


def run(args: Args) -> int:
    """Print the stacks."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    order = args.text("sort") or "name"
    if order not in _SORTS:
        raise UsageError(f"--sort takes {' or '.join(_SORTS)}, received {order!r}")
    by_memory = order == "memory"
    # A pipe without --json shows nothing that only a supervisor knows.
    asks = args.flag("json") or sys.stdout.isatty()
    rows = _running(asks=asks, by_memory=by_memory)
    if args.flag("all"):
        rows += _recorded({(row.root, row.namespace) for row in rows})
        rows = _with_ends(rows)
    rows.sort(key=lambda row: (row.project, row.namespace != "main", row.namespace, row.root))
    if by_memory:
        rows.sort(key=lambda row: -(row.rss_bytes or 0))
    if args.flag("json"):
        import json

        fields = {"schemaVersion": 1, "stacks": [row.as_json() for row in rows]}
        print(json.dumps(fields, ensure_ascii=False, indent=2))
        return 0
    if not rows:
        say("no stack is running on this machine")
        return 0
    for row in rows:
        if row.gone:
            say(
                f"the folder {_one_line(row.root)} was moved or removed while its stack runs:"
                f" portweave down --stack {row.project}/{row.namespace} stops it"
            )
    if sys.stdout.isatty():
        _draw(rows, no_color=args.flag("no_color"))
    else:
        print("\n".join("\t".join(row.cells()) for row in rows))
    return 0


def _draw(rows: list[Row], *, no_color: bool) -> None:
    # Imported here: a pipe does not need it.
    from portweave.cli.terminal_drawing import Drawing
    from portweave.cli.verbs.ps import age, short_age, size
    from portweave.encoding.table_columns import Column
    from portweave.encoding.text_style import Span

    columns = (
        Column("PROJECT"),
        Column("NAMESPACE"),
        Column("STATE", rank=1),
        Column("PID", rank=5, right=True),
        Column("PORTS", rank=2),
        Column("SINCE", rank=4, right=True, optional=True),
        Column("MEMORY", rank=1, right=True, optional=True),
        Column("OWNER", rank=6, optional=True),
        Column("ENDS IN", rank=6, right=True, optional=True),
        Column("LAST USE", rank=7, optional=True),
        Column("WORKTREE", rank=3),
    )
    lines: list[tuple[tuple[str | Span, ...], list[list[str | Span]]]] = []
    for row in rows:
        project, namespace, state, pid, ports, _ = row.cells()
        since = short_age(age_s(row.start)) if row.start else "-"
        shown: str | Span = state
        if row.pid is not None:
            # The colours of states are those of services.
            shown = Span(state, "failed" if row.gone else "ready")
        # A lease's folder is portweave's own.
        root = "-" if row.state == "lease" else _one_line(_below_home(row.root))
        memory = "-" if row.rss_bytes is None else size(row.rss_bytes)
        use, used = row.lifetime.get("lastUse"), age(row.lifetime.get("lastUsedAt"))
        last_use = f"{use}, {used} ago" if use and used else "-"
        left = age(row.lifetime.get("expiresAt"), until=True) or "-"
        known = (since, memory, _owner(row), left, last_use)
        cells = (project, namespace, shown, pid, ports, *known, root)
        notes: list[list[str | Span]] = []
        if row.ended is not None:
            ago = short_age(time.time() - row.ended.ended_s)
            notes.append([Span(f"ended {ago} ago: {row.ended.because}", "dim")])
        lines.append((cells, notes))
    Drawing(no_color=no_color).table(columns, lines)


def _owner(row: Row) -> str:
    owner = row.lifetime.get("owner")
    if not is_object(owner):
        return "-"
    owners = row.lifetime.get("owners")
    more = len(owners) - 1 if is_list(owners) else 0
    text = f"{owner.get('command') or 'pid'} {owner.get('pid')}"
    return f"{text} +{more}" if more else text


def _below_home(path: str) -> str:
    """Return a path with `~` for the home folder."""
    home = os.environ.get("HOME", "").rstrip("/")
    return f"~{path[len(home) :]}" if home and path.startswith(f"{home}/") else path


def spans(ports: "Iterable[int]") -> str:
    """Format ports in ascending order, ranges as `30000-30003`; `-` for no ports."""
    found: list[list[int]] = []
    for port in sorted(set(ports)):
        if found and found[-1][1] == port - 1:
            found[-1][1] = port
        else:
            found.append([port, port])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in found) or "-"


def _running(*, asks: bool, by_memory: bool) -> list[Row]:
    """Return the running stacks.

    Args:
        asks: Whether to ask their supervisors for owner, end and last use.
        by_memory: Whether to ask them for their memory too.
    """
    stacks = all_stacks(os.environ)
    lifetimes: dict[str, dict[str, object]] = {}
    memory: dict[str, int] = {}
    if stacks and (asks or by_memory):
        from portweave.client.lifetimes import ask_each

        lifetimes = ask_each(stacks, "/supervisor/lifetime") if asks else {}
        answers = ask_each(stacks, "/supervisor/ps") if by_memory else {}
        memory = {tag: _memory(answer) for tag, answer in answers.items()}
    return [
        Row(
            stack.project,
            stack.namespace,
            stack.folder,
            state="running",
            ports=stack.ports,
            pid=stack.pid,
            gone=is_missing(stack),
            start=stack.start,
            lifetime=lifetimes.get(stack.tag, {}),
            rss_bytes=memory.get(stack.tag),
        )
        for stack in stacks
    ]


def _memory(answer: "dict[str, object]") -> int:
    amounts = (row.get("rssBytes") for row in rows_of(answer.get("services")))
    return sum(amount for amount in amounts if isinstance(amount, int))


def _with_ends(rows: list[Row]) -> list[Row]:
    """Return the rows with the ends of stacks, and rows for ended stacks without ports."""
    from portweave.supervisor.registry.ended_stacks import ended_stacks

    ends = {(one.root, one.namespace): one for one in ended_stacks(stacks_dir(os.environ))}
    found: list[Row] = []
    for row in rows:
        ended = ends.pop((row.root, row.namespace), None)
        found.append(row if row.state == "running" else replace(row, ended=ended))
    return found + [
        Row(one.project, one.namespace, one.root, state="ended", ports={}, ended=one)
        for one in ends.values()
    ]


def _stamp(wall_s: float) -> str:
    whole, milliseconds = divmod(int(wall_s * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


def _recorded(running: "set[tuple[str, str]]") -> list[Row]:
    """Return blocks without a running stack, except those that the next allocation would drop."""
    folder = leases_dir(os.environ)
    leases = {f"{folder}/{terms.lease_id}" for terms in scan(folder, time.time())[0]}
    found: list[Row] = []
    for entry in load(registry_path(os.environ)):
        key = entry.key
        root = key.worktree_root
        is_lease = root.startswith(f"{folder}/")
        holds = root in leases if is_lease else os.path.isdir(root)
        if not holds or (root, entry.namespace) in running:
            continue
        main_root = (key.git_common_dir or root).removesuffix("/.git")
        found.append(
            Row(
                "-" if is_lease else project_name(main_root),
                entry.namespace,
                root,
                state="lease" if is_lease else "idle",
                ports=entry.ports,
            )
        )
    return found


def _one_line(path: str) -> str:
    from portweave.encoding.json_text import quote

    return path if path.isprintable() else quote(path)
