"""Where a stack's control socket lies, and who listens there.

In the session's runtime folder, which is emptied by whoever emptied the machine's memory, and under
a short name, as the address of a socket has at most 104 bytes (unix(4)). Without such a folder it
lies in one of the user's in /tmp. Where another user has made that, it lies in the state folder,
and where the path of that is too long, in a new folder in /tmp, which the stack's record tells.
"""

import os
import sys

from portweave.allocator.lease_folders import state_dir
from portweave.allocator.naming import path_digest

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    for place in _all_places(environ):
        path = f"{place}/{name}"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_BYTES and is_private(place):
            return path
    try:
        return f"{_make_place()}/{name}"
    except OSError:
        return ""


def squatters(environ: "Mapping[str, str]", socket: str) -> list[str]:
    """What to tell of another user's folders where a socket would have lain, a line each.

    Args:
        environ: As of `socket_path`.
        socket: Its answer.
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
    """Where a control socket of a stack lies, or was left; arguments as of `socket_path`."""
    name = _name(folder, key)
    return [
        f"{place}/{name}"
        for place in _all_places(environ)
        if _is_own_folder(place) and os.path.lexists(f"{place}/{name}")
    ]


def _name(folder: str, key: str) -> str:
    return f"{path_digest(f'{folder}/{key}')[:16]}{_SUFFIX}"


def _places(environ: "Mapping[str, str]") -> list[str]:
    """The folders that a socket may lie in, the best first."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # XDG Base Directory Specification: what is not absolute is to be ignored.
    places = [f"{runtime}/portweave"] if runtime.startswith("/") else []
    return [*places, _shared(), f"{state_dir(environ)}/sockets"]


def _shared() -> str:
    return f"/tmp/portweave-{os.getuid()}"  # noqa: S108 - checked where it is used


def _all_places(environ: "Mapping[str, str]") -> "Iterator[str]":
    """The same, and behind them the folders that were made because no other could be used."""
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
    """Make such a folder, with a name that cannot have been taken before: mkdtemp(3).

    Raises:
        OSError: It cannot be made.
    """
    place = f"{_shared()}-{os.urandom(6).hex()}"
    os.mkdir(place, 0o700)
    return place


def all_sockets(environ: "Mapping[str, str]") -> list[str]:
    """Where control sockets of the user's stacks lie, or were left, of all state folders."""
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


def is_private(folder: str) -> bool:
    """Whether a folder is the user's alone, and can be written; it is made if it is missing."""
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
        # It may lie on a disk that is mounted for reading alone.
        return os.access(folder, os.W_OK)
    except OSError:
        return False
