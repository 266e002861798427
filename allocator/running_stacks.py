"""Recognise moved folders by the records of running stacks, without reading them as JSON.

Most commands do this once. So it costs one read for each record, and few imports.
"""

import os

from portweave.allocator.naming import path_digest
from portweave.system.files import read_all

# How many digits the key of a stack's files ends with.
KEY_DIGITS = 12
# The beginning of a cluster's key. The number of its process follows.
CLUSTER = "cluster-"


def stack_key(root: str, namespace: str) -> str:
    """The common name of a stack's files: readable, and different for different worktrees."""
    return f"{namespace}-{path_digest(root)[:KEY_DIGITS]}"


def place_mark(folder: "str | int") -> str:
    """Device and inode of a folder, as text; empty if it does not exist.

    Args:
        folder: A path, or a descriptor.
    """
    try:
        found = os.stat(folder)
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}"


def is_unusual(stacks: str, root: str) -> bool:
    """Whether a record may be of a stack whose folder was moved to `root`, or away from it.

    Args:
        stacks: The folder of the records.
        root: An absolute path.
    """
    try:
        names = [name for name in os.listdir(stacks) if name.endswith(".json")]
    except OSError:
        return False
    mark = place_mark(root) if names else ""
    if not mark:
        return False
    here = f'"place": "{mark}"'.encode()
    own = f"-{path_digest(root)[:KEY_DIGITS]}.json"
    for name in names:
        try:
            text = read_all(f"{stacks}/{name}")
        except OSError:
            continue
        # The stack has this path and began in another folder, or the other way round.
        if name.endswith(own) != (here in text):
            return True
    return False
