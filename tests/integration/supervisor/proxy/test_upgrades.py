"""Upgrades to other protocols."""

import socket
import threading
from collections.abc import Callable

from tests.support.proxies import (
    Caller,
    Proxy,
    Service,
    raw,
)

UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)


def echo(caller: Caller, service: Service) -> None:
    service.seen.append(caller.head())
    caller.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket")
    caller.send(b"\r\nSec-WebSocket-Accept: x\r\n\r\nhi")
    while data := caller.socket.recv(65_536):
        caller.send(data)
    caller.send(b"bye")


def test_bytes_of_another_protocol_pass_unchanged(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service(echo)
    with proxy(a=behind.port).connect() as caller:
        caller.send(UPGRADE + "early")
        head = caller.head()
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        for line in (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Accept: x"):
            assert line in head
        assert caller.exactly(7) == b"hiearly"
        data = bytes(range(256)) * 4000
        writer = threading.Thread(target=caller.send, args=(data,))
        writer.start()
        assert caller.exactly(len(data)) == data
        writer.join()
        caller.socket.shutdown(socket.SHUT_WR)
        assert caller.rest() == b"bye"
    assert b"Connection: Upgrade\r\nUpgrade: websocket\r\n" in behind.seen[0]


def test_a_close_of_one_side_closes_the_other_side(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    is_over = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        caller.rest()
        is_over.set()

    between = proxy(a=service(serve).port)
    with between.connect() as caller:
        caller.send(UPGRADE)
        caller.head()
    assert is_over.wait(10)


def test_bytes_after_a_refused_upgrade_are_a_request(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """Passed on at once, it would be a request that the proxy has not checked."""
    a, b = service(), service()
    with proxy(a=a.port, b=b.port).connect() as caller:
        caller.send(UPGRADE + "GET /second HTTP/1.1\r\nHost: b.localhost\r\n\r\n")
        assert b"GET /ws" in caller.answer()
        assert b"X-Forwarded-For" in caller.answer()
    assert len(a.seen) == len(b.seen) == 1


def test_an_upgrade_may_be_refused_with_a_chunked_answer(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    answer = b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
    with proxy(a=service(raw(answer)).port).connect() as caller:
        caller.send(UPGRADE)
        assert b" 403 No" in caller.head()
        assert caller.until(b"0\r\n\r\n") == b"2\r\nno\r\n0\r\n\r\n"


def test_upgrades_to_http_2_are_ignored_and_keep_their_bodies(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service()
    with proxy(a=behind.port).connect() as caller:
        for upgrade in ("h2c", "websocket"):
            caller.send(
                "POST / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                f"Upgrade: {upgrade}\r\nHTTP2-Settings: x\r\nContent-Length: 5\r\n\r\nhello"
            )
            assert caller.answer().endswith(b"hello")
        caller.send(UPGRADE.replace("websocket", "h2c"))
        assert b"GET /ws" in caller.answer()
    assert not any(b"pgrade" in head or b"Settings" in head for head in behind.seen)


def test_an_upgrade_for_an_unknown_host_is_answered(proxy: Callable[..., Proxy]) -> None:
    with proxy().connect() as caller:
        caller.send(UPGRADE)
        assert b" 404 " in caller.answer()


def test_a_service_may_not_change_the_protocol_unasked(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    answer = b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nevil"
    found = proxy(a=service(raw(answer)).port).get("a.localhost")
    assert b" 502 " in found
    assert b"without being asked" in found
