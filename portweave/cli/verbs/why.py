"""`portweave why`: explain on one screen what is wrong with a service."""

import os

from portweave.allocator.git_queries import (
    GIT,
    look_environment,
)
from portweave.arguments.args import (
    Args,
    Operands,
)
from portweave.cli.verbs.ps import age
from portweave.client.client import ask
from portweave.client.verb_queries import (
    STACK,
    instance_of,
    names_of,
    rows_of,
    shown_line,
)
from portweave.encoding.json_text import (
    is_list,
    is_object,
    pretty,
)
from portweave.errors import NoStackError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = (STACK,)
USAGE = "[--json] SERVICE …"
OPERANDS = Operands("stacked", many=True)
HELP = """
Explain what is wrong with a service: the cause (a port in use, a missing command or module, a
crash, a dependency, …) and what to do. Then show its last lines, and the differences from its last
good run. If the service waits for another one, why explains that one. If no stack runs, it explains
how the service last ended.
"""
_MOST_FILES = 5


def run(args: Args) -> int:
    """Print the explanation."""
    names = names_of(args, at_least_one="in trouble")
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
        print("\n\n".join(_text(row) for row in answer))
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
    """Return files of a git worktree that were changed after a time, the newest first."""
    import subprocess
    from datetime import datetime

    since_s = datetime.fromisoformat(since).timestamp()
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        done = subprocess.run(
            [*GIT, "-C", folder, *words],
            env=look_environment(os.environ),
            capture_output=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    found: list[tuple[float, str]] = []
    for name in os.fsdecode(done.stdout).split("\0"):
        try:
            changed_s = os.stat(f"{folder}/{name}").st_mtime if name else 0.0
        except OSError:
            continue
        if changed_s > since_s:
            found.append((changed_s, name))
    return [name for _, name in sorted(found, reverse=True)]


def _text(row: "Mapping[str, object]") -> str:
    cause = row.get("cause")
    cause = cause if is_object(cause) else {}
    chain = row.get("chain")
    names = [str(name) for name in chain] if is_list(chain) else []
    lines = [f"{instance_of(row)} is {row.get('state')}"]
    if len(names) > 1:
        lines.append(f"  it waits for {', which waits for '.join(names[1:])}")
        culprit = row.get("culprit")
        if is_object(culprit):
            lines.append(f"  {names[-1]} is {culprit.get('state')}")
    if cause.get("kind") == "none":
        return "\n".join([*lines, f"  {cause.get('text')}"])
    lines.append(f"  {_told(str(cause.get('kind')), str(cause.get('text')))}")
    if cause.get("hint"):
        lines.append(f"  hint: {cause.get('hint')}")
    last = row.get("lastLines")
    if is_list(last) and last:
        lines += ["", "last lines:"]
        lines += [f"  {names[-1] if names else ''} | {shown_line(line)}" for line in last]
    lines += _since(row)
    return "\n".join(lines)


def _told(kind: str, text: str) -> str:
    """Return a cause's text, after its kind if the text does not contain it."""
    words = text.lower().replace(" ", "")
    return text if all(word in words for word in kind.split()) else f"{kind}: {text}"


def _since(row: "Mapping[str, object]") -> list[str]:
    good, found = row.get("lastGoodAt"), row.get("differences")
    if not isinstance(good, str):
        return []
    changes = [str(text) for text in found] if is_list(found) else []
    files = row.get("changedFiles")
    names = [str(name) for name in files] if is_list(files) else []
    if names:
        more = f" and {len(names) - _MOST_FILES} more" if len(names) > _MOST_FILES else ""
        changes.append(f"files: {', '.join(names[:_MOST_FILES])}{more}")
    head = f"since it last was ready, {age(good)} ago"
    if not changes:
        return ["", f"{head}: nothing has changed that portweave knows of"]
    return ["", f"{head}:", *(f"  {text}" for text in changes)]
