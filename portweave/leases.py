"""Ports for a while: blocks that belong to a process, not to a worktree.

    lease = take_lease(3, ttl_s=600)
    try:
        serve(lease.ports)
    finally:
        release(lease.id)

A lease ends when it is released, when its owner ends, or when its time is up, whichever comes
first. Nothing runs meanwhile: who next wants ports takes those back that nobody holds any more.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from portweave.allocator import lease_folders
from portweave.allocator.ports.assign import (
    Request,
    chosen_pool,
)
from portweave.allocator.ports.blocks import (
    give_back,
    take,
)
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.errors import LeaseUnknownError, StateUnwritableError, UsageError
from portweave.procfiles.load import anonymous
from portweave.system.files import remove_all
from portweave.system.processes import (
    command_of,
    executable_of,
    parent_of,
    started_at,
)

TTL_S = 30 * 60.0
_PREFIX = "lease-"


@dataclass(frozen=True, slots=True)
class Lease:
    """A block of ports for a while.

    Attributes:
        id: What it is released by.
        ports: In ascending order, one behind the other.
        expires_s: When its time is up, in seconds since 1970.
        owner_pid: The process that it ends with.
    """

    id: str
    ports: tuple[int, ...]
    expires_s: float
    owner_pid: int

    @property
    def expires_at(self) -> str:
        """When its time is up, as `2026-01-31T12:34:56Z`."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.expires_s))

    def as_json(self) -> dict[str, object]:
        """It as `portweave lease` prints it, without `schemaVersion`."""
        return {
            "id": self.id,
            "ports": list(self.ports),
            "start": self.ports[0] if self.ports else None,
            "expiresAt": self.expires_at,
            "owner": {"pid": self.owner_pid, "command": command_of(self.owner_pid)},
        }


def take_lease(
    count: int = 1,
    ttl_s: float = TTL_S,
    *,
    owner_pid: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Lease:
    """Take `count` ports that nobody else gets, for `ttl_s` seconds at the most.

    Args:
        count: 1 to 100.
        ttl_s: Above 0.
        owner_pid: The process whose end gives them back; this one by default.
        environ: Says where registry and state lie, and which pool to use; `os.environ` by default.

    Raises:
        DefinitionsInvalidError: There cannot be so many.
        PoolExhaustedError: There is no room for the block.
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Somebody else held it for too long.
        RegistryUnwritableError: It cannot be written.
        StateUnwritableError: The lease's folder cannot be written.
        UsageError: There is no such owner.
    """
    environ = os.environ if environ is None else environ
    names = [service.name for service in anonymous(count).services]
    pid = os.getpid() if owner_pid is None else owner_pid
    start = started_at(pid)
    if start is None:
        raise UsageError(f"there is no process {pid} that could own a lease")
    pool, _ = chosen_pool(environ.get("PORTWEAVE_POOL_RANGE", ""))
    lease_id = f"{_PREFIX}{os.urandom(4).hex()}"
    terms = lease_folders.LeaseTerms(lease_id, time.time() + ttl_s, pid, start)
    folder = lease_folders.leases_dir(environ)
    try:
        root = lease_folders.make(folder, terms)
    except OSError as error:
        raise StateUnwritableError(folder, error.strerror or str(error)) from error
    try:
        request = Request(Key(None, lease_id, root), names, pool)
        entry = take(registry_path(environ), request, environ).entry
    except BaseException:
        remove_all(root)
        raise
    return Lease(lease_id, tuple(sorted(entry.ports.values())), terms.expires_s, pid)


def release(lease_id: str, environ: Mapping[str, str] | None = None) -> None:
    """Give the ports of a lease back before its end.

    Raises:
        LeaseUnknownError: There is no such lease, or none any more.
        RegistryDamagedError: The registry cannot be read; the ports are given back all the same.
        RegistryLockedError: Somebody else held it for too long; likewise.
        RegistryUnwritableError: It cannot be written; likewise.
        StateUnwritableError: The lease's folder cannot be removed.
    """
    environ = os.environ if environ is None else environ
    root = f"{lease_folders.leases_dir(environ)}/{lease_id}"
    if not _is_id(lease_id) or not os.path.isdir(root):
        raise LeaseUnknownError(lease_id)
    try:
        # From here on they are free, whatever becomes of us.
        remove_all(root)
    except FileNotFoundError:  # it was over, and somebody has just found out
        raise LeaseUnknownError(lease_id) from None
    except OSError as error:
        raise StateUnwritableError(root, error.strerror or str(error)) from error
    give_back(registry_path(environ), lambda key: key.worktree_root == root, environ)


def holding(environ: Mapping[str, str] | None = None) -> list[Lease]:
    """All leases of this user that hold, those that end first in front.

    Raises:
        RegistryDamagedError: The registry cannot be read.
    """
    environ = os.environ if environ is None else environ
    folder = lease_folders.leases_dir(environ)
    ports = {entry.key.worktree_root: entry.ports for entry in load(registry_path(environ))}
    found = [
        Lease(
            terms.lease_id,
            tuple(sorted(ports[root].values())),
            terms.expires_s,
            terms.owner_pid,
        )
        for terms in lease_folders.look(folder, time.time())[0]
        # One without a block is being taken, or given back, at this moment.
        if (root := f"{folder}/{terms.lease_id}") in ports
    ]
    return sorted(found, key=lambda lease: lease.expires_s)


def asker() -> int:
    """The process that asked for this command: its parent, but of a sub-shell the shell itself.

    The sub-shell of `ports=$(portweave lease | jq .start)` ends with the command, and the script
    that goes on to use the ports is what forked it. It has not called execve(2), so it still shows
    the program and the words of the one that did.
    """
    pid = os.getppid()
    while (parent := parent_of(pid)) > 1 and _face(parent) == _face(pid):
        pid = parent
    return pid


def _face(pid: int) -> tuple[str, str]:
    return executable_of(pid), command_of(pid)


def _is_id(text: str) -> bool:
    rest = text.removeprefix(_PREFIX)
    return rest != text and rest.isascii() and rest.isalnum()
