"""The state folder, and what the names and texts of its records of stacks tell without JSON.

Nearly every command needs this, so it imports little, and reads each record once at most.
"""

import os

from portweave.allocator.naming import path_digest
from portweave.system.files import read_all

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

# How many digits the key of a stack's files ends with.
KEY_DIGITS = 12
# The beginning of a cluster's key. The number of its process follows.
CLUSTER = "cluster-"


def state_dir(environ: "Mapping[str, str]") -> str:
    """`$XDG_STATE_HOME/portweave`, or `~/.local/state/portweave`. It need not exist."""
    base = environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        home = environ.get("HOME") or os.path.expanduser("~")
        base = f"{home.rstrip('/')}/.local/state"
    return f"{base.rstrip('/')}/portweave"


def stack_key(root: str, namespace: str) -> str:
    """The common name of a stack's files: readable, and different for different worktrees."""
    return f"{namespace}-{path_digest(root)[:KEY_DIGITS]}"


def has_stack_files(environ: "Mapping[str, str]") -> bool:
    """Whether there are records or journals of stacks, running or not."""
    try:
        names = os.listdir(f"{state_dir(environ)}/stacks")
    except OSError:
        return False
    return any(name.endswith((".json", ".journal")) for name in names)


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
