"""Find worktrees whose folder was moved while their stack runs: they keep names and ports."""

import os

from portweave import errors
from portweave.allocator.ports.blocks import find_entry
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.allocator.state_folder import is_unusual, state_dir
from portweave.allocator.worktree import Worktree, locate

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.supervisor.registry.stack_records import StackRecord


def find_here(folder: str, environ: "Mapping[str, str]") -> Worktree:
    """Find the worktree of a folder; if its `.git` is broken, find it by its running stack.

    Args:
        folder: The folder, absolute.
        environ: As for `locate`.

    Raises:
        BrokenWorktreeError: Its `.git` names a missing repository, and none of its stacks runs.
    """
    try:
        return locate(folder, environ)
    except errors.BrokenWorktreeError:
        # Imported here, as it is seldom needed.
        from portweave.supervisor.registry.stack_records import stack_around, stacks_dir

        stack = stack_around(stacks_dir(environ), os.path.realpath(folder), environ)
        if stack is None:
            raise
    key = _key_of(stack, environ) or Key(None, stack.namespace, stack.root)
    common_dir = key.git_common_dir
    main_root = stack.root if common_dir is None else common_dir.removesuffix("/.git") or "/"
    return Worktree(stack.root, common_dir, main_root, stack.namespace, key)


def as_running(worktree: Worktree, environ: "Mapping[str, str]") -> Worktree:
    """Return the worktree as its stack knows it, if its folder was moved while the stack runs.

    Args:
        worktree: The worktree, from its files.
        environ: The variables of the user. They name the state folder.

    Returns:
        The worktree with that stack's namespace and key; unchanged if there is no such stack.

    Raises:
        StackMovedError: A stack of another worktree runs, which was moved away from this folder.
    """
    root = worktree.root
    if worktree.registered is not None:
        return worktree
    stacks = f"{state_dir(environ)}/stacks"
    if not is_unusual(stacks, root):
        return worktree
    # Imported here, as it is seldom needed.
    from portweave.supervisor.registry.moved_folder import (
        check_not_replaced,
        moved_here,
    )

    moved = moved_here(stacks, root, environ)
    if moved is None or moved[1] != root:
        check_not_replaced(stacks, root, worktree.namespace)
        return worktree
    stack = moved[0]
    # A folder that was moved with its repository now has another common folder.
    key = _key_of(stack, environ) or Key(worktree.git_common_dir, stack.namespace, stack.root)
    return Worktree(root, worktree.git_common_dir, worktree.main_root, stack.namespace, key)


def _key_of(stack: "StackRecord", environ: "Mapping[str, str]") -> Key | None:
    """Return the registry's key of a stack; None if the registry has none."""
    for entry in load(registry_path(environ)):
        if entry.key.worktree_root == stack.root and entry.key.namespace == stack.namespace:
            return entry.key
    return None


def find_block(path: str, worktree: Worktree, environ: "Mapping[str, str]") -> Entry | None:
    """Return the block that a worktree has, or None. This allocates nothing.

    Args:
        path: The path of the registry.
        worktree: The worktree, from `as_running`.
        environ: The variables of the user. They name the state folder.

    Raises:
        RegistryDamagedError: The registry cannot be read.
    """
    key = worktree.key
    entry = find_entry(path, key, environ)
    if entry is not None or worktree.registered is None:
        return entry
    # Another tool removed the entry of the missing folder, but the stack still runs.
    from portweave.supervisor.registry.stack_records import read_record, stack_key, stacks_dir

    record = read_record(stacks_dir(environ), stack_key(key.worktree_root, key.namespace))
    return None if record is None else Entry(key, "", key.namespace, dict(record.ports))


def running_block(
    path: str, worktree: Worktree, names: "Sequence[str]", environ: "Mapping[str, str]"
) -> Entry:
    """Return the block of a stack whose folder was moved while it runs.

    Args:
        path: The path of the registry.
        worktree: The worktree, from `as_running`.
        names: Names of the instances that need a port.
        environ: The variables of the user. They name the state folder.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        StackMovedError: An instance has no port in the block, and cannot get one.
    """
    entry = find_block(path, worktree, environ)
    if entry is None or any(name not in entry.ports for name in names):
        raise errors.StackMovedError(worktree.namespace, worktree.key.worktree_root, worktree.root)
    return entry
