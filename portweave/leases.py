"""Leases: blocks of ports that belong to a process for a limited time.

    lease = take_lease(3, ttl_s=600)
    try:
        serve(lease.ports)
    finally:
        release(lease.id)

A lease ends when it is released, when its owner ends, or when its time is up. Nothing runs
meanwhile: the next command that needs ports reclaims ended leases.
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
    allocate_block,
    release_blocks,
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
    """A block of ports for a limited time.

    Attributes:
        id: The id for `release`.
        ports: Consecutive ports in ascending order.
        expires_s: When its time is up, in seconds since 1970.
        owner_pid: The process whose end also ends the lease.
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
        """Return it as `portweave lease` prints it, without `schemaVersion`."""
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
    """Lease `count` ports for at most `ttl_s` seconds.

    Args:
        count: 1 to 100.
        ttl_s: Seconds, more than 0.
        owner_pid: The process whose end releases them; this one by default.
        environ: Names the registry, the state folder and the pool; `os.environ` by default.

    Returns:
        The lease; no other process gets its ports.

    Raises:
        DefinitionsInvalidError: `count` is out of range.
        PoolExhaustedError: The pool has no room for the block.
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Another process held the registry for too long.
        RegistryUnwritableError: The registry cannot be written.
        StateUnwritableError: The lease's folder cannot be written.
        UsageError: The owner does not exist.
    """
    environ = os.environ if environ is None else environ
    names = [service.name for service in anonymous(count).services]
    pid = os.getpid() if owner_pid is None else owner_pid
    start = started_at(pid)
    if start is None:
        raise UsageError(f"process {pid} does not exist, so it cannot own a lease")
    pool, _ = chosen_pool(environ.get("PORTWEAVE_POOL_RANGE", ""))
    lease_id = f"{_PREFIX}{os.urandom(4).hex()}"
    terms = lease_folders.LeaseTerms(lease_id, time.time() + ttl_s, pid, start)
    folder = lease_folders.leases_dir(environ)
    try:
        root = lease_folders.make_lease(folder, terms)
    except OSError as error:
        raise StateUnwritableError(folder, error.strerror or str(error)) from error
    try:
        request = Request(Key(None, lease_id, root), names, pool)
        entry = allocate_block(registry_path(environ), request, environ).entry
    except BaseException:
        remove_all(root)
        raise
    return Lease(lease_id, tuple(sorted(entry.ports.values())), terms.expires_s, pid)


def release(lease_id: str, environ: Mapping[str, str] | None = None) -> None:
    """Release the ports of a lease before its end.

    Raises:
        LeaseUnknownError: The lease does not exist, or has ended.
        RegistryDamagedError: The registry cannot be read; the ports are released all the same.
        RegistryLockedError: Another process held the registry for too long; likewise.
        RegistryUnwritableError: The registry cannot be written; likewise.
        StateUnwritableError: The lease's folder cannot be removed.
    """
    environ = os.environ if environ is None else environ
    root = f"{lease_folders.leases_dir(environ)}/{lease_id}"
    if not _is_id(lease_id) or not os.path.isdir(root):
        raise LeaseUnknownError(lease_id)
    try:
        # From here on the ports are free, even if this process is killed.
        remove_all(root)
    except FileNotFoundError:  # it had ended, and another process has just reclaimed it
        raise LeaseUnknownError(lease_id) from None
    except OSError as error:
        raise StateUnwritableError(root, error.strerror or str(error)) from error
    release_blocks(registry_path(environ), lambda key: key.worktree_root == root, environ)


def holding(environ: Mapping[str, str] | None = None) -> list[Lease]:
    """Return all valid leases of this user, ordered by expiry.

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
        for terms in lease_folders.scan(folder, time.time())[0]
        # A lease without a block is being created or released at this moment.
        if (root := f"{folder}/{terms.lease_id}") in ports
    ]
    return sorted(found, key=lambda lease: lease.expires_s)


def calling_process() -> int:
    """Return the process that ran this command: its parent, or for a sub-shell its shell.

    The sub-shell of `ports=$(portweave lease | jq .start)` ends with the command. The script goes
    on to use the ports; it forked the sub-shell, which has not called execve(2). So both show the
    same program and arguments.
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
