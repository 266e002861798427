"""The record of a worktree's `setup` hook: which version of it has run, and whether it finished.

The record is `.portweave/setup.json` in the worktree. `git clean -fdx` removes it together with
what `setup` has made, so `setup` runs again.
"""

import os
import time

from portweave.encoding.json_text import compact, is_object, loads
from portweave.encoding.value import value
from portweave.system.files import make_own_folder, read_all, replace


@value
class SetupRecord:
    """What is known of the last run of `setup`.

    Attributes:
        stamp: Identifies the commands and the contents of their inputs.
        finished: Whether the run ended well; false while it runs, and after it was interrupted.
        at_s: When it began or ended, in seconds since the epoch.
    """

    stamp: str
    finished: bool
    at_s: float


def read_setup(root: str) -> SetupRecord | None:
    """Read the record of a worktree; None if there is none, or it is damaged.

    Args:
        root: The worktree's root.
    """
    try:
        data: object = loads(read_all(_path(root)).decode())
    except (OSError, ValueError):
        return None
    if not is_object(data):
        return None
    stamp, finished, at_s = data.get("stamp"), data.get("finished"), data.get("at")
    if isinstance(stamp, str) and isinstance(finished, bool) and isinstance(at_s, (int, float)):
        return SetupRecord(stamp, finished, float(at_s))
    return None


def write_setup(root: str, stamp: str, *, finished: bool) -> None:
    """Write the record of a worktree.

    Args:
        root: The worktree's root.
        stamp: As in `SetupRecord`.
        finished: As in `SetupRecord`.

    Raises:
        OSError: It cannot be written.
    """
    path = _path(root)
    make_own_folder(os.path.dirname(path))
    data = {"schemaVersion": 1, "stamp": stamp, "finished": finished, "at": time.time()}
    replace(path, compact(data).encode())


def forget_setup(root: str) -> None:
    """Remove the record of a worktree, so that `setup` runs again."""
    try:
        os.unlink(_path(root))
    except FileNotFoundError:
        return


def _path(root: str) -> str:
    return f"{root.rstrip('/')}/.portweave/setup.json"
