"""Which TCP ports have a listener on this machine, or a connection.

Linux answers by sock_diag(7), which reads only the sockets in the states that were asked for.
/proc/net/tcp costs more than the rest of a `portweave run`, so it is the second choice. Neither
disturbs the listener.
"""

import _socket

from portweave.system.processes import (
    HAS_PROC,
    read_bytes,
)
from portweave.system.sock_diag import DiagSocket, tcp_sockets

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection

LOOPBACK = ((_socket.AF_INET, "127.0.0.1"), (_socket.AF_INET6, "::1"))
# From linux/tcp_states.h.
_TCP_LISTEN = 10


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
                port = int(fields[1].rpartition(b":")[2], 16)
                # The second of the two queues counts what waits for accept(2).
                queue = int(fields[4].rpartition(b":")[2], 16)
                listener = DiagSocket(port, int(fields[7]), int(fields[9]), queue)
                found.append((int(fields[3], 16), listener))
    return found
