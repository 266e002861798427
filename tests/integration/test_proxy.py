"""The proxy between real sockets: routing, framing, streaming, failures."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from portweave.errors import ProxyPortError
from portweave.routes import RouteInfo, create_proxy_server
from portweave.supervisor.proxy import client as client_module
from portweave.supervisor.proxy import server as server_module
from portweave.supervisor.proxy.server import Advice, Standing
from portweave.supervisor.quickloop import QuickLoop
from tests.proxies import Caller, Held, Proxy, Service, plain, raw, services

Serve = Callable[[Caller, Service], object]


@pytest.fixture
def service() -> Iterator[Callable[..., Service]]:
    """Start services: `service(plain)`."""
    yield from services()


@pytest.fixture(params=[QuickLoop, asyncio.SelectorEventLoop])
def proxy(request: pytest.FixtureRequest) -> Iterator[Callable[..., Proxy]]:
    """Start proxies: `proxy(a=service.port)` has the route a.localhost."""
    made: list[Proxy] = []

    def start(*, wildcard: bool = False, advice: Advice | None = None, **ports: int) -> Proxy:
        routes = [RouteInfo(f"{name}.localhost", port) for name, port in ports.items()]
        made.append(Proxy(routes, wildcard=wildcard, advice=advice, make_loop=request.param))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_each_request_of_a_connection_has_its_own_host(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    a, b = service(), service()
    between = proxy(a=a.port, b=b.port)
    with between.connect() as caller:
        for name in "abab":
            caller.send(f"GET /{name} HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n")
            assert f"GET /{name} HTTP/1.1".encode() in caller.answer()
    assert (a.connections, b.connections) == (1, 1)


@pytest.mark.parametrize(
    ("target", "host", "passed_on"),
    [
        ("/x?y", "a.localhost", b"GET /x?y HTTP/1.1\r\nHost: a.localhost\r\n"),
        ("/", "A.LocalHost:1355", b"Host: A.LocalHost:1355\r\n"),
        ("/", "a.localhost.", b"Host: a.localhost.\r\n"),
        ("/", "a.localhost.:80", b"Host: a.localhost.:80\r\n"),
        ("http://a.localhost/x", "b.localhost", b"GET /x HTTP/1.1\r\nHost: a.localhost\r\n"),
        ("HTTP://a.localhost:1", "", b"GET / HTTP/1.1\r\nHost: a.localhost:1\r\n"),
        ("http://a.localhost?q", "b", b"GET /?q HTTP/1.1\r\n"),
    ],
)
def test_the_host_is_understood(
    service: Callable[..., Service],
    proxy: Callable[..., Proxy],
    target: str,
    host: str,
    passed_on: bytes,
) -> None:
    answer = proxy(a=service().port).get(host, target)
    assert answer.startswith(b"HTTP/1.1 200 Fine\r\n")
    assert passed_on in answer


def test_routes_are_asked_for_each_time(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy()
    assert b" 404 " in between.get("a.localhost")
    between.routes.append(RouteInfo("A.localhost", service().port))
    assert b" 200 " in between.get("a.localhost")


def test_the_longest_parent_is_taken_where_it_may_be(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    outer, inner = service(), service()
    routes = {"a": outer.port, "b.a": inner.port}
    assert b" 404 " in proxy(**routes).get("x.b.a.localhost")
    assert b" 200 " in proxy(wildcard=True, **routes).get("x.b.a.localhost")
    assert (outer.connections, inner.connections) == (0, 1)


def test_what_concerns_one_connection_is_not_passed_on(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: timeout=5"
        b"\r\nProxy-Authenticate: x\r\nX-Theirs: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    behind = service(raw(head))
    answer = proxy(a=behind.port).get(
        "a.localhost",
        "/",
        *("Connection: X-Secret, Authorization", "X-Secret: 1", "Keep-Alive: 5", "TE: trailers"),
        *("Authorization: kept", "Proxy-Connection: keep-alive", "X-Other: 2", "Cookie: c"),
    )
    for gone in (b"X-Mine", b"Keep-Alive", b"Proxy-Authenticate"):
        assert gone not in answer
    for kept in (b"X-Theirs: 2", b"Set-Cookie: a\r\nSet-Cookie: b", b"Connection: close"):
        assert kept in answer
    (seen,) = behind.seen
    for gone in (b"X-Secret", b"Keep-Alive", b"Proxy-Connection", b"close"):
        assert gone not in seen
    for kept in (b"X-Other: 2", b"Authorization: kept", b"TE: trailers", b"Connection: TE"):
        assert kept in seen


def test_a_service_is_told_who_asks(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service().port)
    answer = between.get("a.localhost:1355")
    for line in ("For: 127.0.0.1", "Proto: http", "Host: a.localhost:1355", "Port: 1355"):
        assert f"X-Forwarded-{line}\r\n".encode() in answer
    answer = between.get(
        "a.localhost",
        "/",
        *("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: out.example"),
    )
    for line in ("For: 1.2.3.4, 127.0.0.1", "Proto: https", "Host: out.example", "Port: 80"):
        assert f"X-Forwarded-{line}\r\n".encode() in answer


def test_a_request_that_goes_in_a_circle_ends(proxy: Callable[..., Proxy]) -> None:
    between = proxy()
    between.routes.append(RouteInfo("a.localhost", between.port))
    answer = between.get("a.localhost")
    assert answer.startswith(b"HTTP/1.1 508 Loop Detected")
    assert b"changeOrigin" in answer
    for header in ("X-Portweave-Hops: 5", "x-portless-hops: 5"):
        assert b" 508 " in between.get("a.localhost", "/", header)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 5", b"hello"),
        (b"Content-Length: 0", b""),
        (b"Transfer-Encoding: chunked", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        (b"X: y", b"hello"),
    ],
    ids=["length", "empty", "chunked", "until the end"],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_bodies_keep_their_bytes(
    service: Callable[..., Service],
    proxy: Callable[..., Proxy],
    head: bytes,
    body: bytes,
    version: str,
) -> None:
    behind = service(raw(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (head, body)))
    answer = proxy(a=behind.port).ask(
        f"GET / HTTP/{version}\r\nHost: a.localhost\r\nConnection: close\r\n\r\n"
    )
    head, _, found = answer.partition(b"\r\n\r\n")
    if b"chunked" in head:
        assert version == "1.1"
        found = unchunked(found)
    assert found == (b"hello" if body else b"")


def unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return whole
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_answers_without_a_body_leave_the_connection_usable(
    service: Callable[..., Service], proxy: Callable[..., Proxy], answer: bytes
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        while True:
            caller.head()
            caller.send(answer)

    behind = service(serve)
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            assert caller.head().startswith(answer[:12])
    assert behind.connections == 1


def test_head_has_the_length_and_no_body(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        while caller.head():
            caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")

    behind = service(serve)
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("HEAD / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            assert b"Content-Length: 99" in caller.head()
    assert behind.connections == 1


def test_an_event_stream_is_seen_at_once(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        caller.send(b"Transfer-Encoding: chunked\r\n\r\n")
        assert go_on.wait(10)
        caller.send(b"6\r\ndata: \r\n")
        caller.rest()

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert b"text/event-stream" in caller.head()
        go_on.set()
        assert caller.until(b"data: \r\n")


def test_a_request_is_passed_on_as_it_comes(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    has_begun = threading.Event()

    def serve(caller: Caller, service: Service) -> None:
        caller.head()
        service.seen.append(caller.until(b"3\r\none\r\n"))
        has_begun.set()
        service.seen.append(caller.until(b"0\r\nX-Last: 1\r\n\r\n"))
        caller.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        caller.send(b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("POST / HTTP/1.1\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        caller.send("3\r\none\r\n")
        assert has_begun.wait(10)
        caller.send("3;x=y\r\ntwo\r\n0\r\nX-Last: 1\r\nHost: x\r\n\r\n")
        assert caller.until(b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")


def test_ten_megabytes_go_both_ways(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    body = bytes(range(256)) * 40_000

    def serve(caller: Caller, _: Service) -> None:
        head = caller.head()
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        found = caller.exactly(size)
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        caller.send(found)

    with proxy(a=service(serve).port).connect() as caller:
        caller.send(f"POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: {len(body)}\r\n\r\n")
        caller.send(body)
        caller.head()
        assert caller.exactly(len(body)) == body


def test_who_reads_slowly_has_the_service_wait(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    is_blocked = threading.Event()
    sent = 0

    def serve(caller: Caller, _: Service) -> None:
        nonlocal sent
        caller.head()
        caller.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        caller.socket.settimeout(0.3)
        try:
            while sent < 200 << 20:
                sent += caller.socket.send(bytes(1 << 16))
        except TimeoutError:
            is_blocked.set()
            caller.socket.settimeout(10)
        caller.send(b"end")

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        caller.head()
        assert is_blocked.wait(10)
        assert sent < 32 << 20
        assert caller.until(b"end\r\n0\r\n\r\n")


def test_a_service_that_reads_slowly_has_the_client_wait(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    go_on = threading.Event()

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        assert go_on.wait(10)
        caller.until(b"end")
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with proxy(a=service(serve).port).connect() as caller:
        caller.send("POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 100000000\r\n\r\n")
        caller.socket.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100 << 20:
                sent += caller.socket.send(bytes(1 << 16))
        assert sent < 32 << 20
        go_on.set()
        caller.socket.settimeout(10)
        caller.send("end")
        assert caller.head().startswith(b"HTTP/1.1 200")


def test_a_client_that_waits_for_100_gets_it(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    def serve(caller: Caller, _: Service) -> None:
        assert b"Expect: 100-continue" in caller.head()
        caller.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        assert caller.exactly(5) == b"hello"
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with proxy(a=service(serve).port).connect() as caller:
        head = "POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 5\r\nExpect: 100-continue"
        caller.send(f"{head}\r\n\r\n")
        assert caller.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert caller.head() == b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        caller.send("hello")
        assert caller.head().startswith(b"HTTP/1.1 200")


def test_requests_sent_ahead_are_answered_in_turn(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service().port)
    one = "POST /{} HTTP/1.1\r\nHost: {}.localhost\r\nContent-Length: 1\r\n\r\n{}"
    with between.connect() as caller:
        for _ in range(3):
            caller.send("".join(one.format(n, "b" if n == 3 else "a", n) for n in range(6)))
            for n in range(6):
                answer = caller.answer()
                assert (b" 404 " if n == 3 else f"POST /{n} ".encode()) in answer


def test_a_service_on_the_other_loopback_address_is_found(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service(plain, "::1")
    between = proxy(a=behind.port)
    for _ in range(2):
        assert b" 200 " in between.get("a.localhost")


# Upgrades

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


def test_a_changed_protocol_has_its_bytes_as_they_are(
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


def test_the_end_of_one_side_is_the_end_of_the_other(
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


def test_what_follows_a_refused_upgrade_is_a_request(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """Written through at once, it would be a request that no proxy has looked at."""
    a, b = service(), service()
    with proxy(a=a.port, b=b.port).connect() as caller:
        caller.send(UPGRADE + "GET /second HTTP/1.1\r\nHost: b.localhost\r\n\r\n")
        assert b"GET /ws" in caller.answer()
        assert b"X-Forwarded-For" in caller.answer()
    assert len(a.seen) == len(b.seen) == 1


def test_a_chunked_refusal_of_an_upgrade_is_understood(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    answer = b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
    with proxy(a=service(raw(answer)).port).connect() as caller:
        caller.send(UPGRADE)
        assert b" 403 No" in caller.head()
        assert caller.until(b"0\r\n\r\n") == b"2\r\nno\r\n0\r\n\r\n"


def test_http2_is_not_changed_to_and_bodies_do_not_get_lost(
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


def test_a_service_may_not_change_the_protocol_by_itself(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    answer = b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nevil"
    found = proxy(a=service(raw(answer)).port).get("a.localhost")
    assert b" 502 " in found
    assert b"nobody asked for that" in found


# Pooling


def test_a_request_that_may_be_sent_twice_is(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """Its service ends a connection in the very moment that it is used again."""

    def serve(caller: Caller, service: Service) -> None:
        service.seen.append(caller.head())
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        caller.head()  # and no answer

    behind = service(serve)
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
            assert b" 200 " in caller.answer()
    assert len(behind.seen) == behind.connections == 3


def test_one_that_may_not_gets_a_connection_of_its_own(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service()
    with proxy(a=behind.port).connect() as caller:
        for _ in range(3):
            caller.send("POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 1\r\n\r\nx")
            assert b" 200 " in caller.answer()
    assert behind.connections == 3


def test_what_nobody_asked_for_is_no_answer(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    """An answer that lies ready is not that of the next request."""

    def serve(caller: Caller, _: Service) -> None:
        caller.head()
        caller.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        )
        caller.rest()

    between = proxy(a=service(serve).port)
    for _ in range(3):
        assert b"evil" not in between.get("a.localhost")


# What the proxy says itself


def test_an_unknown_name_is_told_which_there_are(proxy: Callable[..., Proxy]) -> None:
    between = proxy(a=1, b=2)
    text = between.get("c.shop.localhost").decode()
    assert text.startswith("HTTP/1.1 404 Not Found\r\n")
    # As it is typed, and directly before what it speaks of.
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
def test_a_stranger_is_told_nothing(proxy: Callable[..., Proxy], host: str) -> None:
    answer = proxy(secret=1).get(host)
    assert b" 404 " in answer
    assert b"secret" not in answer


@pytest.mark.parametrize("port", [1, 0, -1, 70000])
def test_a_service_that_is_not_up_is_waited_for_by_the_page(
    proxy: Callable[..., Proxy], port: int
) -> None:
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
def test_the_page_hopes_only_where_something_is_to_come(
    proxy: Callable[..., Proxy], state: str, title: str
) -> None:
    class Knows(Advice):
        async def ask(self, target: object) -> Standing:
            return Standing(state)

    assert f"a.localhost {title}".encode() in proxy(advice=Knows(), a=1).get("a.localhost")


def test_routes_that_cannot_be_told_are_those_of_before(proxy: Callable[..., Proxy]) -> None:
    between = proxy(a=1)
    assert b" 503 " in between.get("a.localhost")
    # So that who is asked for them raises.
    del between.routes
    assert b" 503 " in between.get("a.localhost")


def test_a_service_that_is_being_restarted_is_waited_for(proxy: Callable[..., Proxy]) -> None:
    class Soon(Advice):
        async def ask(self, target: object) -> Standing:
            return Standing(patience_s=10.0)

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


def test_a_service_on_another_port_is_named(proxy: Callable[..., Proxy]) -> None:
    class Knows(Advice):
        async def ask(self, target: object) -> Standing:
            return Standing(ports=(5173,))

    answer = proxy(advice=Knows(), a=1).get("a.localhost")
    assert b"HTTP/1.1 502 Bad Gateway" in answer
    assert b"it listens on 5173" in answer


def test_who_asks_is_answered_although_nobody_can_be_asked_about_the_service(
    proxy: Callable[..., Proxy],
) -> None:
    class Fails(Advice):
        async def ask(self, target: object) -> Standing:
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
def test_a_broken_answer_is_told_of(
    service: Callable[..., Service], proxy: Callable[..., Proxy], answer: bytes, words: str
) -> None:
    found = proxy(a=service(raw(answer)).port).get("a.localhost").decode()
    assert found.startswith("HTTP/1.1 502 Bad Gateway")
    assert words in found


@pytest.mark.parametrize(
    "head", [b"Content-Length: 9", b"Transfer-Encoding: chunked"], ids=["length", "chunked"]
)
def test_half_an_answer_is_not_made_whole(
    service: Callable[..., Service], proxy: Callable[..., Proxy], head: bytes
) -> None:
    answer = b"HTTP/1.1 200 OK\r\n%b\r\n\r\n2\r\nhe" % head
    found = proxy(a=service(raw(answer)).port).get("a.localhost")
    assert found.startswith(b"HTTP/1.1 200 OK")
    assert not found.endswith(b"0\r\n\r\n")


# What a client may not do

HEAD = "POST / HTTP/1.1\r\nHost: a.localhost\r\n"
REFUSED = {
    "both framings": f"{HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": f"{HEAD}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": f"{HEAD}Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": f"{HEAD}Content-Length: +3\r\n\r\nabc",
    "a blank before the colon": f"{HEAD}Content-Length : 3\r\n\r\nabc",
    "another coding": f"{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding that looks like it": f"{HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a hidden coding": f"{HEAD}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "two codings": HEAD + "Transfer-Encoding: chunked\r\n" * 2 + "\r\n0\r\n\r\n",
    "a coding of 1.0": "POST / HTTP/1.0\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a folded line": f"{HEAD}X: a\r\n b\r\n\r\n",
    "a bare line feed": f"{HEAD}X: a\nY: b\r\n\r\n",
    "a bare return": f"{HEAD}X: a\rb\r\n\r\n",
    "a nul": f"{HEAD}X: a\0b\r\n\r\n",
    "two hosts": f"{HEAD}Host: b.localhost\r\n\r\n",
    "no host": "GET / HTTP/1.1\r\n\r\n",
    "an empty host": "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "a host that is none": "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a user in the URL": "GET http://u@a.localhost/ HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "no host beside a URL": "GET http://a.localhost/ HTTP/1.1\r\n\r\n",
    "a fragment": "GET /a#b HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "a star": "GET * HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "another version": "GET / HTTP/2.0\r\nHost: a.localhost\r\n\r\n",
    "an old version": "GET /\r\n\r\n",
    "another method": "FOO / HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "a tunnel": "CONNECT a.localhost:1 HTTP/1.1\r\nHost: a.localhost\r\n\r\nxx",
    "TLS": "\x16\x03\x01\x02\x00\x01",
    "a flood": f"{HEAD}X: " + "y" * 200_000,
    "many lines": HEAD + "X: y\r\n" * 40_000,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_can_be_understood_in_two_ways_is_refused(
    service: Callable[..., Service], proxy: Callable[..., Proxy], data: str
) -> None:
    behind = service()
    with proxy(a=behind.port).connect() as caller:
        caller.send(data + "\r\nGET /smuggled HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        answer = caller.rest()
    assert answer[:9] == b"HTTP/1.1 "
    assert answer[9:12] in (b"400", b"431", b"501", b"505")
    assert answer.count(b"X-Portweave: 1") == 1
    assert b"Connection: close" in answer
    assert behind.seen == []


class Silent:
    """A service that reads a request and answers nothing.

    Attributes:
        has_come: Set when there is a head.
        is_over: Set when nothing more comes.
    """

    def __init__(self) -> None:
        self.has_come, self.is_over = threading.Event(), threading.Event()

    def __call__(self, caller: Caller, _: Service) -> None:
        caller.head()
        self.has_come.set()
        caller.rest()
        self.is_over.set()


def test_damage_within_a_body_ends_both_sides(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    silent = Silent()
    with proxy(a=service(silent).port).connect() as caller:
        caller.send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert silent.has_come.wait(10)
        caller.send("5\nGET /smuggled HTTP/1.1\r\n\r\n")
        assert b" 400 " in caller.rest()
    assert silent.is_over.wait(10)


@pytest.mark.parametrize("flood", ["3;" + "x" * 300_000, "0\r\nX: " + "y" * 300_000])
def test_floods_behind_the_head_end_too(
    service: Callable[..., Service], proxy: Callable[..., Proxy], flood: str
) -> None:
    with proxy(a=service().port).connect() as caller:
        caller.send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{flood}")
        assert b" 431 " in caller.rest()


def test_an_early_answer_is_read_although_the_request_goes_on(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    for port in (service(raw(answer)).port, 1):
        with proxy(a=port).connect() as caller:
            caller.send(f"{HEAD}Content-Length: 1000000\r\n\r\n")
            caller.send(bytes(100_000))
            found = caller.rest()
            assert found.startswith((b"HTTP/1.1 413", b"HTTP/1.1 503"))
            assert b"Connection: close" in found


def test_a_client_that_leaves_takes_its_request_back(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    silent = Silent()
    with proxy(a=service(silent).port).connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert silent.has_come.wait(10)
    assert silent.is_over.wait(10)


def test_slow_and_silent_clients_are_not_waited_for(
    proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_S", 0.02)
    monkeypatch.setattr(client_module, "HEAD_S", 0.1)
    monkeypatch.setattr(client_module, "IDLE_S", 0.2)
    between = proxy()
    with between.connect() as slow, between.connect() as silent:
        slow.send("GET / HTTP/1.1\r\n")
        assert b" 408 " in slow.rest()
        assert silent.rest() == b""


def test_a_proxy_that_ends_finishes_what_it_has_begun(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    held = Held()
    between = proxy(a=service(held).port)
    with between.connect() as busy, between.connect() as idle:
        busy.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert held.has_come.wait(10)
        wait = between.begin_close()
        assert idle.rest() == b""
        held.go_on.set()
        assert busy.rest().endswith(b"ok")
        wait()
    with pytest.raises(ConnectionRefusedError):
        between.connect()


def test_a_proxy_that_ends_answers_those_that_wait_to_come_in(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service().port)
    with ExitStack() as stack:
        with between.stopped():
            callers = [stack.enter_context(between.connect()) for _ in range(200)]
            silent = stack.enter_context(between.connect())
            for caller, name in zip(callers, "abbbb" * 40, strict=True):
                caller.send(f"GET / HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n")
            wait = between.begin_close()
        statuses = [caller.rest()[9:12] for caller in callers]
        assert statuses == [b"200", b"404", b"404", b"404", b"404"] * 40
        # A clean end, not a reset.
        assert silent.rest() == b""
        wait()
    with pytest.raises(ConnectionRefusedError):
        between.connect()


def test_a_proxy_that_ends_does_not_wait_for_ever(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service(raw(b"", close=False)).port)
    with between.connect() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        between.begin_close(0.05)()
        assert caller.rest() in (b"", b"<reset>")


def test_the_face_makes_a_server(service: Callable[..., Service]) -> None:
    errors: list[str] = []
    broken = service(raw(b"nonsense"))
    routes = [RouteInfo("a.localhost", broken.port), RouteInfo("b.localhost", 1)]

    async def ask(port: int, host: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async def use() -> None:
        async with create_proxy_server(
            get_routes=lambda: routes, proxy_port=1355, strict=False, on_error=errors.append
        ) as server:
            port = await server.listen(0, host="127.0.0.1")
            assert server.ports == [port]
            with pytest.raises(ProxyPortError):
                await server.listen(port)
            assert b"http://b.localhost:1355" in await ask(port, "c.localhost")
            assert b" 502 " in await ask(port, "x.a.localhost")
            assert b" 503 " in await ask(port, "b.localhost")

    asyncio.run(use())
    assert errors[0].startswith(f"a.localhost (port {broken.port}): its answer is not HTTP/1.1")
    assert errors[1:] == ["b.localhost (port 1): nothing listens there"]
