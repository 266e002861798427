"""The proxy looks up each request in the current routes."""

import asyncio

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.http.http1_heads import (
    From,
    Request,
    read_request,
)
from portweave.supervisor.proxy.http.proxy_server import ProxyServer
from portweave.supervisor.proxy.http.upstream_status import StackStatus, Target

A, B = RouteInfo("a.localhost", 1), RouteInfo("b.localhost", 2)


def ask(host: bytes, target: bytes = b"/") -> Request:
    came = From(b"127.0.0.1", b"http")
    request = read_request(b"GET", target, [(b"Host", host)], "1.1", came, keep_alive=True)
    assert isinstance(request, Request)
    return request


def test_changes_within_a_list_are_seen() -> None:
    routes = [A]
    server = ProxyServer(lambda: routes)
    assert server.find(ask(b"a.localhost")) is A
    assert server.find(ask(b"b.localhost")) is None
    routes[0] = B
    assert server.find(ask(b"a.localhost")) is None
    assert server.find(ask(b"b.localhost")) is B


def test_another_collection_of_routes_is_seen() -> None:
    told: list[tuple[RouteInfo, ...]] = [(A,), (A,), (B,), ()]
    server = ProxyServer(lambda: told.pop(0))
    assert [server.find(ask(b"a.localhost")) for _ in range(4)] == [A, A, None, None]


def test_a_repeated_request_sees_a_change_of_routes() -> None:
    routes: list[RouteInfo] = []
    server = ProxyServer(lambda: iter(routes), wildcard=True)
    request = ask(b"x.a.localhost")
    assert server.find(request) is None
    routes.append(A)
    assert server.find(request) is A


class Uses(StackStatus):
    """Records the uses of stacks."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def note_use(self, target: Target, use: str) -> None:
        self.told.append((target.hostname, use))


def test_stacks_are_told_of_the_first_of_many_requests() -> None:
    async def main() -> None:
        for _ in range(100):
            server.find(ask(b"a.localhost", b"/login?token=secret"))
        server.find(ask(b"b.localhost"))
        server.find(ask(b"unknown.localhost"))
        await asyncio.sleep(0)
        await server.close(0)

    uses = Uses()
    server = ProxyServer(lambda: (A, B), advice=uses)
    asyncio.run(main())
    assert uses.told == [("a.localhost", "GET /login"), ("b.localhost", "GET /")]
