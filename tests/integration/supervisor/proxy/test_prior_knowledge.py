"""HTTP/2 without TLS, by clients with prior knowledge."""

import sys
from collections.abc import Callable

import pytest
from h2.connection import H2Connection
from h2.events import ConnectionTerminated

from portweave.supervisor.proxy.http.request_start import PREFACE
from tests.support.http2_client import StreamCaller
from tests.support.https_proxies import Secure
from tests.support.proxies import (
    Proxy,
    Service,
)

HEAD = "GET /1 HTTP/1.1\r\nHost: a.localhost\r\n\r\n"


def test_a_client_may_begin_with_http_2(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    a, b = service(), service()
    between = proxy(a=a.port, b=b.port)
    with StreamCaller(between.port, None) as one, StreamCaller(between.port, None, "b.localhost"):
        numbers = [one.ask(f"/{n}", method="POST", body=b"x" * n) for n in range(1, 9)]
        for n, number in enumerate(numbers, 1):
            found = one.answer(number)
            assert found.status == 200
            assert f"POST /{n} HTTP/1.1\r\nHost: a.localhost\r\n".encode() in found.body
            assert b"X-Forwarded-Proto: http\r\n" in found.body
    assert b" 200 " in between.get("a.localhost")


@pytest.mark.parametrize("size", [1, 3, 23, 24, 25])
def test_http_2_is_detected_in_any_pieces(
    service: Callable[..., Service], proxy: Callable[..., Proxy], size: int
) -> None:
    between = proxy(a=service().port)
    client = H2Connection()
    client.initiate_connection()
    fields = {":method": "GET", ":scheme": "http", ":authority": "a.localhost", ":path": "/"}
    client.send_headers(1, list(fields.items()), end_stream=True)
    data = client.data_to_send()
    with between.connect() as caller:
        for at in range(0, len(data), size):
            with between.stopped():
                caller.send(data[at : at + size])
        found = b""
        while b"GET / HTTP/1.1" not in found:
            found += caller.exactly(1)


def test_http_2_cannot_follow_a_request(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    between = proxy(a=service().port)
    for _ in range(2):
        # The second time the proxy has seen the first request before.
        with between.connect() as caller:
            caller.send(HEAD)
            caller.answer()
            caller.send(PREFACE)
            assert caller.rest().startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 "))


def test_within_tls_alpn_chooses_http_2(tls_proxy: Callable[..., Secure]) -> None:
    between = tls_proxy()
    with between.secure() as caller:
        caller.send(PREFACE)
        assert caller.rest().startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 "))
    # A proxy with HTTPS redirects a plain client.
    with StreamCaller(between.port, None) as plain:
        found = plain.answer(plain.ask("/x"))
        assert found.status == 307
        assert found.fields["location"].startswith("https://a.localhost")


def test_the_client_learns_which_library_is_missing(
    proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "portweave.supervisor.proxy.http.http2_connection", None)
    client = H2Connection()
    client.initiate_connection()
    with proxy().connect() as caller:
        caller.send(client.data_to_send())
        (end,) = [
            event
            for event in client.receive_data(caller.rest())
            if isinstance(event, ConnectionTerminated)
        ]
    assert b"portweave[tls]" in (end.additional_data or b"")
