"""One writer of a shared file at a time, whoever is killed when.

Two locks, always in this order. flock(2) on a file of ours (of the registry, `registry.json.lock`:
it is the lock that `filelock` takes on that file, and importing that costs more than the work)
serialises our own processes: the kernel queues, wakes one, and forgets the dead. Inside it a folder
is made, which is the only lock that npm portweave (`registry.lock`) and portless (`routes.lock`)
know.

Who finds the folder holds the first lock, so no other process of ours is at work inside it: a
folder of ours was left by one that died, and is taken over at once. One that names its owner is
checked against the living all the same. A folder is ours by its owner file or, before that is
written, by its sticky bit, which nobody else sets. What is removed is renamed first and
looked at again, so that nobody's fresh lock is taken for the old one.
"""

import _thread
import fcntl
import os
import time

from portweave.errors import PortweaveError, RegistryLockedError
from portweave.system.files import (
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

# As npm portweave waits, and as long.
_PAUSE_S = 0.025
_ATTEMPTS = 100
# Our own processes hold the lock for milliseconds, but hundreds of them may start at once.
_PATIENCE_S = 30.0
# After this time npm portweave takes a folder away, whoever made it.
_STALE_S = 30.0
_MODE = 0o1700
_STICKY = 0o1000


def attempts_from(text: str) -> int | None:
    """How often `PORTWEAVE_LOCK_TIMEOUT_MS` allows to try; None where it does not say."""
    digits = text.strip().removeprefix("+")
    length = 0
    while length < len(digits) and digits[length] in "0123456789":
        length += 1
    timeout_ms = int(digits[: min(length, 18)] or 0)
    return max(1, -(-timeout_ms // 25)) if timeout_ms > 0 else None


class FolderLock:
    """The right to replace a file that we share with others, from `with` to its end.

    Args:
        file: What our own processes queue for by flock(2); made if missing.
        folder: What all others make, and remove when they are done.
        queue_s: How long to queue among our own.
        attempts: How often to try to make the folder, 25 ms apart.
        stale_s: After this time the others take a folder away, whoever made it.

    Raises:
        PortweaveError: Somebody else held it for too long; the kind is from `refusal`.
        OSError: It cannot be taken here at all.
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
        """The error that says who holds it."""
        return RegistryLockedError(self._folder, self._attempts, holder, pid)

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
        """Wait until each of our own processes that holds it by now has given it back.

        Raises:
            PortweaveError: One holds it for too long; the kind is from `refusal`.
        """
        try:
            os.close(self._enqueue())
        except OSError:  # where it cannot be taken, nobody holds it
            return

    def check(self) -> None:
        """Raise the refusal where another program took the lock away, after a long stop."""
        if not self._is_ours():
            raise self._refusal()

    def _enqueue(self) -> int:
        while True:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _flock(descriptor, self._queue_s):
                raise self._refusal()
            # Should somebody have removed the file, others may hold a lock on another one.
            try:
                if os.stat(self._file).st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            except FileNotFoundError:
                pass
            os.close(descriptor)

    def _make_folder(self) -> None:
        for attempt in range(self._attempts):
            if attempt:
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
            # A full disk: others would wait for this folder until it is stale.
            remove_all(self._folder)
            raise

    def _take_over(self) -> bool:
        """Remove the folder where nobody holds it any more; whether to try again at once."""
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
            # Somebody made a new one in this very moment.
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
            pid, holder = None, f"the one who made {self._folder}, which does not say who it is"
        else:
            pid, holder = None, f"a process that has locked {self._file}"
        return self.refusal(holder, pid)


class Lock(FolderLock):
    """The right to replace the registry, from `with` to its end.

    Raises:
        RegistryLockedError: Somebody else held it for too long.
        OSError: It cannot be taken here at all.
    """

    def __init__(
        self, registry: str, environ: "Mapping[str, str]", *, patient: bool = True
    ) -> None:
        """Prepare to lock `registry`; not `patient` means to try only once."""
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
    """The pid that the folder of a lock names, None where it names none; and whether it lives."""
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
    """What tells a folder from another one of that name: an inode may be used again at once."""
    status = os.lstat(folder)
    return status.st_ino, status.st_mtime_ns


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _flock(descriptor: int, timeout_s: float) -> bool:
    """Wait for flock(2), but not for ever; the descriptor is closed where it was not had.

    There is no flock with a deadline, and asking again and again takes the lock out of turn. So a
    thread waits in the kernel's queue; one that is not waited for any more gives it back.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if timeout_s <= 0:
            os.close(descriptor)
            return False
    except BaseException:
        os.close(descriptor)
        raise
    else:
        return True
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
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            self._error = error
        with self._guard:
            self._locked = self._error is None
            if self._abandoned or self._error:
                os.close(self._descriptor)
        self._over.release()

    def until(self, timeout_s: float) -> bool:
        try:
            self._over.acquire(timeout=timeout_s)
        finally:
            with self._guard:
                # What comes from now on is too late.
                self._abandoned = not self._locked
        if self._error:
            raise self._error
        return self._locked
