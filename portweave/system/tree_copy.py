"""Copy regular files from one folder tree to another, and follow no symbolic link in either.

Folders are opened one component after the other, relative to the folder above and without
following links (openat(2), O_NOFOLLOW). So no name leads out of the two trees, even if another
process changes them meanwhile. A file appears by link(2) when it is complete, and replaces nothing.
"""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress

from portweave.system.files import write_all
from portweave.system.still_waiting import still

# ioctl_ficlonerange(2): the new file shares the blocks of the old one.
_FICLONE = 0x40049409
_CLONE_NOFOLLOW = 1  # clonefile(2), macOS
_PIECE_BYTES = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_SHARED = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS)

Change = Callable[[bytes], bytes]


def copy_file(
    source: str, target: str, path: str, change: Change | None = None, staging: str = ""
) -> bool:
    """Copy one file, with its permissions and its time.

    Args:
        source: The root of the tree to copy from.
        target: The root of the tree to copy to.
        path: The file, relative to both roots.
        change: Changes its contents; None to copy them as they are.
        staging: A folder for the file until it is complete, on the disk of the target. A process
            that is killed leaves it there. Empty for the folder that gets the file.

    Returns:
        Whether it was copied. It is not if something of its name exists, or if it is no regular
        file.

    Raises:
        OSError: It cannot be copied, or a symbolic link stands in its path. Nothing is left of it.
    """
    folder, _, name = path.rpartition("/")
    with _folder(source, folder) as there:
        try:
            old = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=there
            )
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                return False
            raise
        try:
            status = os.fstat(old)
            if not stat.S_ISREG(status.st_mode):
                return False
            with _folder(target, folder, make=True) as here, _staging(staging, here) as between:
                return _copy(old, status, (between, here), name, change)
        finally:
            os.close(old)


def link_path(source: str, target: str, path: str) -> bool:
    """Make a symbolic link to a file or folder of another tree.

    Args:
        source: The root of the other tree, absolute.
        target: The root of the tree that gets the link.
        path: The file or folder, relative to both roots.

    Returns:
        Whether the link was made; it is not if something of its name exists.

    Raises:
        OSError: The link cannot be made, or a symbolic link stands in its path.
    """
    folder, _, name = path.rpartition("/")
    with _folder(target, folder, make=True) as here:
        try:
            os.symlink(f"{source.rstrip('/')}/{path}", name, dir_fd=here)
        except FileExistsError:
            return False
    return True


@contextmanager
def _folder(root: str, path: str, *, make: bool = False) -> Generator[int]:
    """Open a folder below `root`, without following links; make missing ones if wanted."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in filter(None, path.split("/")):
            if part == "..":
                raise OSError(errno.EINVAL, "the path leads out of the worktree", path)
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            try:
                below = os.open(part, _FOLDER, dir_fd=descriptor)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise OSError(
                        errno.ELOOP, "a symbolic link or a file stands in its path", path
                    ) from error
                raise
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _staging(path: str, folder: int) -> Generator[int]:
    """Open the folder for incomplete files; `folder` itself if it lies on another disk."""
    if not path:
        yield folder
        return
    descriptor = os.open(path, _FOLDER)
    try:
        is_same = os.fstat(descriptor).st_dev == os.fstat(folder).st_dev
        yield descriptor if is_same else folder
    finally:
        os.close(descriptor)


def _copy(
    old: int, status: os.stat_result, folders: tuple[int, int], name: str, change: Change | None
) -> bool:
    """Copy an open file to the first folder, and give it its name in the second one."""
    staging, folder = folders
    with suppress(FileNotFoundError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return False
    temporary = f".portweave-{os.urandom(6).hex()}.tmp"
    try:
        new = _shared(old, staging, temporary) if change is None else None
        if new is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            new = os.open(temporary, flags, 0o600, dir_fd=staging)
            try:
                _fill(old, new, change, name)
            except BaseException:
                os.close(new)
                raise
        try:
            # No set-user-ID and no set-group-ID.
            os.fchmod(new, stat.S_IMODE(status.st_mode) & 0o777)
            os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(new)
        return _give_name(folders, temporary, name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=staging)


def _give_name(folders: tuple[int, int], temporary: str, name: str) -> bool:
    """Give a complete file its name in the second folder; false if the name is taken."""
    staging, folder = folders
    try:
        os.link(temporary, name, src_dir_fd=staging, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise
        # The file system has no hard links.
        os.rename(temporary, name, src_dir_fd=staging, dst_dir_fd=folder)
    return True


def _fill(old: int, new: int, change: Change | None, name: str) -> None:
    if change is not None:
        write_all(new, change(b"".join(_pieces(old))))
    elif not _has_shared_blocks(old, new):
        for piece in _pieces(old):
            still(f"the copy of {name}")
            write_all(new, piece)


def _pieces(descriptor: int) -> Iterator[bytes]:
    while piece := os.read(descriptor, _PIECE_BYTES):
        yield piece


def _has_shared_blocks(old: int, new: int) -> bool:
    """Let the new file share the old one's blocks; false if the file system does not do that."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(new, _FICLONE, old)
    except OSError as error:
        if error.errno in _NOT_SHARED:
            return False
        raise
    return True


def _shared(old: int, folder: int, name: str) -> int | None:
    """Make a file that shares the old one's blocks, on macOS; None if that is not possible."""
    if sys.platform != "darwin":
        return None
    import ctypes

    clone = ctypes.CDLL(None, use_errno=True).fclonefileat
    if clone(old, folder, os.fsencode(name), _CLONE_NOFOLLOW) != 0:
        return None
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
