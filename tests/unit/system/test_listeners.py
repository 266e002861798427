"""Answers of the kernel about TCP sockets."""

import socket
import struct
import sys

import pytest

from portweave.system.listeners import DiagSocket, read_answer, tcp_sockets

INET_DIAG = 20
ERROR, DONE = 2, 3


def message(kind: int = INET_DIAG, *, port: int = 80, user_id: int = 0, inode: int = 5) -> bytes:
    body = struct.pack("=I", 0) + port.to_bytes(2, "big") + bytes(50)
    body += struct.pack("=IIII", 3, 0, user_id, inode)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def read(answer: bytes) -> tuple[list[tuple[int, int, int, int]], bool]:
    """The sockets in an answer, and whether no more follow."""
    found: list[tuple[int, int, int, int]] = []
    sockets = read_answer(answer)
    while True:
        try:
            one: DiagSocket = next(sockets)
        except StopIteration as end:
            return found, end.value
        found.append((one.port, one.user_id, one.inode, one.queue))


def test_an_answer_holds_port_user_inode_and_queue() -> None:
    assert read(message(port=3000, user_id=1000)) == ([(3000, 1000, 5, 3)], False)


def test_an_answer_may_hold_several_sockets_and_the_end() -> None:
    answer = message() + message(port=81) + message(DONE)
    assert read(answer) == ([(80, 0, 5, 3), (81, 0, 5, 3)], True)
    assert read(message(DONE)) == ([], True)


@pytest.mark.parametrize("answer", [b"", message()[:-1], message(ERROR)])
def test_an_error_or_an_incomplete_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(OSError, match="sock_diag"):
        read(answer)


@pytest.mark.skipif(sys.platform != "linux", reason="sock_diag(7) is of Linux")
def test_the_kernel_finds_a_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = list(tcp_sockets(socket.AF_INET, 1 << 10, is_dump=True))
        assert port in [one.port for one in found]
    with pytest.raises(OSError):  # noqa: PT011 - the kernel's own text
        list(tcp_sockets(socket.AF_INET, 0xFFFF_FFFF, is_dump=False))
