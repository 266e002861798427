"""The paths of control sockets, and the processes that listen on them.

A socket lies in the session's runtime folder, which does not survive a restart of the machine. Its
name is short, because a socket's address has at most 104 bytes (unix(4)). Without a runtime folder
it lies in a folder of the user's in /tmp. If that belongs to another user, it lies in the state
folder. If that path is too long, it lies in a new folder in /tmp, which the stack's record names.
"""

import os
import sys

from portweave.allocator.naming import path_digest
from portweave.allocator.state_folder import state_dir

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_SOCKET_BYTES = 103
_SUFFIX = ".sock"


def socket_path(environ: "Mapping[str, str]", folder: str, key: str) -> str:
    """The path for the control socket of a stack; empty if there is no place for one.

    Args:
        environ: Names the session's runtime folder. A folder for portweave is made in it if it is
            missing. A folder that other users can enter is not used.
        folder: From `stacks_dir`.
        key: From `stack_key`.
    """
    name = _name(folder, key)
    for place in _all_places(environ):
        path = f"{place}/{name}"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_BYTES and is_private(place):
            return path
    try:
        return f"{_make_place()}/{name}"
    except OSError:
        return ""


def foreign_folder_warnings(environ: "Mapping[str, str]", socket: str) -> list[str]:
    """A warning for each better folder that belongs to another user.

    Args:
        environ: As in `socket_path`.
        socket: The result of `socket_path`.
    """
    told: list[str] = []
    for place in _places(environ):
        if socket.startswith(f"{place}/"):
            break
        try:
            owner = os.lstat(place).st_uid
        except OSError:
            continue
        if owner != os.getuid():
            told.append(
                f"warning: {place} belongs to {_user(owner)}:"
                f" this stack's control socket is {socket or 'nowhere'} instead"
            )
    return told


def _user(uid: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def sockets_of(environ: "Mapping[str, str]", folder: str, key: str) -> list[str]:
    """The existing control sockets of a stack, live or left over; arguments as in `socket_path`."""
    name = _name(folder, key)
    return [
        f"{place}/{name}"
        for place in _all_places(environ)
        if _is_own_folder(place) and os.path.lexists(f"{place}/{name}")
    ]


def _name(folder: str, key: str) -> str:
    return f"{path_digest(f'{folder}/{key}')[:16]}{_SUFFIX}"


def _places(environ: "Mapping[str, str]") -> list[str]:
    """The possible folders of a socket, the best first."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # The XDG Base Directory Specification says to ignore a path that is not absolute.
    places = [f"{runtime}/portweave"] if runtime.startswith("/") else []
    return [*places, _shared(), f"{state_dir(environ)}/sockets"]


def _shared() -> str:
    return f"/tmp/portweave-{os.getuid()}"  # noqa: S108 - checked where it is used


def _all_places(environ: "Mapping[str, str]") -> "Iterator[str]":
    """The folders of `_places`, then those that `_make_place` has made."""
    yield from _places(environ)
    folder, _, name = _shared().rpartition("/")
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for found in names:
        if found.startswith(f"{name}-"):
            yield f"{folder}/{found}"


def _make_place() -> str:
    """Make a folder in /tmp with a random name, as mkdtemp(3) does.

    Raises:
        OSError: It cannot be made.
    """
    place = f"{_shared()}-{os.urandom(6).hex()}"
    os.mkdir(place, 0o700)
    return place


def all_sockets(environ: "Mapping[str, str]") -> list[str]:
    """All control sockets of the user, live or left over, for all state folders."""
    found: list[str] = []
    for place in _all_places(environ):
        if _is_own_folder(place):
            found += [f"{place}/{name}" for name in os.listdir(place) if name.endswith(_SUFFIX)]
    return found


def _is_own_folder(place: str) -> bool:
    try:
        status = os.lstat(place)
    except OSError:
        return False
    # S_IFDIR: a link to a folder does not count.
    return status.st_mode & 0o170000 == 0o040000 and status.st_uid == os.getuid()


def listener_at(socket: str) -> int | None:
    """Pid of the process that listens on a socket; 0 if unknown, None if there is none."""
    import _socket

    connecting = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        connecting.connect(socket)
        # unix(7): the pid comes first.
        peer = connecting.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return int.from_bytes(peer[:4], sys.byteorder)
    except BlockingIOError:  # the queue of connections is full
        return 0
    except AttributeError:  # macOS
        return 0
    except OSError:
        return None
    finally:
        connecting.close()


def is_private(folder: str) -> bool:
    """Whether only this user can enter a folder, and can write it. Makes it if it is missing."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    try:
        if not _is_own_folder(folder):
            return False
        if os.lstat(folder).st_mode & 0o777 != 0o700:
            os.chmod(folder, 0o700)
        # Its disk may be mounted read-only.
        return os.access(folder, os.W_OK)
    except OSError:
        return False
