"""What the verbs share that add pieces to files of a project."""

import os
import sys

from portweave.agents.file_changes import Change, ProjectFiles
from portweave.agents.file_piece import FOREIGN, MISSING, OLDER
from portweave.allocator.git_queries import GIT, look_environment
from portweave.client.verb_queries import say
from portweave.errors import UsageError
from portweave.planning.project import find_worktree, working_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portweave.agents.file_piece import Piece
    from portweave.allocator.worktree import Worktree
    from portweave.arguments.args import Args


def find_files() -> "tuple[ProjectFiles, Worktree]":
    """Return the files of the worktree of the working directory, and the worktree."""
    worktree = find_worktree(working_dir(), None, os.environ)
    return ProjectFiles(worktree.root), worktree


def git_hooks_folder(worktree: "Worktree") -> str:
    """Return the folder of git's hooks.

    Raises:
        UsageError: There is no repository, or the user has chosen another folder.
    """
    import subprocess

    if worktree.git_common_dir is None:
        raise UsageError(f"{worktree.root} is no git worktree, so it has no hooks")
    done = subprocess.run(
        [*GIT[:3], "-C", worktree.root, "config", "--get", "core.hooksPath"],
        env=look_environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    if chosen := done.stdout.strip():
        raise UsageError(
            f"git's hooks come from core.hooksPath, {chosen}; nothing is written there",
            hint="call portweave integrate git --hook setup in its post-checkout",
        )
    return os.path.join(worktree.git_common_dir, "hooks")


def act(args: "Args", files: ProjectFiles, pieces: "Sequence[Piece]", *, shows: bool) -> int:
    """Add, remove, check or show pieces; return the exit status.

    Args:
        args: The command line.
        files: The files of the project.
        pieces: The pieces.
        shows: Whether to show the changes, and write nothing.

    Raises:
        UsageError: Two options exclude each other.
    """
    given = [f"--{name}" for name in ("print", "write", "remove", "check") if args.flag(name)]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} are mutually exclusive")
    difference = ""
    if shows or args.flag("check"):
        changes = files.check(pieces)
    elif args.flag("remove"):
        changes = files.drop(pieces)
    else:
        changes = files.put(pieces)
    if shows:
        files.put(pieces)
        difference = files.difference()
    elif not args.flag("check"):
        files.write()
    _tell(args, changes, difference, shows=shows)
    is_due = any(change.state in (MISSING, OLDER) for change in changes)
    return 1 if args.flag("check") and is_due else 0


def _tell(args: "Args", changes: "Sequence[Change]", difference: str, *, shows: bool) -> None:
    if args.flag("json"):
        from portweave.encoding.json_text import pretty

        rows = [one.as_json() for one in changes]
        data = {"schemaVersion": 1, "changes": rows, "diff": difference}
        sys.stdout.write(pretty(data) + "\n")
        return
    sys.stdout.write(difference)
    for change in changes:
        # The difference above shows what would be written.
        if not shows or change.state not in (MISSING, OLDER):
            say(change.line())
    if any(change.state == FOREIGN for change in changes) and not args.flag("remove"):
        text = "what is not portweave's own stays; docs/agents.md shows what to add by hand"
        say(f"hint: {text}")
