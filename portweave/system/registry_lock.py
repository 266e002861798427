"""Lock a shared file for one writer at a time, even if writers are killed.

There are two locks, always in this order. The first is flock(2) on a file of portweave's own
(`registry.json.lock` for the registry). It serialises the processes of portweave: the kernel queues
them, wakes one, and forgets dead ones. The package `filelock` would lock the same file, but
importing it costs more than the work. The second lock is a folder, because that is the only lock
that npm portweave (`registry.lock`) and portless (`routes.lock`) know.

A process that finds the folder holds the first lock, so no other portweave works inside it. A
folder of portweave's was left by a dead process, and is taken over at once; if it names its owner,
that process is checked all the same. A folder is portweave's by its owner file, or before that is
written by its sticky bit, which no other program sets. A folder is renamed before it is removed,
and then checked again, so that a new lock is not removed for the old one.
"""

import _thread
import os
import time

from portweave import errors
from portweave.errors import PortweaveError
from portweave.system.files import (
    lock_descriptor,
    read_all,
    remove_all,
)
from portweave.system.processes import (
    command_of,
    started_at,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

# The pause of npm portweave.
_PAUSE_S = 0.025
_ATTEMPTS = 100
# Portweave holds the lock for milliseconds, but hundreds of its processes may start at once.
_PATIENCE_S = 30.0
# After this time npm portweave removes the folder of any process.
_STALE_S = 30.0
# What a command says that waits for long.
_WAITED = "a lock that another process holds"
_MODE = 0o1700
_STICKY = 0o1000


def attempts_from(text: str) -> int | None:
    """How many attempts `PORTWEAVE_LOCK_TIMEOUT_MS` allows; None if it says nothing."""
    digits = text.strip().removeprefix("+")
    length = 0
    while length < len(digits) and digits[length] in "0123456789":
        length += 1
    timeout_ms = int(digits[: min(length, 18)] or 0)
    return max(1, -(-timeout_ms // 25)) if timeout_ms > 0 else None


class FolderLock:
    """The exclusive right to replace a shared file, as a context manager.

    Args:
        file: Portweave's processes lock it by flock(2). Made if missing.
        folder: All programs make it, and remove it when they are done.
        queue_s: How long to wait for flock(2).
        attempts: How often to try to make the folder, 25 ms apart.
        stale_s: After this time other programs remove the folder of any process.

    Raises:
        PortweaveError: Another process held the lock for too long; the class is from `refusal`.
        OSError: The lock cannot be taken here at all.
    """

    def __init__(
        self, file: str, folder: str, *, queue_s: float, attempts: int, stale_s: float
    ) -> None:
        self._file = file
        self._folder = folder
        self._queue_s = queue_s
        self._attempts = attempts
        self._stale_s = stale_s
        self._mark = (0, 0)

    def refusal(self, holder: str, pid: int | None) -> PortweaveError:
        """The error that names the holder.

        Args:
            holder: A description of the holder.
            pid: The holder's pid; None if unknown.
        """
        return errors.RegistryLockedError(self._folder, self._attempts, holder, pid)

    def __enter__(self) -> "Self":
        self._descriptor = self._enqueue()
        try:
            self._make_folder()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._is_ours():
                self._take_away(self._mark)
        finally:
            os.close(self._descriptor)

    def await_others(self) -> None:
        """Wait until all processes of portweave that hold the lock now have released it.

        Raises:
            PortweaveError: One holds it for too long; the class is from `refusal`.
        """
        try:
            os.close(self._enqueue())
        except OSError:  # a lock that cannot be taken has no holder
            return

    def check(self) -> None:
        """Raise the refusal if another program removed the lock, after this process had stopped."""
        if not self._is_ours():
            raise self._refusal()

    def _enqueue(self) -> int:
        while True:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _flock_within(descriptor, self._queue_s):
                raise self._refusal()
            # If the file was removed, other processes may hold a lock on another file.
            try:
                if os.stat(self._file).st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            except FileNotFoundError:
                pass
            os.close(descriptor)

    def _make_folder(self) -> None:
        for attempt in range(self._attempts):
            if attempt:
                # Nearly always the lock is free.
                from portweave.system import still_waiting

                still_waiting.still(_WAITED)
                time.sleep(_PAUSE_S)
            while True:
                try:
                    os.mkdir(self._folder, _MODE)
                except FileExistsError:
                    if self._take_over():
                        continue
                    break
                self._sign()
                return
        raise self._refusal()

    def _sign(self) -> None:
        pid = os.getpid()
        try:
            _write(f"{self._folder}/owner", f"{pid} {started_at(pid)}\n")
            self._mark = _mark(self._folder)
        except OSError:
            # The disk is full. Without this, others would wait until the folder is stale.
            remove_all(self._folder)
            raise

    def _take_over(self) -> bool:
        """Remove the folder if its holder is dead; return whether to try again at once."""
        try:
            status = os.lstat(self._folder)
        except FileNotFoundError:
            return True
        owner = self._owner()
        if time.time() - status.st_mtime <= self._stale_s:
            if owner is None:
                if not status.st_mode & _STICKY:
                    return False
            elif started_at(owner[0]) == owner[1]:
                return False
        return self._take_away((status.st_ino, status.st_mtime_ns))

    def _take_away(self, mark: tuple[int, int]) -> bool:
        aside = f"{self._folder}.{os.getpid()}.{time.time_ns() // 1_000_000}"
        try:
            os.rename(self._folder, aside)
        except FileNotFoundError:
            return True
        if _mark(aside) != mark:
            # Another process has just made a new one.
            os.rename(aside, self._folder)
            return False
        remove_all(aside)
        return True

    def _is_ours(self) -> bool:
        try:
            return _mark(self._folder) == self._mark
        except FileNotFoundError:
            return False

    def _owner(self) -> tuple[int, str] | None:
        return _owner(self._folder)

    def _refusal(self) -> PortweaveError:
        owner = self._owner()
        if owner is not None and started_at(owner[0]) == owner[1]:
            pid = owner[0]
            holder = f"pid {pid} ({command_of(pid)})"
        elif os.path.lexists(self._folder):
            pid, holder = None, f"an unknown process that made {self._folder}"
        else:
            pid, holder = None, f"a process that has locked {self._file}"
        return self.refusal(holder, pid)


class Lock(FolderLock):
    """The exclusive right to replace the registry, as a context manager.

    Raises:
        RegistryLockedError: Another process held the lock for too long.
        OSError: The lock cannot be taken here at all.
    """

    def __init__(
        self, registry: str, environ: "Mapping[str, str]", *, patient: bool = True
    ) -> None:
        """Prepare to lock `registry`.

        Args:
            registry: The registry's path.
            environ: Says how long to wait.
            patient: Whether to try more than once.
        """
        chosen = attempts_from(environ.get("PORTWEAVE_LOCK_TIMEOUT_MS", ""))
        queue_s = chosen * _PAUSE_S if chosen else _PATIENCE_S
        super().__init__(
            f"{registry}.lock",
            f"{registry.removesuffix('.json')}.lock",
            queue_s=queue_s if patient else 0,
            attempts=(chosen or _ATTEMPTS) if patient else 1,
            stale_s=_STALE_S,
        )


def holder_of(folder: str) -> tuple[int | None, bool]:
    """The pid in the folder of a lock, None if it names none; and whether that process is alive."""
    owner = _owner(folder)
    if owner is None:
        return None, False
    return owner[0], started_at(owner[0]) == owner[1]


def _owner(folder: str) -> tuple[int, str] | None:
    try:
        pid, started = read_all(f"{folder}/owner").decode().split()
        return int(pid), started
    except (OSError, ValueError):
        return None


def _mark(folder: str) -> tuple[int, int]:
    """Inode and time of a folder, to tell it from a newer one with the same name."""
    status = os.lstat(folder)
    return status.st_ino, status.st_mtime_ns


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _flock_within(descriptor: int, timeout_s: float) -> bool:
    """Wait for flock(2), with a time limit. If it fails, the descriptor is closed.

    flock(2) has no time limit, and repeated attempts would jump the queue. So a thread waits in the
    kernel's queue. If it gets the lock too late, it releases it.
    """
    try:
        if lock_descriptor(descriptor):
            return True
    except BaseException:
        os.close(descriptor)
        raise
    if timeout_s <= 0:
        os.close(descriptor)
        return False
    wait = _Wait(descriptor)
    _thread.start_new_thread(wait.run, ())
    return wait.until(timeout_s)


class _Wait:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._over = _thread.allocate_lock()
        self._over.acquire()
        self._guard = _thread.allocate_lock()
        self._error: OSError | None = None
        self._locked = self._abandoned = False

    def run(self) -> None:
        try:
            lock_descriptor(self._descriptor, wait=True)
        except OSError as error:
            self._error = error
        with self._guard:
            self._locked = self._error is None
            if self._abandoned or self._error:
                os.close(self._descriptor)
        self._over.release()

    def until(self, timeout_s: float) -> bool:
        try:
            from portweave.system import still_waiting

            until_s = time.monotonic() + timeout_s
            left_s = timeout_s
            while left_s > 0 and not self._over.acquire(
                timeout=still_waiting.pause_s(_WAITED, left_s)
            ):
                left_s = until_s - time.monotonic()
        finally:
            with self._guard:
                # From now on the lock comes too late.
                self._abandoned = not self._locked
        if self._error:
            raise self._error
        return self._locked
