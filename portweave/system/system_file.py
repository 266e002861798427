"""Read and replace a system file in which portweave writes a few lines: /etc/hosts."""

import os
from errno import EBUSY, EXDEV

from portweave.errors import HostsUnwritableError
from portweave.system.files import read_all


def read(path: str) -> str:
    """The file's text; empty if there is no file.

    Raises:
        HostsUnwritableError: It cannot be read.
    """
    try:
        return read_all(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise HostsUnwritableError(path, error.strerror or str(error)) from error


def replace(path: str, text: str) -> None:
    """Replace the file as a whole; or in place, if it is a mount of its own (in a container).

    Raises:
        HostsUnwritableError: It cannot be written.
    """
    try:
        _write(path, text)
    except OSError as error:
        raise HostsUnwritableError(path, error.strerror or str(error)) from error


def _write(path: str, text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    target = os.path.realpath(path)
    temporary = f"{target}.portweave.{os.getpid()}"
    status = os.stat(target) if os.path.exists(target) else None
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, data)
        if status is not None:
            os.fchmod(descriptor, status.st_mode & 0o7777)
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fsync(descriptor)
        os.rename(temporary, target)
    except OSError as error:
        os.unlink(temporary)
        if error.errno not in (EBUSY, EXDEV):
            raise
        with open(target, "wb") as file:
            file.write(data)
    finally:
        os.close(descriptor)
