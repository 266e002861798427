"""What is kept of failed runs, for `why --last` and `why --run`."""

import os
from time import localtime, strftime

from portweave.allocator.worktree import worktree_dir
from portweave.arguments.args import Args
from portweave.cli.option_values import whole_number_of
from portweave.client.client import find_stack
from portweave.client.dossier_text import full_lines, short_lines
from portweave.encoding.json_text import pretty
from portweave.encoding.timestamps import parse
from portweave.errors import NoStackError, UsageError
from portweave.planning.project import find_worktree, working_dir
from portweave.supervisor.reporting.crash_dossiers import read_dossiers


def failed_runs_text(args: Args, names: list[str]) -> str:
    """The failed runs that the options name, as lines or as JSON.

    Args:
        args: The command line.
        names: Services or instances.

    Raises:
        UsageError: Nothing is kept of such a run.
    """
    if args.text("last") is not None and args.text("run") is not None:
        raise UsageError("--last and --run are mutually exclusive")
    folder = _folder(args)
    last = whole_number_of(args.text("last"), "--last", 1)
    number = None if args.text("run") is None else whole_number_of(args.text("run"), "--run", 1)
    found: list[dict[str, object]] = []
    for name in _instances(folder, names):
        dossiers = read_dossiers(folder, name)
        if number is not None:
            kept = [str(one.get("run")) for one in dossiers]
            dossiers = [one for one in dossiers if one.get("run") == number]
            if not dossiers:
                runs = ", ".join(kept)
                raise UsageError(
                    f"nothing is kept of a failed run {number} of {name}",
                    hint=f"its failed runs: {runs}" if runs else "none of its runs has failed",
                )
        else:
            dossiers = dossiers[:last]
        found += dossiers
    if args.flag("json"):
        return pretty({"schemaVersion": 1, "runs": found})
    lines: list[str] = []
    for dossier in found:
        at_s = parse(str(dossier.get("at")), 0.0)
        when = strftime("%Y-%m-%d %H:%M:%S", localtime(at_s))
        lines += short_lines(dossier, when) if number is None else full_lines(dossier, when)
    return "\n".join(lines) or f"no failed run is kept of {', '.join(names)}"


def _instances(folder: str, names: list[str]) -> list[str]:
    """The instances with dossiers that names mean; a name without any stays."""
    try:
        kept = sorted(os.listdir(folder))
    except OSError:
        kept = []
    found: list[str] = []
    for name in names:
        some = [one for one in kept if name in (one, one.rpartition(".")[0])]
        found += [one for one in some if os.path.isdir(f"{folder}/{one}")] or [name]
    return list(dict.fromkeys(found))


def _folder(args: Args) -> str:
    """The folder of the notes on runs: of the running stack, or else of the worktree."""
    try:
        record = find_stack(args, os.environ)
    except NoStackError:
        if args.text("stack") is not None:
            raise
        worktree = find_worktree(working_dir(), args.text("config"), os.environ)
        return f"{worktree_dir(worktree.root, worktree.namespace)}/runs"
    return f"{worktree_dir(record.folder, record.namespace)}/runs"
