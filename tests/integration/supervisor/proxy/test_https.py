"""HTTP/1.1 over TLS, and the redirect of plain requests."""

import ssl
from collections.abc import Callable

import pytest

from portweave.routes import RouteInfo
from tests.support.https_proxies import (
    Secure,
    echo,
    websocket,
)
from tests.support.proxies import Service


@pytest.mark.parametrize(
    ("request_line", "host", "location"),
    [
        ("GET /x?y", "a.localhost:{port}", "https://a.localhost:{port}/x?y"),
        ("POST /x", "a.localhost", "https://a.localhost:{port}/x"),
        ("GET /", "unknown.localhost:80", "https://unknown.localhost:80/"),
        ("OPTIONS *", "[::1]", "https://[::1]:{port}/"),
        ("GET /", "elsewhere.example", "https://elsewhere.example:{port}/"),
    ],
)
def test_plain_requests_are_redirected_to_https(
    tls_proxy: Callable[..., Secure], request_line: str, host: str, location: str
) -> None:
    between = tls_proxy(a=1)
    between.routes.append(RouteInfo("elsewhere.example", 1))
    host, location = (text.format(port=between.port) for text in (host, location))
    answer = between.ask(f"{request_line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 307 Temporary Redirect\r\n")
    assert f"\r\nLocation: {location}\r\n".encode() in answer
    assert b"\r\nCache-Control: no-store\r\n" in answer


def test_requests_are_not_redirected_to_a_foreign_name(tls_proxy: Callable[..., Secure]) -> None:
    answer = tls_proxy(a=1).get("bank.example")
    assert b" 404 " in answer
    assert b"Location" not in answer
    assert b"a.localhost" not in answer


def test_an_outer_proxy_may_terminate_https(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    answer = tls_proxy(a=service().port).get("a.localhost", "/", "X-Forwarded-Proto: https")
    assert b" 200 " in answer


def test_plain_websockets_are_passed_on(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    with tls_proxy(a=service(websocket).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\n")
        caller.send("Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n")
        assert b" 101 " in caller.head()
        caller.send("ab")
        assert caller.exactly(4) == b"abab"


def test_a_service_learns_of_https(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    with tls_proxy(a=service().port).secure() as caller:
        for _ in range(2):
            caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            answer = caller.answer()
            assert b"X-Forwarded-Proto: https\r\n" in answer
            assert b"X-Forwarded-Port: 443\r\n" in answer


def test_ten_megabytes_pass_in_both_directions(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure]
) -> None:
    body = bytes(range(256)) * 40_000
    with tls_proxy(a=service(echo).port).secure() as caller:
        caller.send(f"POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: {len(body)}\r\n\r\n")
        caller.send(body)
        caller.head()
        assert caller.exactly(len(body)) == body


def test_websockets_over_tls(
    service: Callable[..., Service],
    tls_proxy: Callable[..., Secure],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tls_proxy(a=service(websocket).port).secure() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\n")
        caller.send("Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n")
        assert b" 101 " in caller.head()
        caller.send("ab")
        assert caller.exactly(4) == b"abab"
        assert isinstance(caller.socket, ssl.SSLSocket)
        # TLS has no half-open connections: the other side closes, too.
        caller.socket.unwrap().close()
    assert caplog.messages == []


def test_a_refused_client_can_read_the_reason(tls_proxy: Callable[..., Secure]) -> None:
    with tls_proxy().secure() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a b\r\n\r\n" + "x" * 1000)
        assert b" 400 " in caller.answer()
        caller.send("more")
        caller.socket.close()
