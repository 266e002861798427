"""Requests that the proxy refuses."""

from collections.abc import Callable

import pytest

from tests.support.proxies import (
    Proxy,
    Service,
    Silent,
    raw,
)

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
    "a method that is none": "F(O / HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "a method with a blank": "BAN X / HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "a method behind a tab": "BAN\t/ HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "a method with a nul": "B\0N / HTTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "a method of another protocol": "BAN / FTP/1.1\r\nHost: a.localhost\r\n\r\n",
    "a method of two framings": "BAN / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 1\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a method without an end": "X" * 70_000,
    "a tunnel": "CONNECT a.localhost:1 HTTP/1.1\r\nHost: a.localhost\r\n\r\nxx",
    "TLS": "\x16\x03\x01\x02\x00\x01",
    "a flood": f"{HEAD}X: " + "y" * 200_000,
    "many lines": HEAD + "X: y\r\n" * 40_000,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_an_ambiguous_request_is_refused(
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


def test_a_malformed_body_ends_both_connections(
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
def test_floods_after_the_head_are_stopped(
    service: Callable[..., Service], proxy: Callable[..., Proxy], flood: str
) -> None:
    with proxy(a=service().port).connect() as caller:
        caller.send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{flood}")
        assert b" 431 " in caller.rest()


def test_a_client_can_read_an_early_answer_while_it_sends(
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
