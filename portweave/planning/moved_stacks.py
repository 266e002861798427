"""A worktree whose stack runs since before its folder was moved: its names and ports stay."""

import os

from portweave import errors
from portweave.allocator.lease_folders import state_dir
from portweave.allocator.ports.blocks import find
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.allocator.running_stacks import is_unusual
from portweave.allocator.worktree import Worktree, locate

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.supervisor.registry.stack_records import StackRecord


def find_here(folder: str, environ: "Mapping[str, str]") -> Worktree:
    """The worktree that a folder lies in; where its `.git` leads nowhere, that of its stack.

    Args:
        folder: Absolute.
        environ: As of `locate`.

    Raises:
        BrokenWorktreeError: Its `.git` leads nowhere, and no stack of it runs.
    """
    try:
        return locate(folder, environ)
    except errors.BrokenWorktreeError:
        # What is needed here is seldom needed.
        from portweave.supervisor.registry.stack_records import stack_around, stacks_dir

        stack = stack_around(stacks_dir(environ), os.path.realpath(folder), environ)
        if stack is None:
            raise
    key = _key_of(stack, environ) or Key(None, stack.namespace, stack.root)
    common_dir = key.git_common_dir
    main_root = stack.root if common_dir is None else common_dir.removesuffix("/.git") or "/"
    return Worktree(stack.root, common_dir, main_root, stack.namespace, key)


def as_running(worktree: Worktree, environ: "Mapping[str, str]") -> Worktree:
    """The worktree as its stack knows it, where the stack runs since before the folder was moved.

    Args:
        worktree: As its files tell.
        environ: Says where the state lies.

    Returns:
        It, with the namespace and the key of that stack; the same where there is none.

    Raises:
        StackMovedError: Another worktree's stack runs since it lay where this one does.
    """
    root = worktree.root
    if worktree.registered is not None:
        return worktree
    stacks = f"{state_dir(environ)}/stacks"
    if not is_unusual(stacks, root):
        return worktree
    # What looks closer is seldom needed.
    from portweave.supervisor.registry.moved_folder import (
        check_not_replaced,
        moved_here,
    )

    moved = moved_here(stacks, root, environ)
    if moved is None or moved[1] != root:
        check_not_replaced(stacks, root, worktree.namespace)
        return worktree
    stack = moved[0]
    # A folder that was moved with its repository has another common folder by now.
    key = _key_of(stack, environ) or Key(worktree.git_common_dir, stack.namespace, stack.root)
    return Worktree(root, worktree.git_common_dir, worktree.main_root, stack.namespace, key)


def _key_of(stack: "StackRecord", environ: "Mapping[str, str]") -> Key | None:
    """What the registry knows a stack by; None where it does not."""
    for entry in load(registry_path(environ)):
        if entry.key.worktree_root == stack.root and entry.key.namespace == stack.namespace:
            return entry.key
    return None


def find_block(path: str, worktree: Worktree, environ: "Mapping[str, str]") -> Entry | None:
    """The block that a worktree has, None where it has none; nothing is allocated.

    Args:
        path: The registry.
        worktree: From `as_running`.
        environ: Says where the state lies.

    Raises:
        RegistryDamagedError: The registry cannot be read.
    """
    key = worktree.key
    entry = find(path, key, environ)
    if entry is not None or worktree.registered is None:
        return entry
    # Another tool has dropped the entry of a folder that is gone, but the stack runs on.
    from portweave.supervisor.registry.stack_records import read_record, stack_key, stacks_dir

    record = read_record(stacks_dir(environ), stack_key(key.worktree_root, key.namespace))
    return None if record is None else Entry(key, "", key.namespace, dict(record.ports))


def running_block(
    path: str, worktree: Worktree, names: "Sequence[str]", environ: "Mapping[str, str]"
) -> Entry:
    """The block of a stack that runs since before its folder was moved.

    Args:
        path: The registry.
        worktree: From `as_running`.
        names: Instances that are to have a port.
        environ: Says where the state lies.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        StackMovedError: One of them has no port there, and gets none.
    """
    entry = find_block(path, worktree, environ)
    if entry is None or any(name not in entry.ports for name in names):
        raise errors.StackMovedError(worktree.namespace, worktree.key.worktree_root, worktree.root)
    return entry
