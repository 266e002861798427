"""The lock of a stack, and the files that only its holder writes.

`portweave.supervisor.registry.stack_records` tells what the files mean.
"""

import os
import time

from portweave import errors
from portweave.encoding.value import replace as with_changes
from portweave.supervisor.registry.stack_records import (
    JOURNAL_SUFFIX,
    LOCK_SUFFIX,
    RECORD_SUFFIX,
    StackRecord,
    file_contents,
    folder_and_key,
    is_held,
    read_file,
    read_record,
)
from portweave.system.files import (
    lock_descriptor,
    make_folders,
    replace,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self


class StackLock:
    """The exclusive right to run one stack, until it is closed.

    Forked processes share the lock. It is free when the last of them has ended.

    Args:
        folder: From `stacks_dir`. Made if missing, with mode 0700.
        key: From `stack_key`.
        descriptor: An open lock that another process has acquired and passed on.

    Raises:
        StackRunningError: Another process holds the lock.
        StateUnwritableError: The folder cannot be used.

    Attributes:
        journal: Path of the file that lists the started processes.
        descriptor: The open lock.
    """

    def __init__(self, folder: str, key: str, descriptor: int | None = None) -> None:
        base = f"{folder}/{key}"
        self.journal = base + JOURNAL_SUFFIX
        self._record = base + RECORD_SUFFIX
        self._lock = base + LOCK_SUFFIX
        if descriptor is not None:
            self.descriptor = descriptor
            return
        if not os.path.lexists(self._lock) and is_held(folder, key):
            # With a new lock, two processes would run the stack.
            raise _running(folder, key)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        while True:
            try:
                make_folders(folder)
                self.descriptor = os.open(self._lock, flags, 0o600)
            except OSError as error:
                raise errors.StateUnwritableError(folder, error.strerror or str(error)) from error
            if not _acquire(self.descriptor):
                os.close(self.descriptor)
                raise _running(folder, key)
            # `remove` may have unlinked the file meanwhile: then its lock excludes no process.
            if _is_in_place(self.descriptor, self._lock):
                return
            os.close(self.descriptor)

    def write(self, record: StackRecord) -> None:
        """Write the record of the stack that this lock stands for.

        Raises:
            StateUnwritableError: The record cannot be written.
        """
        text = file_contents(record)
        # No fsync: after a power cut no stack runs, so the record is worthless.
        try:
            replace(self._record, text)
        except OSError as error:
            folder = os.path.dirname(self._record)
            raise errors.StateUnwritableError(folder, error.strerror or str(error)) from error
        _write_copy(self.descriptor, text)

    def read(self) -> StackRecord | None:
        """The record on disk. It may be left over from a killed supervisor."""
        return read_file(self._record) or read_file(self._lock)

    def restore(self) -> bool:
        """Put record and lock back if they were removed while the stack runs.

        Returns:
            Whether they were missing, and are back.

        Raises:
            OSError: They cannot be written.
            StateUnwritableError: Their folder cannot be made.
        """
        if os.path.lexists(self._record):
            return False
        # A removed file keeps its contents for as long as it is open.
        text = _contents(self.descriptor)
        if not text:
            return False
        if not _is_in_place(self.descriptor, self._lock):
            make_folders(os.path.dirname(self._lock))
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if not lock_descriptor(lock):
                    # Another process is about to run the stack. It will find that this one does.
                    return False
                os.dup2(lock, self.descriptor, inheritable=False)
            finally:
                os.close(lock)
            _write_copy(self.descriptor, text)
        replace(self._record, text)
        return True

    def remove_record(self) -> None:
        """Remove record, journal and socket, because the stack has ended."""
        if os.path.lexists(self._lock) and not _is_in_place(self.descriptor, self._lock):
            # The state folder was removed and made anew. Its files belong to the new lock.
            try:
                with StackLock(*folder_and_key(self.journal)) as lock:
                    if _contents(lock.descriptor) == _contents(self.descriptor):
                        lock.remove_record()
            except (errors.StackRunningError, errors.StateUnwritableError):
                pass
            return
        record = self.read()
        socket = [record.socket] if record is not None and record.socket else []
        _write_copy(self.descriptor, b"")
        for path in (*socket, self._record, self.journal):
            try:
                os.unlink(path)
            except (FileNotFoundError, IsADirectoryError):
                continue

    def remove(self) -> None:
        """Do as `remove_record`, and remove the lock's own file, while holding the lock."""
        self.remove_record()
        # If the file was removed before, another process may have made a new one.
        if _is_in_place(self.descriptor, self._lock):
            os.unlink(self._lock)

    def close(self) -> None:
        """Release the lock."""
        os.close(self.descriptor)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.close()


def update_ports(journal: str, ports: "Mapping[str, int]") -> None:
    """Change the ports in the record of a running stack.

    Args:
        journal: Path of the stack's journal, as in `StackLock`.
        ports: The port of each instance.

    Raises:
        OSError: The record cannot be written.
    """
    _update(journal, lambda record: with_changes(record, ports=ports))


def note_folder(journal: str, folder: str) -> None:
    """Write the present path of a running stack's folder to its record.

    Args:
        journal: Path of the stack's journal, as in `StackLock`.
        folder: The path.

    Raises:
        OSError: The record cannot be written.
    """

    def moved(record: StackRecord) -> StackRecord:
        return with_changes(record, moved_to="" if folder == record.root else folder)

    _update(journal, moved)


def _update(journal: str, change: "Callable[[StackRecord], StackRecord]") -> None:
    base = journal.removesuffix(JOURNAL_SUFFIX)
    record = read_file(base + RECORD_SUFFIX)
    if record is None or (changed := change(record)) == record:
        return
    text = file_contents(changed)
    replace(base + RECORD_SUFFIX, text)
    lock = os.open(base + LOCK_SUFFIX, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _write_copy(lock, text)
    finally:
        os.close(lock)


def _running(folder: str, key: str) -> "errors.StackRunningError":
    other = read_record(folder, key)
    return errors.StackRunningError(other.namespace if other else key, other.pid if other else 0)


def _write_copy(lock: int, text: bytes) -> None:
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, text, 0)
    except OSError:  # the disk is full: then there is no copy
        return


def _contents(lock: int) -> bytes:
    return os.pread(lock, os.fstat(lock).st_size, 0)


def _acquire(lock: int) -> bool:
    # `is_held` of another process holds the lock for an instant.
    for pause_s in (0.01, 0.02, 0.04, None):
        if lock_descriptor(lock):
            return True
        if pause_s is not None:
            time.sleep(pause_s)
    return False


def _is_in_place(descriptor: int, path: str) -> bool:
    """Whether an open file is the one that lies at a path."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (opened.st_dev, opened.st_ino) == (found.st_dev, found.st_ino)
