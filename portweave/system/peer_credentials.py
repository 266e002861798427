"""Find the user at the other end of a loopback connection.

A port of the loopback interface is open to every user of the machine. Linux tells the user at the
other end of a connection (sock_diag(7)); macOS does not.
"""

import os
import socket
import struct
import sys

from portweave.system.listeners import tcp_sockets
from portweave.system.processes import (
    HAS_PROC,
    read_bytes,
)

# Whether the system tells the user at all.
IS_KNOWN = HAS_PROC
_ROOT = 0
# struct inet_diag_sockid of linux/inet_diag.h: ports, addresses, interface, cookie.
_ENDS = struct.Struct("=2s2s16s16sIII")
_ANY_STATE = _ANY_COOKIE = 0xFFFF_FFFF

# An address and a port, and for IPv6 two numbers more: `socket.getpeername`.
End = tuple[str, int] | tuple[str, int, int, int]


def is_own(client: End, server: End) -> bool:
    """Whether a loopback connection comes from this user or from root, which may do all.

    Args:
        client: The end that connected.
        server: The end that accepted: this process.
    """
    return not IS_KNOWN or user_of(client, server) in (os.getuid(), _ROOT)


def is_stranger(client: End, server: End) -> bool:
    """Whether a loopback connection surely comes from another user than this one and root.

    Args:
        client: The end that connected.
        server: The end that accepted: this process.
    """
    return IS_KNOWN and user_of(client, server) not in (None, os.getuid(), _ROOT)


def user_of(client: End, server: End) -> int | None:
    """The user id at the client's end of a connection on this machine; None if unknown.

    Args:
        client: The end that connected.
        server: The end that accepted: this process.
    """
    try:
        return _from_kernel(client, server)
    except OSError:  # a kernel or a container without sock_diag
        user_id = user_in_table(read_bytes("/proc/net/tcp"), client, server)
        if user_id is None:
            user_id = user_in_table(read_bytes("/proc/net/tcp6"), client, server)
        return user_id


def _from_kernel(client: End, server: End) -> int | None:
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    ends = _ENDS.pack(
        client[1].to_bytes(2, "big"),
        server[1].to_bytes(2, "big"),
        socket.inet_pton(family, client[0]),
        socket.inet_pton(family, server[0]),
        0,
        _ANY_COOKIE,
        _ANY_COOKIE,
    )
    [found] = tcp_sockets(family, _ANY_STATE, ends, is_dump=False)
    return _owner(found.user_id, found.inode)


def user_in_table(table: bytes, client: End, server: End) -> int | None:
    """The user id of a connection, as /proc/net/tcp or tcp6 has it (proc(5)); None if unknown.

    Args:
        table: The text of the file.
        client: The end that connected.
        server: The end that accepted.
    """
    ends = (_in_table(client), _in_table(server))
    for line in table.split(b"\n"):
        fields = line.split() if ends[0] in line else []
        # The table of IPv6 has more digits before an address of IPv4.
        if fields and fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
            return _owner(int(fields[7]), int(fields[9]))
    return None


def _owner(user_id: int, inode: int) -> int | None:
    # A closed socket has no owner. Many kernels then say user 0, some the user it had.
    return user_id if inode or user_id else None


def _in_table(end: End) -> bytes:
    """An end as these tables write it: words of four bytes in native order, then the port."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in end[0] else socket.AF_INET, end[0])
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return f"{b''.join(words).hex()}:{end[1]:04x}".upper().encode()
