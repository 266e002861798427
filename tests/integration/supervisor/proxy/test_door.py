"""The TLS listener: certificates by name, and connections with or without TLS."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.routes import AuthorityError, RouteInfo, TlsMissingError, create_proxy_server
from portweave.supervisor.proxy.http import listener as door_module
from portweave.supervisor.proxy.http import proxy_server as server_module
from portweave.supervisor.proxy.tls import authority as authority_module
from portweave.supervisor.proxy.tls import contexts as secure_module
from portweave.supervisor.proxy.tls.contexts import Identities
from tests.support.http2_client import trusting
from tests.support.https_proxies import Secure
from tests.support.proxies import (
    Held,
    Service,
)


@pytest.mark.parametrize("name", ["a.localhost", "x.y.z.localhost", "localhost"])
def test_each_name_has_a_certificate(tls_proxy: Callable[..., Secure], name: str) -> None:
    with tls_proxy().secure(name) as caller:
        assert isinstance(caller.socket, ssl.SSLSocket)
        found = caller.socket.getpeercert()
        assert found
        names = [pair[1] for pair in found["subjectAltName"]]
        assert names[0] == name
        if name == "localhost":
            assert names[1:3] == ["*.localhost", "127.0.0.1"]


def test_addresses_have_a_certificate(tls_proxy: Callable[..., Secure]) -> None:
    tls_proxy().secure("127.0.0.1").close()


def test_a_foreign_name_gets_no_certificate(tls_proxy: Callable[..., Secure]) -> None:
    for name in ("bank.example", "x_y.localhost"):
        with pytest.raises(ssl.SSLCertVerificationError):
            tls_proxy().secure(name)


def test_the_cache_of_certificates_is_bounded(
    tls_proxy: Callable[..., Secure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secure_module, "MOST_NAMES", 5)
    between = tls_proxy()
    for n in range(9):
        between.secure(f"n{n}.localhost").close()
    assert len(between.identities) == 5


def test_a_replaced_authority_is_used(tmp_path: Path) -> None:
    between = Secure(tmp_path, [])
    try:
        first = between.secure()
        (tmp_path / "ca.pem").unlink()
        (tmp_path / "ca-key.pem").unlink()
        Identities(str(tmp_path))
        second = between.secure()
        first.close()
        second.close()
    finally:
        between.close()


def test_a_half_written_authority_changes_nothing(tmp_path: Path) -> None:
    between = Secure(tmp_path, [])
    path = tmp_path / "ca.pem"
    whole = path.read_bytes()
    # The client trusts the complete one.
    trusted = trusting(str(path))
    try:
        for text in (whole[:40], whole):
            path.write_bytes(text)
            with socket.create_connection(("127.0.0.1", between.port), 10) as plain:
                trusted.wrap_socket(plain, server_hostname="a.localhost").close()
    finally:
        between.close()


def hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(incoming, outgoing, server_hostname="a.localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("size", [1, 2, 5, 6, 100, 10_000])
def test_tls_is_detected_in_any_pieces(tls_proxy: Callable[..., Secure], size: int) -> None:
    between, data = tls_proxy(), hello()
    with between.connect() as caller:
        caller.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            caller.send(data[start : start + size])
        # A handshake record with the usual version 1.2 and a ServerHello.
        assert caller.exactly(6)[:3] == b"\x16\x03\x03"


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16" * 400, b"\x80"])
def test_malformed_tls_is_disconnected(tls_proxy: Callable[..., Secure], first: bytes) -> None:
    between = tls_proxy()
    with between.connect() as caller:
        caller.send(first)
        caller.socket.shutdown(socket.SHUT_WR)
        caller.rest()
    between.secure().close()


@pytest.mark.parametrize("said", [b"", hello()[:100]], ids=["nothing", "half a greeting"])
def test_a_silent_client_is_disconnected(
    tls_proxy: Callable[..., Secure], monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_S", 0.02)
    monkeypatch.setattr(door_module, "SILENT_S", 0.0)
    monkeypatch.setattr(door_module, "HANDSHAKE_S", 0.05)
    with tls_proxy().connect() as caller:
        caller.send(said)
        assert caller.rest() in (b"", b"<reset>")


def test_at_the_limit_the_longest_idle_connection_is_closed(
    service: Callable[..., Service],
    tls_proxy: Callable[..., Secure],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door_module, "MOST_SECURE", 2)
    held = Held()
    between = tls_proxy(a=service(held).port)
    with between.secure() as busy, between.secure() as idle:
        busy.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert held.has_come.wait(10)
        with between.secure() as third:
            assert idle.rest() in (b"", b"<reset>")
            third.send("GET / HTTP/1.1\r\nHost: b.localhost\r\n\r\n")
            assert b" 404 " in third.answer()
        held.go_on.set()
        assert busy.answer().endswith(b"ok")


@pytest.mark.parametrize("named", [False, True])
def test_a_program_can_use_its_own_ca_or_another(
    service: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "other" if named else tmp_path / "state/portweave/proxy"
    routes = [RouteInfo("a.localhost", service().port)]

    async def ask(port: int, host: str, context: ssl.SSLContext | None) -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=host if context else None
        )
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async def use() -> None:
        tls = folder if named else True
        async with create_proxy_server(lambda: routes, tls=tls) as server:
            port = await server.listen(0)
            context = trusting(str(folder / "ca.pem"))
            assert b" 200 " in await ask(port, "a.localhost", context)
            assert b" 307 " in await ask(port, "a.localhost", None)

    asyncio.run(use())
    assert (tmp_path / "state").exists() != named
    assert folder.stat().st_mode & 0o777 == (0o755 if named else 0o700)
    assert (folder / "ca-key.pem").stat().st_mode & 0o777 == 0o600


def test_a_program_gets_an_error_if_https_is_not_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuthorityError, match="file/ca"):
        create_proxy_server(list, tls=tmp_path / "file/ca")

    def find(_name: str) -> None:
        return None

    monkeypatch.setattr(authority_module, "find_spec", find)
    with pytest.raises(TlsMissingError, match="no module cryptography"):
        create_proxy_server(list, tls=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    # A plain proxy needs no library for TLS.
    create_proxy_server(list)
