"""`portweave why`: explain on one screen what is wrong with a service."""

import os
import sys
import time

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.verbs.ps import age
from portweave.client.client import ask
from portweave.client.verb_queries import (
    STACK,
    names_of,
    rows_of,
)
from portweave.client.why_text import lines_of
from portweave.encoding.json_text import (
    is_object,
    pretty,
)
from portweave.encoding.text_style import plain
from portweave.errors import NoStackError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.cli.terminal_drawing import Drawing

OPTIONS = (
    Option("--last", metavar="N", about="the last N failed runs, in short"),
    Option("--run", metavar="N", about="one failed run: its number, as of logs --run"),
    STACK,
)
USAGE = "[--last N | --run N] [--json] SERVICE …"
OPERANDS = Operands("stacked", many=True)
HELP = """
Explain what is wrong with a service: the cause (a port in use, a missing command or module, a
crash, a dependency, …) and what to do. Then show its last lines, and the differences from its last
good run. If the service waits for another one, why explains that one. If no stack runs, it explains
how the service last ended.

--last and --run show what is kept of failed runs, at most 20 of each service: exit, cause, last
lines, commit, branch, files changed since the last good run, names of variables. No stack need run.
"""


def run(args: Args) -> int:
    """Print the explanation."""
    names = names_of(args, at_least_one="in trouble")
    if args.text("last") is not None or args.text("run") is not None:
        from portweave.cli.failed_runs import failed_runs_text

        print(failed_runs_text(args, names))
        return 0
    try:
        answer = rows_of(ask(args, os.environ, "/supervisor/why", names))
    except NoStackError:
        if args.text("stack") is not None:
            raise
        answer = [_remembered(name) for name in names]
    for row in answer:
        good = row.get("lastGoodAt")
        folder = row.pop("workingDir", None)
        row["changedFiles"] = (
            list(_changed_files(str(folder), good)) if isinstance(good, str) and folder else []
        )
    if args.flag("json"):
        print(pretty({"schemaVersion": 1, "services": list(answer)}))
    else:
        _print(answer, refuses_colours=args.flag("no_color"))
    return 0


def _remembered(name: str) -> "dict[str, object]":
    """Return how a service ended when the stack last ran.

    Raises:
        NoStackError: portweave knows nothing of the service.
    """
    from portweave.planning.project import find_worktree, working_dir
    from portweave.supervisor.reporting.run_history import RunHistory

    worktree = find_worktree(working_dir(), None, os.environ)
    root = worktree.root
    known = RunHistory(root, worktree.namespace).read(name)
    end, good = known.get("end"), known.get("good")
    if not is_object(end) and not is_object(good):
        raise NoStackError(f"in {root}, and nothing is known of {name}")
    cause: object = {"kind": "not running", "text": "no stack is running; it had ended well"}
    lines: object = []
    at = good.get("at") if is_object(good) else None
    if is_object(end) and str(end.get("at")) > str(at or ""):
        cause, lines = end.get("cause"), end.get("lastLines")
    return {
        "name": name,
        "state": "stopped",
        "chain": [name],
        "cause": cause,
        "lastLines": lines,
        "lastGoodAt": at,
        "differences": [],
        "workingDir": root,
    }


def _changed_files(folder: str, since: str) -> list[str]:
    """Return files that were changed after a time, the newest first."""
    from datetime import datetime

    from portweave.allocator.changed_files import changed_files

    since_s = datetime.fromisoformat(since).timestamp()
    return [name for _, name in changed_files(folder, since_s)]


def _print(rows: "list[dict[str, object]]", *, refuses_colours: bool) -> None:
    """Print explanations: wrapped on a terminal, plain sentences on a pipe."""
    drawing = _drawing(refuses_colours=refuses_colours) if sys.stdout.isatty() else None
    for number, row in enumerate(rows):
        if number:
            print()
        good = row.get("lastGoodAt")
        for line in lines_of(row, now_s=time.time(), good_age=age(good)):
            if drawing is not None:
                drawing.text(line.parts, indent=line.hang, first=line.indent)
            else:
                print((" " * line.indent + plain(line.parts)).rstrip())


def _drawing(*, refuses_colours: bool) -> "Drawing":
    from portweave.cli.terminal_drawing import Drawing

    return Drawing(no_color=refuses_colours)
