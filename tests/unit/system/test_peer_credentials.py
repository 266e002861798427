"""The user at the other end of a connection, as /proc/net/tcp tells it."""

import struct

import pytest

from portweave.system.peer_credentials import End, user_in_table

# As a little-endian machine prints them.
TCP = b"""\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:054B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 x
   1: 0200007F:9C40 0100007F:054B 01 00000000:00000000 00:00000000 00000000  1001        0 12 1 x
   2: 0100007F:9C40 0100007F:054B 01 00000000:00000000 00:00000000 00000000  1000        0 13 1 x
   3: 0100007F:054B 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     7        0 14 1 x
   4: 0100007F:9C41 0100007F:054B 04 00000000:00000000 00:00000000 00000000     0        0 0 1 x
"""
TCP6 = b"""\
  sl  local_address                         remote_address                        st ...
   0: 00000000000000000000000001000000:9C42 00000000000000000000000001000000:054B 01 \
00000000:00000000 00:00000000 00000000  1002        0 15 1 x
   1: 0000000000000000FFFF00000100007F:9C43 0000000000000000FFFF00000100007F:054B 01 \
00000000:00000000 00:00000000 00000000  1003        0 16 1 x
"""


@pytest.mark.skipif(struct.pack("=H", 1) != b"\1\0", reason="the tables are little-endian")
@pytest.mark.parametrize(
    ("table", "client", "server", "user"),
    [
        pytest.param(
            TCP,
            ("127.0.0.1", 40_000),
            ("127.0.0.1", 1355),
            1000,
            id="the client's end",
        ),
        pytest.param(TCP, ("127.0.0.2", 40_000), ("127.0.0.1", 1355), 1001, id="by its address"),
        pytest.param(TCP, ("127.0.0.1", 40_001), ("127.0.0.1", 1355), None, id="closed: no user"),
        pytest.param(TCP, ("127.0.0.1", 40_009), ("127.0.0.1", 1355), None, id="unknown"),
        pytest.param(TCP6, ("::1", 40_002, 0, 0), ("::1", 1355, 0, 0), 1002, id="IPv6"),
        pytest.param(TCP6, ("127.0.0.1", 40_003), ("127.0.0.1", 1355), 1003, id="IPv4 by IPv6"),
        pytest.param(b"", ("127.0.0.1", 40_000), ("127.0.0.1", 1355), None, id="no table"),
    ],
)
def test_a_table_tells_the_user_of_the_client(
    table: bytes, client: End, server: End, user: int | None
) -> None:
    assert user_in_table(table, client, server) == user
