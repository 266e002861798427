"""`portweave prune`: give a worktree's ports back."""

import os
import sys

from portweave.allocator.blocks import give_back
from portweave.allocator.model import Key
from portweave.allocator.naming import offset_from
from portweave.allocator.registry import registry_path
from portweave.allocator.worktree import locate
from portweave.args import Args, Option
from portweave.errors import NoAllocationError, OffsetError, UsageError
from portweave.prepare import working_dir
from portweave.procfiles.load import DOCUMENTS, PROCFILES

OPTIONS = (Option("--path", metavar="DIR", about="the worktree, in place of this one"),)
USAGE = "[--path DIR]"
HELP = "Give the ports of this worktree back to the pool. Running services are not stopped."


def run(args: Args) -> int:
    """Remove the worktree's block from the registry."""
    if args.operands:
        raise UsageError(f"unexpected argument '{args.operands[0]}'")
    try:
        offset_from(os.environ.get("PORTWEAVE_OFFSET", ""))
    except ValueError as error:
        raise OffsetError(str(error)) from None
    folder = os.path.normpath(os.path.join(working_dir(), args.text("path") or "."))
    worktree = locate(folder, os.environ)
    roots = {worktree.root}
    if worktree.git_common_dir is None:
        roots = {worktree.root, _definitions_folder(worktree.root)}
    gone = not os.path.isdir(folder)

    def belongs(key: Key) -> bool:
        if gone:
            # Whatever it was, git cannot be asked about it any more.
            return key.worktree_root == folder
        return (
            key.worktree_root in roots
            and key.git_common_dir == worktree.git_common_dir
            and key.namespace == worktree.namespace
        )

    removed = give_back(registry_path(os.environ), belongs, os.environ)
    if not removed:
        raise NoAllocationError("no allocation for this worktree — nothing to prune")
    root = removed[0].key.worktree_root
    print(f"[portweave] pruned allocation for {root}", file=sys.stderr)
    return 0


def _definitions_folder(folder: str) -> str:
    """The root of a project outside git: the folder, or one above it, with a definition file."""
    above = folder
    while True:
        if any(os.path.exists(f"{above}/{name}") for name in (*DOCUMENTS, *PROCFILES)):
            return above
        parent = os.path.dirname(above)
        if parent == above:
            return folder
        above = parent
