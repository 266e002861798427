"""Which TCP ports have a listener on this machine, or a connection.

Linux answers by sock_diag(7), which reads only the sockets in the states that were asked for. The
layouts are those of linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h. /proc/net/tcp costs
more than the rest of a `portweave run`, so it is the second choice. Neither disturbs the listener.
"""

import _socket
import sys

from portweave.system.processes import (
    HAS_PROC,
    read_bytes,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator

LOOPBACK = ((_socket.AF_INET, "127.0.0.1"), (_socket.AF_INET6, "::1"))
# From linux/tcp_states.h.
_TCP_LISTEN = 10
# Established, and those of which one side has been closed.
_OPEN = (1, 4, 5, 8, 9, 11)
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_DONE = 3
_HEADER_BYTES = 16
_INET_DIAG_BYTES = 72
# struct inet_diag_sockid, if a request is not about one connection.
ANY_ENDS = bytes(48)


class DiagSocket:
    """A socket, as the kernel describes it in a struct inet_diag_msg.

    Attributes:
        port: The port on this side.
        queue: Of a listener, the number of connections that wait for accept(2).
        user_id: The socket's user.
        inode: The number in a descriptor's link `socket:[inode]`; 0 after close(2).
        peer_port: The port on the other side; 0 of a listener.
    """

    __slots__ = ("inode", "peer_port", "port", "queue", "user_id")

    def __init__(
        self, port: int, user_id: int, inode: int, queue: int = 0, peer_port: int = 0
    ) -> None:
        self.port = port
        self.peer_port = peer_port
        self.user_id = user_id
        self.inode = inode
        self.queue = queue


def listening(ports: "Collection[int]") -> frozenset[int]:
    """Which of these ports have a listener, on any address."""
    if HAS_PROC:
        return frozenset(found.port for found in sockets() if found.port in ports)
    return frozenset(port for port in ports if any(answers(*place, port) for place in LOOPBACK))


def answers(family: int, address: str, port: int) -> bool:
    """Whether a listener accepts a connection at once, as it does on a loopback address.

    Args:
        family: `AF_INET` or `AF_INET6`.
        address: A loopback address.
        port: The port.
    """
    try:
        probe = _socket.socket(family, _socket.SOCK_STREAM)
    except OSError:
        return False
    try:
        probe.setblocking(False)
        return probe.connect_ex((address, port)) == 0
    finally:
        probe.close()


def sockets() -> list[DiagSocket]:
    """All listening TCP sockets of this Linux machine."""
    try:
        return _of_both_families(1 << _TCP_LISTEN)
    except OSError:  # a kernel or a container without sock_diag
        return [found for state, found in _read() if state == _TCP_LISTEN]


def connected(ports: "Collection[int]") -> frozenset[int]:
    """Which of these ports have a connection on this side, open or just closed (TIME_WAIT).

    A server that does not set SO_REUSEADDR cannot listen on such a port: socket(7). The result is
    empty where the system does not tell.
    """
    if not ports or not HAS_PROC:
        return frozenset()
    try:
        found = _of_both_families(0xFFFF & ~(1 << _TCP_LISTEN))
    except OSError:
        found = [one for state, one in _read() if state != _TCP_LISTEN]
    return frozenset(one.port for one in found if one.port in ports)


def open_connections() -> list[DiagSocket]:
    """Both ends of all TCP connections that a program on this machine still holds open.

    The result is empty where the system does not tell.
    """
    if not HAS_PROC:
        return []
    try:
        return _of_both_families(sum(1 << state for state in _OPEN))
    except OSError:
        return [found for state, found in _read() if state in _OPEN]


def _of_both_families(states: int) -> list[DiagSocket]:
    families = (_socket.AF_INET, _socket.AF_INET6)
    return [found for family in families for found in tcp_sockets(family, states, is_dump=True)]


def _read() -> "list[tuple[int, DiagSocket]]":
    """State and socket of each line in /proc/net/tcp and tcp6 (proc(5))."""
    found: list[tuple[int, DiagSocket]] = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read_bytes(path).split(b"\n"):
            fields = line.split()
            if len(fields) > 9 and fields[0] != b"sl":
                port, peer = (int(end.rpartition(b":")[2], 16) for end in fields[1:3])
                # The second of the two queues counts what waits for accept(2).
                queue = int(fields[4].rpartition(b":")[2], 16)
                listener = DiagSocket(port, int(fields[7]), int(fields[9]), queue, peer)
                found.append((int(fields[3], 16), listener))
    return found


def tcp_sockets(
    family: int, states: int, ends: bytes = ANY_ENDS, *, is_dump: bool
) -> "Iterator[DiagSocket]":
    """The TCP sockets that the kernel finds.

    Args:
        family: `AF_INET` or `AF_INET6`.
        states: The states to look for, a bit for each (linux/tcp_states.h).
        ends: A struct inet_diag_sockid that names one connection.
        is_dump: Whether to get all sockets in these states, or the one that `ends` names.

    Raises:
        OSError: The kernel lacks sock_diag, refuses, or knows no such connection.
    """
    flags = _NLM_F_REQUEST | (_NLM_F_DUMP if is_dump else 0)
    body = bytes((family, _socket.IPPROTO_TCP, 0, 0)) + _native(states) + ends
    header = (
        _native(_HEADER_BYTES + len(body))
        + _native(_SOCK_DIAG_BY_FAMILY, 2)
        + _native(flags, 2)
        + bytes(8)
    )
    link = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        link.send(header + body)
        is_done = False
        while not is_done:
            is_done = (yield from read_answer(link.recv(1 << 16))) or not is_dump
    finally:
        link.close()


def read_answer(answer: bytes) -> "Generator[DiagSocket, None, bool]":
    """Read the sockets in what one recv(2) returned.

    Returns:
        Whether the kernel says that no more sockets follow.

    Raises:
        OSError: The answer is an error, or incomplete.
    """
    start = 0
    while True:
        length, kind = _number(answer, start), _number(answer, start + 4, 2)
        if kind == _NLMSG_DONE:
            return True
        end = start + max(length, _HEADER_BYTES + _INET_DIAG_BYTES)
        if kind != _SOCK_DIAG_BY_FAMILY or end > len(answer):
            raise OSError("sock_diag refused, or knows no such connection")
        message = start + _HEADER_BYTES
        yield DiagSocket(
            # In network byte order, after four bytes about the state.
            int.from_bytes(answer[message + 4 : message + 6], "big"),
            _number(answer, message + 64),
            _number(answer, message + 68),
            _number(answer, message + 56),
            int.from_bytes(answer[message + 6 : message + 8], "big"),
        )
        start += (length + 3) & ~3
        if start >= len(answer):
            return False


def _native(number: int, size: int = 4) -> bytes:
    return number.to_bytes(size, sys.byteorder)


def _number(data: bytes, start: int, size: int = 4) -> int:
    return int.from_bytes(data[start : start + size], sys.byteorder)
