"""The proxy's own answers if a service does not answer properly."""

import socket
from collections.abc import Callable

import pytest

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.http.upstream_status import (
    StackStatus,
    UpstreamStatus,
)
from tests.support.proxies import (
    Caller,
    Proxy,
    Service,
    raw,
)


def test_the_page_of_an_unknown_name_lists_the_routes(proxy: Callable[..., Proxy]) -> None:
    between = proxy(a=1, b=2)
    text = between.get("c.shop.localhost").decode()
    assert text.startswith("HTTP/1.1 404 Not Found\r\n")
    # The command as typed, directly before the list.
    assert "portweave alias c.shop PORT" in text
    assert f"These are registered:\n  a.localhost  http://a.localhost:{between.port}\n" in text
    assert f"http://b.localhost:{between.port}" in text
    between.routes.append(RouteInfo("<script>.localhost", 3))
    page = between.get("c.localhost", "/", "Accept: text/html,*/*").decode()
    assert "Content-Security-Policy: default-src 'none'" in page
    assert "text/html" in page
    assert f'<a href="http://a.localhost:{between.port}">' in page
    assert "<script" not in page


@pytest.mark.parametrize("host", ["evil.example", "a.localhost.evil.example", "192.168.0.1"])
def test_a_request_by_a_foreign_name_learns_nothing(proxy: Callable[..., Proxy], host: str) -> None:
    answer = proxy(secret=1).get(host)
    assert b" 404 " in answer
    assert b"secret" not in answer


@pytest.mark.parametrize("port", [1, 0, -1, 70000])
def test_the_page_of_a_service_that_is_down_reloads(proxy: Callable[..., Proxy], port: int) -> None:
    between = proxy(a=port)
    assert b"HTTP/1.1 503 Service Unavailable\r\n" in between.get("a.localhost")
    page = between.get("a.localhost", "/", "Accept: text/html")
    assert b'http-equiv="refresh"' in page
    with between.connect() as caller:
        caller.send("HEAD / HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n")
        assert caller.rest().endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("state", "title"),
    [("starting", "is not up yet\n"), ("failed: exited with status 3", "is not up\n")],
)
def test_the_page_says_yet_only_if_the_service_can_start(
    proxy: Callable[..., Proxy], state: str, title: str
) -> None:
    class Knows(StackStatus):
        async def ask(self, target: object) -> UpstreamStatus:
            return UpstreamStatus(state)

    assert f"a.localhost {title}".encode() in proxy(advice=Knows(), a=1).get("a.localhost")


def test_earlier_routes_stay_if_the_lookup_raises(proxy: Callable[..., Proxy]) -> None:
    between = proxy(a=1)
    assert b" 503 " in between.get("a.localhost")
    # So that `get_routes` raises.
    del between.routes
    assert b" 503 " in between.get("a.localhost")


def test_a_request_waits_for_a_restarting_service(proxy: Callable[..., Proxy]) -> None:
    class Soon(StackStatus):
        async def ask(self, target: object) -> UpstreamStatus:
            return UpstreamStatus(patience_s=10.0)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    between = proxy(advice=Soon(), a=port)
    with between.connect() as caller, socket.socket() as listener:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n")
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.settimeout(10)
        taken, _ = listener.accept()
        with Caller(taken=taken) as behind:
            behind.head()
            behind.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert b" 200 " in caller.rest()


def test_the_page_names_another_port_of_the_service(proxy: Callable[..., Proxy]) -> None:
    class Knows(StackStatus):
        async def ask(self, target: object) -> UpstreamStatus:
            return UpstreamStatus(ports=(5173,))

    answer = proxy(advice=Knows(), a=1).get("a.localhost")
    assert b"HTTP/1.1 502 Bad Gateway" in answer
    assert b"it listens on 5173" in answer


def test_a_request_is_answered_although_the_state_lookup_fails(
    proxy: Callable[..., Proxy],
) -> None:
    class Fails(StackStatus):
        async def ask(self, target: object) -> UpstreamStatus:
            raise LookupError("no such thing")

    between = proxy(advice=Fails(), a=1)
    answer = between.get("a.localhost")
    assert b"HTTP/1.1 503 Service Unavailable" in answer
    assert b"it does not answer" in answer
    told = between.take_errors()
    assert told
    assert "what is known of a.localhost could not be found out: LookupError" in told[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "it has closed the connection"),
        (b"SSH-2.0-OpenSSH\r\n", "its answer is not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 600_000, "too long"),
    ],
    ids=["nothing", "ssh", "lengths", "gzip", "flood"],
)
def test_a_broken_answer_is_reported(
    service: Callable[..., Service], proxy: Callable[..., Proxy], answer: bytes, words: str
) -> None:
    found = proxy(a=service(raw(answer)).port).get("a.localhost").decode()
    assert found.startswith("HTTP/1.1 502 Bad Gateway")
    assert words in found
