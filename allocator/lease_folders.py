"""Leases as folders: one below the state folder for each, which says whose it is and until when.

To the registry a lease is a worktree like any other, and the folder is its root. So whoever removes
the folder has given the ports back, in the eyes of npm portweave too, and nothing else has to be
written when an owner dies. A folder gets its name only when it is complete; one that does not say
whose it is has been removed in part, and is over.
"""

import os
import time

from portweave.encoding.json_read import loads
from portweave.encoding.json_write import (
    is_object,
    pretty,
)
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
# A folder without its name yet: its maker has been killed if it is still there after this time.
_UNFINISHED = ".new."
_UNFINISHED_S = 60


class LeaseTerms:
    """Whose a lease is, and until when.

    Attributes:
        lease_id: The name of its folder, and its namespace.
        expires_s: When it ends, in seconds since 1970.
        owner_pid: The process that it ends with.
        owner_start: When that process began, as `started_at` has it.
    """

    __slots__ = ("expires_s", "lease_id", "owner_pid", "owner_start")

    def __init__(self, lease_id: str, expires_s: float, owner_pid: int, owner_start: str) -> None:
        self.lease_id = lease_id
        self.expires_s = expires_s
        self.owner_pid = owner_pid
        self.owner_start = owner_start

    def is_over(self, now_s: float) -> bool:
        """Whether its time is up, or its owner has ended."""
        return now_s >= self.expires_s or started_at(self.owner_pid) != self.owner_start


def state_dir(environ: "Mapping[str, str]") -> str:
    """`$XDG_STATE_HOME/portweave`, else `~/.local/state/portweave`; not made by this."""
    base = environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        home = environ.get("HOME") or os.path.expanduser("~")
        base = f"{home.rstrip('/')}/.local/state"
    return f"{base.rstrip('/')}/portweave"


def leases_dir(environ: "Mapping[str, str]") -> str:
    """Where the folders of leases lie; not made by this."""
    # As git's answers and the kernel's are: one lease is not to have two names.
    return f"{os.path.realpath(state_dir(environ))}/leases"


def make(folder: str, terms: LeaseTerms) -> str:
    """Make the folder of a lease below `folder`; its path.

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
    """What the folder of a lease says; None where it says nothing that could be understood.

    Raises:
        OSError: It cannot be read, which does not mean that there is nothing.
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


def look(folder: str, now_s: float) -> "tuple[list[LeaseTerms], list[str]]":
    """The leases below `folder` that hold, and the paths of what is over."""
    holding: list[LeaseTerms] = []
    over: list[str] = []
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # nobody has ever taken one
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


def reclaim(environ: "Mapping[str, str]") -> list[str]:
    """Remove the folders of leases that are over; their paths.

    The registry drops their blocks when it is next written.
    """
    removed: list[str] = []
    for path in look(leases_dir(environ), time.time())[1]:
        try:
            remove_all(path)
        except OSError:  # somebody else was faster, or it is not ours
            continue
        removed.append(path)
    return removed
