"""Check whether a port is free, and which process listens on it.

`_socket` is used because importing `socket` costs more than the work.
"""

import _socket
import errno
import os
from _socket import socket as Socket  # noqa: N812

from portweave.allocator.ports.model import Holder
from portweave.system.listeners import (
    LOOPBACK,
    answers,
    listening,
    sockets,
)
from portweave.system.processes import (
    HAS_PROC,
    command_of,
    threads_of,
    variable_of,
    working_dir_of,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_WILDCARD = ((_socket.AF_INET, "0.0.0.0"), (_socket.AF_INET6, "::"))  # noqa: S104 - closed at once
_ADDRESSES = (*LOOPBACK, *_WILDCARD)
# The errors of a host without IPv6.
_ABSENT = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


def is_free(port: int) -> bool:
    """Whether a server could listen on a port, on both loopback and both wildcard addresses.

    A port in TIME_WAIT is free. The check binds the port for an instant, so use it only for ports
    without an owner.
    """
    # On Linux a wildcard address cannot be bound while any address has a listener, so this first
    # check mostly suffices. macOS needs a check of each address.
    if HAS_PROC and _can_take(_socket.AF_INET6, "::", port, both=True):
        return True
    if not all(_can_take(family, address, port) for family, address in _ADDRESSES):
        return False
    return not any(answers(family, address, port) for family, address in LOOPBACK)


def _can_take(
    family: int, address: str, port: int, *, both: bool = False, listens: bool = True
) -> bool:
    try:
        probe = Socket(family, _socket.SOCK_STREAM)
    except OSError as error:
        return error.errno in _ABSENT and not both
    try:
        probe.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            probe.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0 if both else 1)
        probe.bind((address, port))
        if listens:
            probe.listen(0)
    except OSError as error:
        return error.errno in _ABSENT and not both
    finally:
        probe.close()
    return True


def is_unheard(port: int) -> bool:
    """Whether a port surely has no listener; false may mean unknown. Disturbs no other process.

    On Linux an address cannot be bound while a socket listens on it. A socket that is only bound is
    invisible to others. This is the cheapest check for a port's owner.
    """
    return HAS_PROC and _can_take(_socket.AF_INET6, "::", port, both=True, listens=False)


def listener(port: int) -> Holder | None:
    """The process that listens on a port; None if there is none."""
    return listeners((port,)).get(port)


def listeners(ports: "Collection[int]") -> dict[int, Holder]:
    """The processes that listen on these ports. Ports without a listener are left out."""
    if not HAS_PROC:
        return _listeners_slowly(ports)
    found: dict[int, Holder] = {}
    port_of_inode: dict[str, int] = {}
    for socket in sockets():
        if socket.port in ports:
            found[socket.port] = Holder(user_id=socket.user_id)
            port_of_inode[f"socket:[{socket.inode}]"] = socket.port
    for pid, target in _open_sockets(os.listdir("/proc")) if port_of_inode else ():
        port = port_of_inode.pop(target, 0)
        if port:
            found[port] = _holder(pid, found[port].user_id)
        if not port_of_inode:
            break
    return found


def listening_ports(pids: "Collection[int]") -> set[int]:
    """The ports that these processes listen on."""
    if not HAS_PROC:
        return _listening_ports_slowly(pids)
    held = held_sockets(pids)
    return {socket.port for socket in sockets() if socket.inode in held} if held else set()


def held_sockets(pids: "Iterable[int]") -> set[int]:
    """The inodes of the sockets that these processes have open (Linux, proc(5))."""
    return {int(target[8:-1]) for _, target in _open_sockets(map(str, pids))}


def _listening_ports_slowly(pids: "Collection[int]") -> set[int]:
    import psutil

    found: set[int] = set()
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except psutil.Error:
            continue
        found |= {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    return found


def _holder(pid: int, user_id: int | None) -> Holder:
    return Holder(
        pid,
        command_of(pid),
        user_id=user_id,
        working_dir=working_dir_of(pid),
        worktree=variable_of(pid, "PORTWEAVE_WORKTREE"),
        service=variable_of(pid, "PORTWEAVE_SERVICE"),
    )


def _open_sockets(names: "Iterable[str]") -> "list[tuple[int, str]]":
    """The sockets of processes that this user may see, as (pid, `socket:[inode]`)."""
    found: list[tuple[int, str]] = []
    for name in names:
        if not name.isdigit():
            continue
        folder = f"/proc/{name}/fd"
        try:
            descriptors = os.listdir(folder)
            if not descriptors and (threads := threads_of(int(name))):
                folder = f"{threads[0]}/fd"
                descriptors = os.listdir(folder)
        except OSError:  # it has ended, or has another user
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"{folder}/{descriptor}")
            except OSError:
                continue
            if target.startswith("socket:"):
                found.append((int(name), target))
    return found


def _listeners_slowly(ports: "Collection[int]") -> dict[int, Holder]:
    import psutil

    found = {port: Holder() for port in listening(ports)}
    # On macOS, listing all connections needs privileges; listing those of each process does not.
    for process in psutil.process_iter() if found else ():
        try:
            connections = process.net_connections("tcp")
        except psutil.Error:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port in found:
                found[connection.laddr.port] = _holder(process.pid, os.getuid())
    return found
