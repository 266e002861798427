"""Read, write, replace and remove whole files.

`open` is not used: importing what it needs costs more than reading and writing.
"""

import os
from errno import EINVAL


def read_all(path: str) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: The file cannot be read, or is not a file: reading a named pipe may never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        # stat(2): S_IFIFO, S_IFCHR, S_IFSOCK.
        if os.fstat(descriptor).st_mode & 0o170000 in (0o010000, 0o020000, 0o140000):
            raise OSError(EINVAL, "it is not a file", path)
        pieces: list[bytes] = []
        while piece := os.read(descriptor, 1 << 18):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes; one write(2) may take fewer.

    Raises:
        OSError: They cannot be written. A part may be.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_new(path: str, data: bytes) -> None:
    """Write a new file with mode 0600, and wait until it is on disk.

    Raises:
        OSError: It cannot be written. Then there is no file.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        write_all(descriptor, data)
        os.fsync(descriptor)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def replace(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace the contents of a file. Readers find the old contents or the new, never a mixture.

    This does not wait for the disk. After a power cut, the file may be old, new or empty.

    Args:
        path: The file, which need not exist.
        data: All of its contents.
        mode: The file's mode; the umask applies.

    Raises:
        OSError: The file cannot be written. Then the old one stays.
    """
    temporary = f"{path}.tmp.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """Wait until the names in a file's folder are on disk: fsync(2)."""
    descriptor = os.open(os.path.dirname(os.path.realpath(path)), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: str, mode: int = 0o700) -> None:
    """Make a folder and its parents. Existing folders keep their modes.

    Args:
        path: The folder.
        mode: The mode of new folders; the umask applies.

    Raises:
        OSError: A folder cannot be made.
    """
    if os.path.isdir(path):
        return
    make_folders(os.path.dirname(path), mode)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def make_own_folder(path: str) -> None:
    """Make a folder below a worktree's `.portweave`, and that one with its `.gitignore`.

    This never makes the worktree's root. If it was removed or moved while its stack runs, a new
    folder in its place would stop the next `git worktree add`.

    Raises:
        OSError: The folder cannot be made, for example because the worktree is gone.
    """
    root, own, below = path.rpartition("/.portweave")
    if not own or below[:1] not in ("", "/"):
        folders = [os.path.dirname(path), path]
        ignoring = ""
    else:
        ignoring = f"{root}/.portweave"
        names = below.split("/")
        folders = [ignoring + "/".join(names[:count]) for count in range(1, len(names) + 1)]
    for folder in folders:
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue
    if ignoring and not os.path.lexists(f"{ignoring}/.gitignore"):
        # `git clean -fdx` removes it; then git would list the logs.
        _write_ignore(f"{ignoring}/.gitignore")


def _write_ignore(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        os.write(descriptor, b"*\n")
    finally:
        os.close(descriptor)


def remove_all(path: str) -> None:
    """Remove a file, or a folder with its contents."""
    try:
        os.unlink(path)
    except (IsADirectoryError, PermissionError):
        for name in os.listdir(path):
            remove_all(f"{path}/{name}")
        os.rmdir(path)


def lock_descriptor(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file by flock(2).

    The lock belongs to the open file: a process that inherits the descriptor holds it too. The
    kernel drops it when the last of these descriptors is closed.

    Args:
        descriptor: The open file.
        shared: Whether others may hold a shared lock at the same time.
        wait: Whether to wait until the lock is free, for as long as that takes.

    Returns:
        Whether it is locked now.

    Raises:
        OSError: The file system has no locks.
    """
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: str) -> bool:
    """Whether a process holds an exclusive lock on a file, by flock(2); does not wait.

    Raises:
        OSError: It does not exist, or cannot be opened.
    """
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not lock_descriptor(lock, shared=True)
    finally:
        os.close(lock)
