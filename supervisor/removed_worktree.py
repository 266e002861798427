"""Release what a worktree has on this machine after its folder was removed: its block of ports."""

import os

from portweave.allocator.ports.blocks import release_blocks
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import registry_path
from portweave.errors import PortweaveError


def release(root: str, namespace: str) -> list[str]:
    """Release the block of a removed worktree.

    Args:
        root: Where its folder was.
        namespace: Of its stack.

    Returns:
        Why something could not be released, one text for each.
    """

    def belongs(key: Key) -> bool:
        return key.worktree_root == root and key.namespace == namespace

    try:
        release_blocks(registry_path(os.environ), belongs, os.environ)
    except PortweaveError as error:
        return [error.message]
    return []
