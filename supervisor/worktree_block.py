"""Keep the registry of ports true for a worktree that was removed or moved while its stack runs."""

import os
from collections.abc import Callable

from portweave.allocator.ports.blocks import release_blocks, rename_root
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import registry_path
from portweave.errors import PortweaveError


def release(root: str, namespace: str) -> list[str]:
    """Release the block of a removed worktree.

    Args:
        root: Where its folder was.
        namespace: Of its stack.

    Returns:
        Why it could not be released; empty if it was.
    """
    path = registry_path(os.environ)
    return _try(lambda: release_blocks(path, _keys_of(root, namespace), os.environ))


def follow(root: str, namespace: str, new: str) -> list[str]:
    """Write the new root of a moved worktree to the registry. Its block and namespace stay.

    Args:
        root: Where its folder was.
        namespace: Of its stack.
        new: Where its folder is.

    Returns:
        Why it could not be written; empty if it was.
    """
    path = registry_path(os.environ)
    return _try(lambda: rename_root(path, _keys_of(root, namespace), root, new, os.environ))


def _keys_of(root: str, namespace: str) -> Callable[[Key], bool]:
    return lambda key: key.worktree_root == root and key.namespace == namespace


def _try(change: Callable[[], object]) -> list[str]:
    try:
        change()
    except PortweaveError as error:
        return [error.message]
    return []
