"""What the records of running stacks say of a folder, without reading them as JSON.

Most commands look here once, so this costs a read for each record, and imports nothing more.
"""

import os

from portweave.allocator.naming import path_digest
from portweave.system.files import read_all

# How the key of a stack's files ends.
KEY_DIGITS = 12
# What the key of a cluster's begins with; the number of its process follows.
CLUSTER = "cluster-"


def stack_key(root: str, namespace: str) -> str:
    """The name under which a stack's files lie: readable, and different for different worktrees."""
    return f"{namespace}-{path_digest(root)[:KEY_DIGITS]}"


def place_mark(folder: "str | int") -> str:
    """Device and inode of a folder, as text; empty where it does not exist.

    Args:
        folder: A path, or a descriptor.
    """
    try:
        found = os.stat(folder)
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}"


def is_unusual(stacks: str, root: str) -> bool:
    """Whether some record may be of a stack whose folder was moved to `root`, or away from it.

    Args:
        stacks: The folder of the records.
        root: Absolute.
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
        # A stack of this path began in another folder, or one of another path in this folder.
        if name.endswith(own) != (here in text):
            return True
    return False
