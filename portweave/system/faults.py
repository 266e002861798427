"""What the system refuses, and what portweave did not foresee, in words.

A traceback helps a programmer of portweave. Its user needs the cause, and the way out.
"""

from errno import EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EPERM, EROFS

from portweave.errors import PortweaveError, SystemRefusedError, UnforeseenError

_WAYS_OUT = {
    EACCES: "see who owns it: ls -ld shows owner and mode",
    EPERM: "see who owns it: ls -ld shows owner and mode",
    EMFILE: "a process may not have so many files open: ulimit -n 1024 raises that limit",
    ENFILE: "the system has no room for more open files: see /proc/sys/fs/file-max",
    ENOSPC: "make room on that disk: df shows how full it is",
    EDQUOT: "make room on that disk: quota shows how much is allowed",
    EROFS: "that disk is mounted for reading alone",
    EIO: "the disk or terminal fails: dmesg may say why",
}


def in_words(error: BaseException) -> PortweaveError:
    """An error for the user.

    Args:
        error: What was raised; of a group, the first in it is told.
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
    """What stands first in a group of groups; else the error itself."""
    while isinstance(error, BaseExceptionGroup):
        members: tuple[BaseException, ...] = error.exceptions  # pyright: ignore
        error = members[0]
    return error
