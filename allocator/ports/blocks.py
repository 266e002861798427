"""Allocate, find and release a worktree's block of ports."""

import os
import time

from portweave import errors
from portweave.allocator.naming import path_digest
from portweave.allocator.ports.assign import (
    Keep,
    Request,
    adopted,
    covers,
    entry_of,
    settle,
)
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import (
    load,
    load_again,
    store,
    sweep,
)
from portweave.encoding.value import value
from portweave.system.files import (
    is_locked,
    make_folders,
    sync_folder,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

# The last use of a block is stored to the hour: storing each use would cost more than the use.
_FRESH_S = 3600


@value
class TakenBlock:
    """The block that a worktree got.

    Attributes:
        entry: The block.
        reused: Whether the worktree had it before, with the same ports.
        unpinned: Whether it lies elsewhere than `PORTWEAVE_OFFSET` says, because it has a listener.
        former: The repository that the block belonged to before; None if it is the same, "" for a
            plain folder.
    """

    entry: Entry
    reused: bool
    unpinned: bool = False
    former: str | None = None


def find_entry(path: str, key: Key, environ: "Mapping[str, str]") -> Entry | None:
    """A worktree's block; None if it has none. This counts as a use of the block.

    Args:
        path: The registry.
        key: The worktree.
        environ: Says how long to wait for the lock.

    Raises:
        RegistryDamagedError: The registry cannot be read.
    """
    entry = entry_of(_adopted(load(path), key, environ)[0], key)
    if entry is not None:
        _note_use(path, entry, environ)
    return entry


def allocate_block(
    path: str,
    request: Request,
    environ: "Mapping[str, str]",
    *,
    is_running: "Callable[[], bool]" = lambda: False,
) -> TakenBlock:
    """Allocate a block to a worktree, or keep the one it has.

    Args:
        path: The registry.
        request: What the worktree needs.
        environ: Says how long to wait for the lock.
        is_running: Whether the worktree's stack runs. Then its services know their ports, whether
            they listen yet or not, and the block does not move.

    Raises:
        PinTakenError: `PORTWEAVE_OFFSET` names ports that are in use.
        PoolExhaustedError: There is no room for the block.
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Another process held the lock for too long.
        RegistryUnwritableError: The registry cannot be written.
    """
    known = load_again(path, b"", [])
    entry = entry_of(known[1], request.key)
    if entry is not None and covers(entry, request):
        _note_use(path, entry, environ)
        return TakenBlock(entry, reused=True)
    # Only an allocation needs leases and sockets.
    from portweave.allocator.lease_folders import remove_expired
    from portweave.allocator.ports.port_check import (
        is_free,
        listener,
    )
    from portweave.system.listeners import listening

    remove_expired(environ)

    def change(entries: list[Entry]) -> tuple[list[Entry], TakenBlock]:
        key = request.key
        entries, former = _adopted(entries, key, environ)
        in_use = _all if is_running() else listening
        step = settle(entries, request, listening=in_use, is_free=is_free)
        if isinstance(step, Keep):
            return entries, TakenBlock(
                step.entry, reused=True, unpinned=step.unpinned, former=former
            )
        entry = Entry(key, _now(), key.namespace, step.ports)
        taken = TakenBlock(entry, reused=False, unpinned=step.unpinned, former=former)
        return _replaced(entries, entry), taken

    try:
        return update(path, change, environ, known=known)
    except errors.PinTakenError as error:
        holder = listener(error.port) if error.by_listener and error.port else None
        if holder is None:
            raise
        raise errors.PinTakenError(error.message, port=error.port, holder=str(holder)) from None


def preview(
    path: str,
    request: Request,
    environ: "Mapping[str, str]",
    *,
    is_running: "Callable[[], bool]" = lambda: False,
) -> TakenBlock:
    """What `allocate_block` would return now. Nothing is allocated or written.

    Args:
        path: The registry.
        request: What the worktree needs.
        environ: As in `allocate_block`.
        is_running: As in `allocate_block`.

    Raises:
        PinTakenError: `PORTWEAVE_OFFSET` names ports that are in use.
        PoolExhaustedError: There is no room for the block.
        RegistryDamagedError: The registry cannot be read.
    """
    from portweave.allocator.ports.port_check import is_free
    from portweave.system.listeners import listening

    entries = _adopted(_still_there(load(path), environ), request.key, environ)[0]
    in_use = _all if is_running() else listening
    step = settle(entries, request, listening=in_use, is_free=is_free)
    if isinstance(step, Keep):
        return TakenBlock(step.entry, reused=True, unpinned=step.unpinned)
    key = request.key
    entry = Entry(key, _now(), key.namespace, step.ports)
    return TakenBlock(entry, reused=False, unpinned=step.unpinned)


def has_moved(
    path: str, entry: Entry, names: "Iterable[str]", environ: "Mapping[str, str]"
) -> bool:
    """Whether a worktree's ports have changed, after all writers at work have finished.

    A process asks once, when it holds the stack's lock. From then on `allocate_block` does not move
    the block. But a writer that looked before may have other names in mind.

    Args:
        path: The registry.
        entry: The worktree's block before.
        names: The names whose ports matter.
        environ: Says how long to wait for the lock.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Another process held the lock for too long.
    """
    from portweave.system.registry_lock import Lock

    Lock(path, environ).await_others()
    now = entry_of(load(path), entry.key)
    return now is None or any(now.ports.get(name) != entry.ports[name] for name in names)


def _adopted(
    entries: list[Entry], key: Key, environ: "Mapping[str, str]"
) -> tuple[list[Entry], str | None]:
    """The entries, after those of the worktree's folder were changed to its key: `assign.adopted`.

    While a stack of the folder runs, no entry gets another namespace. The stack's namespace tells
    which stack has the ports.
    """
    found, former = adopted(entries, key)
    root = key.worktree_root
    if former is None or not _runs(root, environ):
        return found, former
    before, after = (
        sorted(entry.key.namespace for entry in some if entry.key.worktree_root == root)
        for some in (entries, found)
    )
    return (found, former) if before == after else (entries, None)


def _still_there(entries: list[Entry], environ: "Mapping[str, str]") -> list[Entry]:
    """The entries of worktrees that exist, or whose stack still runs where they were."""
    return [
        entry
        for entry in entries
        if os.path.isdir(entry.key.worktree_root) or _runs(entry.key.worktree_root, environ)
    ]


def _runs(root: str, environ: "Mapping[str, str]") -> bool:
    """Whether a stack of a worktree runs, by the locks of stacks."""
    from portweave.allocator.state_folder import state_dir

    folder = f"{state_dir(environ)}/stacks"
    ending = f"-{path_digest(root)[:12]}.lock"
    try:
        names = [name for name in os.listdir(folder) if name.endswith(ending)]
    except OSError:
        return False
    return any(_is_locked(f"{folder}/{name}") for name in names)


def _is_locked(path: str) -> bool:
    try:
        return is_locked(path)
    except OSError:
        return False


def _all(ports: tuple[int, ...]) -> "Collection[int]":
    return ports


def release_blocks(
    path: str, belongs: "Callable[[Key], bool]", environ: "Mapping[str, str]"
) -> list[Entry]:
    """Remove blocks, and return them.

    Args:
        path: The registry.
        belongs: Selects blocks by their keys.
        environ: Says how long to wait for the lock.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Another process held the lock for too long.
        RegistryUnwritableError: The registry cannot be written.
    """
    before = [entry for entry in load(path) if belongs(entry.key)]
    if not before:
        return []

    def change(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        return [entry for entry in entries if not belongs(entry.key)], before

    return update(path, change, environ)


def rename_root(
    path: str,
    belongs: "Callable[[Key], bool]",
    old: str,
    new: str,
    environ: "Mapping[str, str]",
) -> None:
    """Give blocks a new root, because their worktree was moved. Ports and namespace stay.

    Args:
        path: The registry.
        belongs: Selects blocks by their keys.
        old: The old root. A repository in it has moved with it.
        new: The new root.
        environ: Says how long to wait for the lock.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Another process held the lock for too long.
        RegistryUnwritableError: The registry cannot be written.
    """

    def renamed(entry: Entry) -> Entry:
        if not belongs(entry.key):
            return entry
        common_dir = entry.key.git_common_dir
        if common_dir is not None and common_dir.startswith(f"{old.rstrip('/')}/"):
            common_dir = new + common_dir[len(old) :]
        key = Key(common_dir, entry.key.namespace, new)
        return Entry(key, entry.last_used_at, entry.namespace, entry.ports)

    def change(entries: list[Entry]) -> tuple[list[Entry], None]:
        return [renamed(entry) for entry in entries], None

    if any(belongs(entry.key) for entry in load(path)):
        update(path, change, environ)


def _note_use(path: str, entry: Entry, environ: "Mapping[str, str]") -> None:
    now_s = time.time()
    if _time(now_s - _FRESH_S) <= entry.last_used_at <= _time(now_s + _FRESH_S):
        return

    def change(entries: list[Entry]) -> tuple[list[Entry], None]:
        found = entry_of(entries, entry.key)
        if found is None:
            return entries, None
        return _replaced(entries, Entry(found.key, _now(), found.namespace, found.ports)), None

    try:
        update(path, change, environ, patient=False)
    except (errors.RegistryLockedError, errors.RegistryUnwritableError):
        # The user's request has not failed, and the next use stores it.
        return


def update(
    path: str,
    change: "Callable[[list[Entry]], tuple[list[Entry], T]]",
    environ: "Mapping[str, str]",
    *,
    patient: bool = True,
    known: tuple[bytes, list[Entry]] = (b"", []),
) -> "T":
    """Change the registry. Entries of removed worktrees are dropped.

    Args:
        path: The registry.
        change: Takes the entries; returns new entries and the result. Called under the lock.
        environ: Says how long to wait for the lock.
        patient: Whether to wait at all.
        known: The registry a moment ago, from `load_again`, to read it only once.

    Raises:
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Another process held the lock for too long.
        RegistryUnwritableError: The registry cannot be written.
    """
    from portweave.system.registry_lock import Lock

    try:
        make_folders(os.path.dirname(path))
        with Lock(path, environ, patient=patient) as lock:
            sweep(path, time.time())
            before = load_again(path, *known)[1]
            entries, result = change(_still_there(before, environ))
            changed = entries != before
            if changed:
                store(path, entries, still_locked=lock.check)
        if changed:
            # After the lock: only this process waits for the disk.
            sync_folder(path)
    except OSError as error:
        raise errors.RegistryUnwritableError(path, error.strerror or str(error)) from error
    return result


def _replaced(entries: list[Entry], entry: Entry) -> list[Entry]:
    """The entries with the first of the same key replaced; without one, `entry` is appended."""
    for index, other in enumerate(entries):
        if other.key == entry.key:
            return [*entries[:index], entry, *entries[index + 1 :]]
    return [*entries, entry]


def _now() -> str:
    return _time(time.time())


def _time(at_s: float) -> str:
    milliseconds = int(at_s * 1000)
    whole = time.gmtime(milliseconds // 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', whole)}.{milliseconds % 1000:03d}Z"
