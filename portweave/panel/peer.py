"""Which user has connected?

A port of the loopback interface is open to every user of the machine. Linux tells whose the other
end of a connection is (sock_diag(7)); macOS does not tell this to us.
"""

import os
import socket
import struct

from portweave.allocator.processes import HAS_PROC, read_bytes

_ROOT = 0
# From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
# Family, protocol, states; then the two ends: ports, addresses, interface, cookie.
_REQUEST = struct.Struct("=BBxxI2s2s16s16sIII")
_ANY_COOKIE = 0xFFFF_FFFF
_USER_AT = _HEADER.size + 64
_LOOPBACK = socket.inet_aton("127.0.0.1").ljust(16, b"\0")


def is_own(client_port: int, server_port: int) -> bool:
    """Whether a connection over 127.0.0.1 comes from this user, or from root, who may do all.

    Args:
        client_port: Of the one who has connected.
        server_port: Ours.
    """
    if not HAS_PROC:
        return True
    try:
        user_id = _asked(client_port, server_port)
    except OSError:  # a kernel, or a container, without it
        user_id = _read(client_port, server_port)
    return user_id in (os.getuid(), _ROOT)


def _asked(client_port: int, server_port: int) -> int | None:
    request = _REQUEST.pack(
        socket.AF_INET,
        socket.IPPROTO_TCP,
        _ANY_COOKIE,
        client_port.to_bytes(2, "big"),
        server_port.to_bytes(2, "big"),
        _LOOPBACK,
        _LOOPBACK,
        0,
        _ANY_COOKIE,
        _ANY_COOKIE,
    )
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
        link.send(header + request)
        answer = link.recv(1 << 13)
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        raise OSError("sock_diag knows no such connection")
    user_id: int = struct.unpack_from("=I", answer, _USER_AT)[0]
    return user_id


def _read(client_port: int, server_port: int) -> int | None:
    # proc(5), /proc/net/tcp: addresses are in hexadecimal, the user is the eighth field.
    ends = (f":{client_port:04X}".encode(), f":{server_port:04X}".encode())
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read_bytes(path).split(b"\n"):
            fields = line.split() if ends[0] in line else []
            if fields and fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
                return int(fields[7])
    return None
