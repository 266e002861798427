"""Which user has connected?

A port of the loopback interface is open to every user of the machine. Linux tells whose the other
end of a connection is (sock_diag(7)); macOS does not tell this to us.
"""

import os
import socket
import struct
import sys

from portweave.system.processes import (
    HAS_PROC,
    read_bytes,
)

# Whether this can be told at all.
IS_KNOWN = HAS_PROC
_ROOT = 0
# From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
# Family, protocol, states; then the two ends: ports, addresses, interface, cookie.
_REQUEST = struct.Struct("=BBxxI2s2s16s16sIII")
_ANY_COOKIE = 0xFFFF_FFFF
# The user and the inode, behind the two ends, a time and two queues.
_OWNER = struct.Struct("=II")
_OWNER_AT = _HEADER.size + 64

# An address and a port, and for IPv6 two numbers more: `socket.getpeername`.
End = tuple[str, int] | tuple[str, int, int, int]


def is_own(client: End, server: End) -> bool:
    """Whether a loopback connection comes from this user, or from root, who may do all.

    Args:
        client: The end of the one who has connected.
        server: Ours.
    """
    return not IS_KNOWN or user_of(client, server) in (os.getuid(), _ROOT)


def is_stranger(client: End, server: End) -> bool:
    """Whether a loopback connection surely comes from another user, who is not root.

    Args:
        client: The end of the one who has connected.
        server: Ours.
    """
    return IS_KNOWN and user_of(client, server) not in (None, os.getuid(), _ROOT)


def user_of(client: End, server: End) -> int | None:
    """The user that a connection on this machine comes from; None where none is found.

    Args:
        client: The end of the one who has connected.
        server: Ours.
    """
    try:
        return _asked(client, server)
    except OSError:  # a kernel, or a container, without it
        user_id = user_in_table(read_bytes("/proc/net/tcp"), client, server)
        if user_id is None:
            user_id = user_in_table(read_bytes("/proc/net/tcp6"), client, server)
        return user_id


def _asked(client: End, server: End) -> int | None:
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    request = _REQUEST.pack(
        family,
        socket.IPPROTO_TCP,
        _ANY_COOKIE,
        client[1].to_bytes(2, "big"),
        server[1].to_bytes(2, "big"),
        socket.inet_pton(family, client[0]),
        socket.inet_pton(family, server[0]),
        0,
        _ANY_COOKIE,
        _ANY_COOKIE,
    )
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
        link.send(header + request)
        return user_in_answer(link.recv(1 << 13))


def user_in_answer(answer: bytes) -> int | None:
    """The user in an answer of sock_diag(7); None where the socket has no owner any more.

    Raises:
        OSError: It is no answer, but a refusal.
    """
    if len(answer) < _OWNER_AT + _OWNER.size or _HEADER.unpack_from(answer)[1] != (
        _SOCK_DIAG_BY_FAMILY
    ):
        raise OSError("sock_diag knows no such connection")
    user_id, inode = _OWNER.unpack_from(answer, _OWNER_AT)
    return _owner(user_id, inode)


def user_in_table(table: bytes, client: End, server: End) -> int | None:
    """The user of a connection in the text of /proc/net/tcp or tcp6 (proc(5)); None for none."""
    ends = (_in_table(client), _in_table(server))
    for line in table.split(b"\n"):
        fields = line.split() if ends[0] in line else []
        # In the table of IPv6 an address of IPv4 has more before it.
        if fields and fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
            return _owner(int(fields[7]), int(fields[9]))
    return None


def _owner(user_id: int, inode: int) -> int | None:
    # A socket that was closed has no owner: many kernels then say user 0, some the user it had.
    return user_id if inode or user_id else None


def _in_table(end: End) -> bytes:
    """An end as these tables have it: words of four bytes as numbers of this machine, then port."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in end[0] else socket.AF_INET, end[0])
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return f"{b''.join(words).hex()}:{end[1]:04x}".upper().encode()
