"""Where a stack's control socket lies, and who listens there.

In the session's runtime folder, which is emptied by whoever emptied the machine's memory, and under
a short name, as the address of a socket has at most 104 bytes (unix(4)).
"""

import os
import sys

from portweave.allocator.naming import path_digest

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_SOCKET_BYTES = 103
_SUFFIX = ".sock"


def socket_path(environ: "Mapping[str, str]", folder: str, key: str) -> str:
    """Where the control socket of a stack lies; empty where there is no place for one.

    Args:
        environ: Names the session's runtime folder. What lies in it for portweave is made if it is
            missing; a folder that others could get into is not used.
        folder: From `stacks_dir`.
        key: From `stack_key`.
    """
    name = _name(folder, key)
    for place in _places(environ):
        path = f"{place}/{name}"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_BYTES and _is_private(place, os.getuid()):
            return path
    return ""


def sockets_of(environ: "Mapping[str, str]", folder: str, key: str) -> list[str]:
    """Where a control socket of a stack lies, or was left; arguments as of `socket_path`."""
    name = _name(folder, key)
    return [
        f"{place}/{name}"
        for place in _places(environ)
        if _is_own_folder(place) and os.path.lexists(f"{place}/{name}")
    ]


def _name(folder: str, key: str) -> str:
    return f"{path_digest(f'{folder}/{key}')[:16]}{_SUFFIX}"


def _places(environ: "Mapping[str, str]") -> list[str]:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # XDG Base Directory Specification: what is not absolute is to be ignored.
    places = [f"{runtime}/portweave"] if runtime.startswith("/") else []
    return [*places, f"/tmp/portweave-{os.getuid()}"]  # noqa: S108 - checked where it is used


def all_sockets(environ: "Mapping[str, str]") -> list[str]:
    """Where control sockets of the user's stacks lie, or were left, of all state folders."""
    found: list[str] = []
    for place in _places(environ):
        if _is_own_folder(place):
            found += [f"{place}/{name}" for name in os.listdir(place) if name.endswith(_SUFFIX)]
    return found


def _is_own_folder(place: str) -> bool:
    try:
        status = os.lstat(place)
    except OSError:
        return False
    # S_IFDIR: a link to a folder is not one.
    return status.st_mode & 0o170000 == 0o040000 and status.st_uid == os.getuid()


def listener_at(socket: str) -> int | None:
    """Pid of who listens on a control socket, 0 where the system does not tell; None for nobody."""
    import _socket

    connecting = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        connecting.connect(socket)
        # unix(7): the pid comes first.
        peer = connecting.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return int.from_bytes(peer[:4], sys.byteorder)
    except BlockingIOError:  # too many wait to be let in
        return 0
    except AttributeError:  # macOS
        return 0
    except OSError:
        return None
    finally:
        connecting.close()


def _is_private(folder: str, uid: int) -> bool:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    try:
        found = os.lstat(folder)
        # S_IFDIR: a link to a folder is not one.
        if found.st_mode & 0o170000 != 0o040000 or found.st_uid != uid:
            return False
        if found.st_mode & 0o777 != 0o700:
            os.chmod(folder, 0o700)
        # It may lie on a disk that is mounted for reading alone.
        return os.access(folder, os.W_OK)
    except OSError:
        return False
