"""WebSockets over HTTP/2 (RFC 8441)."""

from collections.abc import Callable

import pytest

from tests.support.http2_client import (
    Answer,
    StreamCaller,
)
from tests.support.https_proxies import (
    Secure,
    websocket,
)
from tests.support.proxies import (
    Service,
    raw,
)


def test_websockets_over_http_2(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    behind = service(websocket)
    with tls_proxy(a=behind.port).streams() as caller:
        number = connect_websocket(caller, "/chat")
        # Before the service accepts the WebSocket.
        caller.send(number, b"ab")
        assert caller.head(number).status == 200
        assert "sec-websocket-accept" not in caller.answers[number].fields
        assert caller.body(number, 4) == b"abab"
        caller.send(number, b"c" * 100_000)
        caller.body(number, 200_004)
        caller.send(number, b"", end=True)
        assert caller.answer(number).body.endswith(b"bye")
    assert behind.seen[0].startswith(b"GET /chat HTTP/1.1\r\nHost: a.localhost\r\n")
    assert b"Connection: Upgrade\r\nUpgrade: websocket\r\n" in behind.seen[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
    ],
    ids=["no tunnel", "wrong key"],
)
def test_a_websocket_that_the_service_does_not_accept_fails(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure], answer: bytes
) -> None:
    with tls_proxy(a=service(raw(answer)).port).streams() as caller:
        number = connect_websocket(caller)
        assert caller.answer(number).status == 502


def connect_websocket(caller: StreamCaller, path: str = "/") -> int:
    number = caller.h2.get_next_available_stream_id()
    caller.answers[number] = Answer()
    head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")]
    head += [(":path", path), (":authority", "a.localhost")]
    caller.h2.send_headers(number, head)
    caller.flush()
    return number
