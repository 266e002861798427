"""The refusal of other users of this machine, without names of routes."""

import ctypes
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.routes import RouteInfo
from portweave.system import peer_credentials
from tests.support.http2_client import StreamCaller
from tests.support.https_proxies import Secure
from tests.support.proxies import (
    PATIENCE_S,
    Proxy,
    Service,
)

# The tests run as root, and every proxy serves root. So the proxy poses as a third user's.
OWNER, OTHER = 54_321, 65_534
GET = "GET /{} HTTP/1.1\r\nHost: a.localhost\r\nAccept: {}\r\n\r\n"

pytestmark = pytest.mark.skipif(
    not peer_credentials.IS_KNOWN or os.getuid() != 0, reason="only root may be other users"
)


@pytest.fixture(autouse=True)
def _owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: OWNER)


def connect_as(user: int, port: int, address: str = "127.0.0.1") -> socket.socket:
    """Open a connection as a user: the socket belongs to the effective user for files."""
    libc = ctypes.CDLL(None)
    libc.setfsuid(user)
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    libc.setfsuid(0)
    made.settimeout(PATIENCE_S)
    made.connect((address, port))
    return made


def rest_of(connection: socket.socket) -> bytes:
    found = b""
    while data := connection.recv(65_536):
        found += data
    return found


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize("host", ["a", "unknown", "portweave"])
def test_another_user_learns_nothing(
    service: Callable[..., Service], proxy: Callable[..., Proxy], host: str, accept: str
) -> None:
    behind = service()
    between = proxy(a=behind.port, secret=1)
    for _ in range(2):
        with connect_as(OTHER, between.port) as other:
            other.sendall(GET.format(1, accept).replace("a.local", f"{host}.local").encode())
            answer = rest_of(other)
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"proxy start --any-user" in answer
        assert b"secret" not in answer
        assert b"a.localhost" not in answer
    assert behind.connections == 0
    # The proxy serves root and its owner.
    for user in (0, OWNER):
        with connect_as(user, between.port) as mine:
            mine.sendall(GET.format(1, accept).encode())
            assert mine.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_the_owner_of_a_connection_is_looked_up_once(
    service: Callable[..., Service],
    proxy: Callable[..., Proxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[peer_credentials.End] = []

    def user_of(client: peer_credentials.End, _: peer_credentials.End) -> int | None:
        asked.append(client)
        # A connection without a known owner passes.
        return None

    monkeypatch.setattr(peer_credentials, "user_of", user_of)
    between = proxy(a=service().port)
    with between.connect() as caller:
        for n in range(5):
            caller.send(GET.format(n, "*/*"))
            assert caller.answer().startswith(b"HTTP/1.1 200 ")
    with StreamCaller(between.port, None) as streams:
        for _ in range(3):
            assert streams.answer(streams.ask()).status == 200
    assert len(asked) == 2


def test_another_user_is_refused_by_http_2(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service()
    between = proxy(a=behind.port)
    with StreamCaller(between.port, None, taken=connect_as(OTHER, between.port)) as streams:
        for _ in range(2):
            found = streams.answer(streams.ask())
            assert found.status == 403
            assert b"a.localhost" not in found.body
    assert behind.connections == 0


def test_another_user_is_refused_within_tls(
    service: Callable[..., Service], tls_proxy: Callable[..., Secure], authority: Path
) -> None:
    behind = service()
    between = tls_proxy(a=behind.port)
    for protocol, answer in (("http/1.1", b"HTTP/1.1 403 "), ("h2", b"")):
        context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
        context.check_hostname = False
        context.set_alpn_protocols([protocol])
        with context.wrap_socket(
            connect_as(OTHER, between.port), server_hostname="a.b.c.localhost"
        ) as other:
            # A certificate for that name would reveal that a route exists.
            shown = str(other.getpeercert())
            assert "'*.localhost'" in shown
            assert "a.b.c.localhost" not in shown
            if answer:
                other.sendall(GET.format(1, "*/*").encode())
                assert rest_of(other).startswith(answer)
    with connect_as(OTHER, between.port) as plain:
        plain.sendall(GET.format(1, "*/*").encode())
        assert rest_of(plain).startswith(b"HTTP/1.1 403 ")
    assert behind.connections == 0


def test_an_upgrade_of_another_user_is_refused(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    behind = service()
    between = proxy(a=behind.port)
    head = (
        "GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    with connect_as(OTHER, between.port) as other:
        other.sendall(head.encode())
        assert rest_of(other).startswith(b"HTTP/1.1 403 ")
    assert behind.connections == 0


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "127.0.0.1"])
def test_a_half_closed_connection_has_a_known_owner(
    service: Callable[..., Service], proxy: Callable[..., Proxy], address: str
) -> None:
    behind = service()
    between = proxy(a=behind.port)
    with between.stopped():
        other = connect_as(OTHER, between.port, address)
        other.sendall(GET.format(1, "*/*").encode())
        other.shutdown(socket.SHUT_WR)
    with other:
        assert not rest_of(other).startswith(b"HTTP/1.1 200 ")
    assert behind.connections == 0


@pytest.mark.parametrize("any_user", [False, True])
def test_a_proxy_may_serve_all_users(service: Callable[..., Service], *, any_user: bool) -> None:
    between = Proxy([RouteInfo("a.localhost", service().port)], any_user=any_user)
    try:
        with connect_as(OTHER, between.port) as other:
            other.sendall(GET.format(1, "*/*").encode())
            status = b"200" if any_user else b"403"
            assert other.recv(65_536).startswith(b"HTTP/1.1 " + status)
    finally:
        between.close()


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_another_user_of_a_proxy_for_all_gets_no_index_and_no_commands(accept: str) -> None:
    between = Proxy([RouteInfo("a.shop.localhost", 1)], any_user=True)
    try:
        for name in ("localhost", "shop.localhost"):
            with connect_as(OTHER, between.port) as other:
                request = GET.format(1, accept).replace("a.localhost", name)
                other.sendall(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
                answer = rest_of(other)
            assert answer.startswith(b"HTTP/1.1 404 ")
            assert b"portweave up" not in answer
            with connect_as(OWNER, between.port) as mine:
                mine.sendall(request.replace("1 HTTP", " HTTP").encode())
                assert mine.recv(65_536).startswith(b"HTTP/1.1 200 ")
    finally:
        between.close()
