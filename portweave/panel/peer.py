"""Which user has connected?

A port of the loopback interface is open to every user of the machine. Linux tells whose the other
end of a connection is; macOS does not tell this to us.
"""

import os

from portweave.allocator.processes import HAS_PROC, read_bytes

_ROOT = 0


def is_own(client_port: int, server_port: int) -> bool:
    """Whether a connection over 127.0.0.1 comes from this user, or from root, who may do all.

    Args:
        client_port: Of the one who has connected.
        server_port: Ours.
    """
    if not HAS_PROC:
        return True
    return _user_of(client_port, server_port) in (os.getuid(), _ROOT)


def _user_of(client_port: int, server_port: int) -> int | None:
    # proc(5), /proc/net/tcp: addresses are in hexadecimal, the user is the eighth field.
    ends = (f":{client_port:04X}".encode(), f":{server_port:04X}".encode())
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read_bytes(path).split(b"\n"):
            if ends[0] in line and ends[1] in line:
                fields = line.split()
                if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
                    return int(fields[7])
    return None
