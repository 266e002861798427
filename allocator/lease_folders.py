"""Leases as folders below the state folder: each names its owner and its end.

To the registry a lease is a worktree like any other, and the folder is its root. So removing the
folder returns the ports, for npm portweave too. Nothing needs to be written when an owner dies. A
folder gets its name only when it is complete. One without an owner was removed in part, and is
over.
"""

import os
import time

from portweave.allocator.state_folder import state_dir
from portweave.encoding.json_text import (
    is_object,
    loads,
    pretty,
)
from portweave.encoding.value import value
from portweave.system.files import (
    make_folders,
    read_all,
    remove_all,
    write_new,
)
from portweave.system.processes import started_at

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD = "lease.json"
_VERSION = 1
# The prefix of an unfinished folder. If it is old, the process that made it was killed.
_UNFINISHED = ".new."
_UNFINISHED_S = 60


@value
class LeaseTerms:
    """The owner and the end of a lease.

    Attributes:
        lease_id: The name of its folder, and its namespace.
        expires_s: When it ends, in seconds since 1970.
        owner_pid: The process that it ends with.
        owner_start: When that process began, as `started_at` returns it.
    """

    lease_id: str
    expires_s: float
    owner_pid: int
    owner_start: str

    def is_over(self, now_s: float) -> bool:
        """Whether its time is up, or its owner has ended."""
        return now_s >= self.expires_s or started_at(self.owner_pid) != self.owner_start


def leases_dir(environ: "Mapping[str, str]") -> str:
    """The folder of all leases. It need not exist."""
    # Resolved, like the answers of git and the kernel: a lease must not have two names.
    return f"{os.path.realpath(state_dir(environ))}/leases"


def make_lease(folder: str, terms: LeaseTerms) -> str:
    """Make the folder of a lease, and return its path.

    Args:
        folder: The folder of all leases.
        terms: The lease.

    Raises:
        OSError: It cannot be written.
    """
    make_folders(folder)
    unfinished = f"{folder}/{_UNFINISHED}{os.getpid()}.{terms.lease_id}"
    os.mkdir(unfinished, 0o700)
    path = f"{folder}/{terms.lease_id}"
    try:
        record = {
            "schemaVersion": _VERSION,
            "expiresAtMs": int(terms.expires_s * 1000),
            "owner": {"pid": terms.owner_pid, "start": terms.owner_start},
        }
        write_new(f"{unfinished}/{RECORD}", f"{pretty(record)}\n".encode())
        os.rename(unfinished, path)
    except BaseException:
        remove_all(unfinished)
        raise
    return path


def read(path: str) -> LeaseTerms | None:
    """The terms in the folder of a lease; None if there are none that can be understood.

    Raises:
        OSError: It cannot be read, so there may be some.
    """
    try:
        record = loads(read_all(f"{path}/{RECORD}").decode())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not is_object(record):
        return None
    version, owner = record.get("schemaVersion"), record.get("owner")
    if isinstance(version, int) and version > _VERSION:
        raise OSError(f"{path} was made by a later version")
    if not is_object(owner):
        return None
    expires_ms, pid, start = record.get("expiresAtMs"), owner.get("pid"), owner.get("start")
    if not (isinstance(expires_ms, int) and isinstance(pid, int) and isinstance(start, str)):
        return None
    return LeaseTerms(os.path.basename(path), expires_ms / 1000, pid, start)


def scan(folder: str, now_s: float) -> "tuple[list[LeaseTerms], list[str]]":
    """The valid leases below `folder`, and the paths of those that are over."""
    holding: list[LeaseTerms] = []
    over: list[str] = []
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # there has never been a lease
        return holding, over
    for name in names:
        path = f"{folder}/{name}"
        try:
            if name.startswith("."):
                if now_s - os.lstat(path).st_mtime > _UNFINISHED_S:
                    over.append(path)
                continue
            terms = read(path)
        except OSError:
            continue
        if terms is None or terms.is_over(now_s):
            over.append(path)
        else:
            holding.append(terms)
    return holding, over


def remove_expired(environ: "Mapping[str, str]") -> list[str]:
    """Remove the folders of leases that are over, and return their paths.

    The registry drops their blocks at its next change.
    """
    removed: list[str] = []
    for path in scan(leases_dir(environ), time.time())[1]:
        try:
            remove_all(path)
        except OSError:  # another process was faster, or has another user
            continue
        removed.append(path)
    return removed
