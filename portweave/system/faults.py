"""Explain errors of the system, and bugs of portweave, to users.

A traceback helps a programmer of portweave. A user needs the cause and a way out.
"""

from errno import EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EPERM, EROFS

from portweave.errors import PortweaveError, SystemRefusedError, UnforeseenError

_WAYS_OUT = {
    EACCES: "check owner and mode with ls -ld",
    EPERM: "check owner and mode with ls -ld",
    EMFILE: "the process has too many files open: ulimit -n 1024 raises the limit",
    ENFILE: "the system has no room for more open files: see /proc/sys/fs/file-max",
    ENOSPC: "make room on that disk: df shows how full it is",
    EDQUOT: "make room on that disk: quota shows how much is allowed",
    EROFS: "that disk is mounted read-only",
    EIO: "the disk or terminal fails: dmesg may say why",
}


def user_error(error: BaseException) -> PortweaveError:
    """The error to show for an exception.

    Args:
        error: The exception. Of a group, the first member counts.
    """
    error = _first_in(error)
    if isinstance(error, PortweaveError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        path = error.filename
        shown = path if isinstance(path, str) else None
        why = error.strerror or str(error)
        return SystemRefusedError(why, shown, hint=_WAYS_OUT.get(error.errno, ()))
    if isinstance(error, MemoryError):
        return SystemRefusedError("there is no memory left", None)
    return UnforeseenError(type(error).__name__, str(error))


def _first_in(error: BaseException) -> BaseException:
    """The first exception in a nested group; otherwise the exception itself."""
    while isinstance(error, BaseExceptionGroup):
        members: tuple[BaseException, ...] = error.exceptions  # pyright: ignore
        error = members[0]
    return error
