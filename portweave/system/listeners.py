"""Pure. Who listens on a port, as the kernel sees it; nobody notices being looked at.

Linux is asked by sock_diag(7), which reads the listening sockets alone: /proc/net/tcp reads all
there could be, which costs more than the rest of a `portweave run`. It is the second choice.
"""

import _socket
import sys

from portweave.system.processes import (
    HAS_PROC,
    read_bytes,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LOOPBACK = ((_socket.AF_INET, "127.0.0.1"), (_socket.AF_INET6, "::1"))

# From linux/netlink.h, linux/sock_diag.h and linux/tcp.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER_BYTES = 16
_TCP_LISTEN = 10


class Listener:
    """A socket that listens.

    Attributes:
        port: Its port, on whichever address.
        user_id: Whose it is.
        inode: What a process's descriptor of it is called by: `socket:[inode]`.
        queue: How many connections wait to be accepted.
    """

    __slots__ = ("inode", "port", "queue", "user_id")

    def __init__(self, port: int, user_id: int, inode: int, queue: int = 0) -> None:
        self.port = port
        self.user_id = user_id
        self.inode = inode
        self.queue = queue


def listening(ports: "Collection[int]") -> frozenset[int]:
    """Which of these ports have a listener, on any address."""
    if HAS_PROC:
        return frozenset(found.port for found in sockets() if found.port in ports)
    return frozenset(port for port in ports if any(answers(*place, port) for place in LOOPBACK))


def answers(family: int, address: str, port: int) -> bool:
    """Whether a connection is accepted at once, as it is on a loopback address."""
    try:
        probe = _socket.socket(family, _socket.SOCK_STREAM)
    except OSError:
        return False
    try:
        probe.setblocking(False)
        return probe.connect_ex((address, port)) == 0
    finally:
        probe.close()


def sockets() -> list[Listener]:
    """All listening TCP sockets of this Linux machine."""
    try:
        return _of_both_families(1 << _TCP_LISTEN)
    except OSError:  # a kernel, or a container, without it
        return [found for state, found in _read() if state == _TCP_LISTEN]


def connected(ports: "Collection[int]") -> frozenset[int]:
    """Which of these ports a connection has on this side, open or just closed (TIME_WAIT).

    A server that does not set SO_REUSEADDR cannot listen on such a port: socket(7). Where that
    cannot be told, none has.
    """
    if not ports or not HAS_PROC:
        return frozenset()
    try:
        found = _of_both_families(0xFFFF & ~(1 << _TCP_LISTEN))
    except OSError:
        found = [one for state, one in _read() if state != _TCP_LISTEN]
    return frozenset(one.port for one in found if one.port in ports)


def _of_both_families(states: int) -> list[Listener]:
    families = (_socket.AF_INET, _socket.AF_INET6)
    return [found for family in families for found in _asked(family, states)]


def _asked(family: int, states: int) -> "Iterator[Listener]":
    body = bytes((family, _socket.IPPROTO_TCP, 0, 0)) + _native(states) + bytes(48)
    header = (
        _native(_HEADER_BYTES + len(body))
        + _native(_SOCK_DIAG_BY_FAMILY, 2)
        + _native(_NLM_F_REQUEST | _NLM_F_DUMP, 2)
        + bytes(8)
    )
    link = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        link.send(header + body)
        while True:
            answer = link.recv(1 << 16)
            start = 0
            while start < len(answer):
                length, kind = _number(answer, start), _number(answer, start + 4, 2)
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR or length < _HEADER_BYTES:
                    raise OSError("sock_diag refused")
                # struct inet_diag_msg: four bytes, the port in network order, ..., the queue (of
                # a listener: what waits for accept(2)), another one, user, inode.
                message = start + _HEADER_BYTES
                port = int.from_bytes(answer[message + 4 : message + 6], "big")
                user_id, inode = _number(answer, message + 64), _number(answer, message + 68)
                yield Listener(port, user_id, inode, _number(answer, message + 56))
                start += (length + 3) & ~3
    finally:
        link.close()


def _native(number: int, size: int = 4) -> bytes:
    return number.to_bytes(size, sys.byteorder)


def _number(data: bytes, start: int, size: int = 4) -> int:
    return int.from_bytes(data[start : start + size], sys.byteorder)


def _read() -> "list[tuple[int, Listener]]":
    """The same from proc(5), /proc/net/tcp: each with its state."""
    found: list[tuple[int, Listener]] = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read_bytes(path).split(b"\n"):
            fields = line.split()
            if len(fields) > 9 and fields[0] != b"sl":
                port = int(fields[1].rpartition(b":")[2], 16)
                # The second of the two queues is that of accept(2).
                queue = int(fields[4].rpartition(b":")[2], 16)
                listener = Listener(port, int(fields[7]), int(fields[9]), queue)
                found.append((int(fields[3], 16), listener))
    return found
