"""Files as a whole: read, written, replaced and removed.

`open`, and what it imports, costs more than the reading and the writing.
"""

import os
from errno import EINVAL


def read_all(path: str) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: It cannot be read, or is no file: reading a named pipe may never end.
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
    """Write all bytes, of which write(2) may take fewer.

    Raises:
        OSError: They cannot be written; some may be.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_new(path: str, data: bytes) -> None:
    """Write a file that only its owner may read, and wait for the disk to have it.

    Raises:
        OSError: It cannot be written; then there is none.
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
    """Have a file say something else: who reads it meanwhile finds the old one or the new one.

    The disk is not waited for: after a power cut it may be either, or empty.

    Args:
        path: Of the file; there need not be one yet.
        data: All of it.
        mode: Less what the umask takes away.

    Raises:
        OSError: It cannot be written; then the old one is there.
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
    """Wait for the disk to know the names in the folder that a file lies in: fsync(2)."""
    descriptor = os.open(os.path.dirname(os.path.realpath(path)), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: str, mode: int = 0o700) -> None:
    """Make a folder and those above it; existing ones keep their modes.

    Args:
        path: Of the folder.
        mode: Of each that is made, less what the umask takes away.

    Raises:
        OSError: One cannot be made.
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
    """Make a folder of a worktree's `.portweave`, and that, with its `.gitignore`.

    The worktree itself is never made. It may have been removed or moved while its stack runs, and
    a folder in its place would be in the way of the next `git worktree add`.

    Raises:
        OSError: It cannot be made, as where there is no worktree any more.
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
        # `git clean -fdx` takes it away, and git would see the logs that come back.
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
    """Remove a file, or a folder and what lies in it."""
    try:
        os.unlink(path)
    except (IsADirectoryError, PermissionError):
        for name in os.listdir(path):
            remove_all(f"{path}/{name}")
        os.rmdir(path)


def is_locked(path: str) -> bool:
    """Whether a process holds a file: flock(2). Nobody waits for it.

    Raises:
        OSError: It is not there, or cannot be opened.
    """
    import fcntl

    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
