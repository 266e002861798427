"""The routing of requests, and the fields that a service gets."""

import asyncio
from collections.abc import Callable

import pytest

from portweave.errors import ProxyPortError
from portweave.routes import RouteInfo, create_proxy_server
from tests.support.proxies import (
    Proxy,
    Service,
    plain,
    raw,
)


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
def test_the_host_selects_the_route(
    service: Callable[..., Service],
    proxy: Callable[..., Proxy],
    target: str,
    host: str,
    passed_on: bytes,
) -> None:
    answer = proxy(a=service().port).get(host, target)
    assert answer.startswith(b"HTTP/1.1 200 Fine\r\n")
    assert passed_on in answer


def test_each_request_uses_the_current_routes(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy()
    assert b" 404 " in between.get("a.localhost")
    between.routes.append(RouteInfo("A.localhost", service().port))
    assert b" 200 " in between.get("a.localhost")


def test_a_wildcard_proxy_uses_the_route_of_the_longest_parent(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    outer, inner = service(), service()
    routes = {"a": outer.port, "b.a": inner.port}
    assert b" 404 " in proxy(**routes).get("x.b.a.localhost")
    assert b" 200 " in proxy(wildcard=True, **routes).get("x.b.a.localhost")
    assert (outer.connections, inner.connections) == (0, 1)


def test_hop_by_hop_fields_are_not_passed_on(
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


def test_a_service_gets_the_forwarded_fields(
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


def test_a_request_loop_ends(proxy: Callable[..., Proxy]) -> None:
    between = proxy()
    between.routes.append(RouteInfo("a.localhost", between.port))
    answer = between.get("a.localhost")
    assert answer.startswith(b"HTTP/1.1 508 Loop Detected")
    assert b"changeOrigin" in answer
    for header in ("X-Portweave-Hops: 5", "x-portless-hops: 5"):
        assert b" 508 " in between.get("a.localhost", "/", header)


def test_pipelined_requests_are_answered_in_turn(
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


def test_the_public_api_creates_a_server(service: Callable[..., Service]) -> None:
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
