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
from portweave.client.verb_queries import say
from portweave.encoding.value import value
from portweave.errors import UsageError
from portweave.supervisor.registry.moved_folder import is_missing

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OPTIONS = (Option("-a", "--all", about="also worktrees and leases with ports"),)
USAGE = "[--all] [--json]"
HELP = """
Show the running stacks of all projects and worktrees on this machine: project, namespace, state,
pid, ports, worktree. --all adds worktrees (idle) and leases (lease) that have ports without a
running stack.

A terminal also shows since when a stack runs, and a narrow one shows fewer columns. On a pipe
there is no heading, and tabs separate the fields.
"""


@value
class Row:
    """A stack, or a block of ports without a stack.

    Attributes:
        project: The project's name.
        namespace: The worktree's namespace.
        root: The worktree's root, or a lease's folder.
        state: `running`, `idle` or `lease`.
        pid: Pid of the stack's guardian; None if no stack runs.
        ports: The port by instance.
        gone: Whether the stack runs, but its folder was deleted, moved or replaced.
        start: When the stack's guardian began, as `processes.started_at` returns it.
    """

    project: str
    namespace: str
    root: str
    state: str
    ports: "Mapping[str, int]"
    pid: int | None = None
    gone: bool = False
    start: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the row as an object of `ls --json`."""
        return {
            "project": self.project,
            "namespace": self.namespace,
            "worktreeRoot": self.root,
            "state": self.state,
            "pid": self.pid,
            "ports": dict(self.ports),
            "gone": self.gone,
        }

    def cells(self) -> tuple[str, ...]:
        """Return the row as cells of a table."""
        pid = "-" if self.pid is None else str(self.pid)
        fields = (self.project, self.namespace, self.state, pid, spans(self.ports.values()))
        return *fields, _one_line(self.root)


def run(args: Args) -> int:
    """Print the stacks."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    rows = _running()
    if args.flag("all"):
        rows += _recorded({(row.root, row.namespace) for row in rows})
    rows.sort(key=lambda row: (row.project, row.namespace != "main", row.namespace, row.root))
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
    from portweave.cli.verbs.ps import short_age
    from portweave.encoding.table_columns import Column
    from portweave.encoding.text_style import Span
    from portweave.system.processes import age_s

    columns = (
        Column("PROJECT"),
        Column("NAMESPACE"),
        Column("STATE", rank=1),
        Column("PID", rank=5, right=True),
        Column("PORTS", rank=2),
        Column("SINCE", rank=4, right=True, optional=True),
        Column("WORKTREE", rank=3),
    )
    lines: list[tuple[tuple[str | Span, ...], tuple[()]]] = []
    for row in rows:
        project, namespace, state, pid, ports, _ = row.cells()
        since = short_age(age_s(row.start)) if row.start else "-"
        shown: str | Span = state
        if row.pid is not None:
            # The colours of states are those of services.
            shown = Span(state, "failed" if row.gone else "ready")
        # A lease's folder is portweave's own.
        root = "-" if row.state == "lease" else _one_line(_below_home(row.root))
        lines.append(((project, namespace, shown, pid, ports, since, root), ()))
    Drawing(no_color=no_color).table(columns, lines)


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


def _running() -> list[Row]:
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
        )
        for stack in all_stacks(os.environ)
    ]


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
