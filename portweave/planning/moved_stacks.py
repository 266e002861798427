"""Find worktrees whose folder was moved while their stack runs: they keep names and ports.

Imported only for such a worktree, as it needs the records of stacks.
"""

import os

from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.allocator.worktree import Worktree
from portweave.supervisor.registry.moved_folder import (
    check_not_replaced,
    moved_here,
)
from portweave.supervisor.registry.stack_records import (
    read_record,
    stack_around,
    stack_key,
    stacks_dir,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.supervisor.registry.stack_records import StackRecord


def find_by_stack(folder: str, environ: "Mapping[str, str]") -> Worktree | None:
    """Find the worktree of a folder with a broken `.git` by its running stack; None without one.

    Args:
        folder: The folder, absolute.
        environ: The variables of the user. They name the state folder.
    """
    stack = stack_around(stacks_dir(environ), os.path.realpath(folder), environ)
    if stack is None:
        return None
    key = _key_of(stack, environ) or Key(None, stack.namespace, stack.root)
    common_dir = key.git_common_dir
    main_root = stack.root if common_dir is None else common_dir.removesuffix("/.git") or "/"
    return Worktree(stack.root, common_dir, main_root, stack.namespace, key, stack.project)


def as_moved(worktree: Worktree, environ: "Mapping[str, str]") -> Worktree:
    """Return the worktree as its stack knows it, if its folder was moved while the stack runs.

    Args:
        worktree: The worktree, from its files.
        environ: The variables of the user. They name the state folder.

    Returns:
        The worktree with that stack's namespace, key and project; unchanged without such a stack.

    Raises:
        StackMovedError: A stack of another worktree runs, which was moved away from this folder.
    """
    root, stacks = worktree.root, stacks_dir(environ)
    moved = moved_here(stacks, root, environ)
    if moved is None or moved[1] != root:
        check_not_replaced(stacks, root, worktree.namespace)
        return worktree
    stack = moved[0]
    # A folder that was moved with its repository now has another common folder.
    key = _key_of(stack, environ) or Key(worktree.git_common_dir, stack.namespace, stack.root)
    common_dir, main_root = worktree.git_common_dir, worktree.main_root
    return Worktree(root, common_dir, main_root, stack.namespace, key, stack.project)


def _key_of(stack: "StackRecord", environ: "Mapping[str, str]") -> Key | None:
    """Return the registry's key of a stack; None if the registry has none."""
    for entry in load(registry_path(environ)):
        if entry.key.worktree_root == stack.root and entry.key.namespace == stack.namespace:
            return entry.key
    return None


def block_of_stack(key: Key, environ: "Mapping[str, str]") -> Entry | None:
    """Return the block of a running stack, by its record; None if there is no such stack.

    Args:
        key: The stack's key in the registry, where another tool has removed it.
        environ: The variables of the user. They name the state folder.
    """
    record = read_record(stacks_dir(environ), stack_key(key.worktree_root, key.namespace))
    return None if record is None else Entry(key, "", key.namespace, dict(record.ports))
