"""Conversion of heads between HTTP/2 and HTTP/1.1."""

import pytest

from portweave.supervisor.proxy.http.head_limits import TOO_LONG
from portweave.supervisor.proxy.http.http1_heads import (
    From,
    Refusal,
    Request,
    request_head,
)
from portweave.supervisor.proxy.http.http2_heads import (
    is_agreed,
    read_stream,
    read_trailers,
    stream_head,
    stream_trailers,
)

CAME = From(b"127.0.0.1", b"https")
GET = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.localhost:1355")]
PATH = (b":path", b"/x?y")


def read(
    *fields: tuple[bytes, bytes], has_body: bool = False, key: bytes = b""
) -> Request | Refusal:
    return read_stream(fields, CAME, key, has_body=has_body)


def test_a_request_becomes_an_http_1_request() -> None:
    fields = [(b"accept", b"text/html"), (b"te", b"trailers"), (b"x-y", b"1")]
    request = read(*GET, PATH, *fields)
    assert isinstance(request, Request)
    assert request.wants_html
    head = request_head(request)
    assert head.startswith(b"GET /x?y HTTP/1.1\r\nHost: a.localhost:1355\r\naccept: text/html\r\n")
    assert b"X-Forwarded-Proto: https\r\n" in head
    assert head.endswith(b"Connection: TE\r\n\r\n")


@pytest.mark.parametrize(
    ("fields", "has_body", "line"),
    [
        ((), False, b""),
        ((), True, b"Transfer-Encoding: chunked\r\n"),
        (((b"content-length", b"5"),), True, b"Content-Length: 5\r\n"),
    ],
    ids=["none", "unknown", "known"],
)
def test_a_body_gets_its_framing(
    fields: tuple[tuple[bytes, bytes], ...], has_body: bool, line: bytes
) -> None:
    request = read((b":method", b"POST"), *GET[1:], PATH, *fields, has_body=has_body)
    assert isinstance(request, Request)
    head = request_head(request)
    assert line in head
    assert head.count(b"chunked") == line.count(b"chunked")


def test_authority_takes_precedence_over_host() -> None:
    request = read(*GET, PATH, (b"host", b"b.localhost"))
    assert isinstance(request, Request)
    assert request.name == "a.localhost"
    request = read(*GET[:2], PATH, (b"host", b"b.localhost"))
    assert isinstance(request, Request)
    assert request.name == "b.localhost"


def test_an_extended_connect_becomes_a_websocket_upgrade() -> None:
    fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:], PATH]
    mine = (b"sec-websocket-key", b"mine")
    request = read(*fields, mine, has_body=True, key=b"a2V5")
    assert isinstance(request, Request)
    head = request_head(request)
    assert head.startswith(b"GET /x?y HTTP/1.1\r\n")
    assert b"Sec-WebSocket-Key: a2V5\r\n" in head
    assert b"mine" not in head
    assert head.endswith(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(b":method", b"CONNECT"), (b":authority", b"a.localhost:80")], 501),
        ([(b":method", b"CONNECT"), (b":protocol", b"connect-udp"), *GET[1:], PATH], 501),
        ([(b":method", b"G T"), *GET[1:], PATH], 400),
        ([(b":method", b"GET / HTTP/1.1\r\nX: y\r\n\r\nGET"), *GET[1:], PATH], 400),
        ([*GET], 400),
        ([*GET, (b":path", b"/a b")], 400),
        ([*GET, (b":path", b"/a\r\nX: y")], 400),
        ([*GET, (b":path", b"x")], 400),
        ([*GET, PATH, (b"x", b"y\r\nz: a")], 400),
        ([*GET, PATH, (b"x", b"y\0")], 400),
        ([*GET, PATH, (b"x:y", b"z")], 400),
        ([*GET, PATH, (b"x y", b"z")], 400),
        ([*GET, PATH, (b"", b"z")], 400),
        ([*GET[:2], (b":authority", b"a.localhost\r\nX: y"), PATH], 400),
        ([*GET[:2], PATH], 400),
        ([*GET, PATH, (b"content-length", b"1"), (b"content-length", b"2")], 400),
        ([*GET, PATH, (TOO_LONG, b"1")], 431),
    ],
)
def test_an_invalid_head_is_refused(fields: list[tuple[bytes, bytes]], status: int) -> None:
    refusal = read(*fields, has_body=True)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert not refusal.is_head


def test_the_refusal_of_a_head_request_has_no_body() -> None:
    refusal = read((b":method", b"HEAD"), *GET[1:], (b":path", b"x"))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.is_head) == (400, True)


def test_hop_by_hop_fields_are_not_passed_on() -> None:
    request = read(*GET, PATH, (b"connection", b"upgrade"), (b"upgrade", b"h2c"))
    assert isinstance(request, Request)
    assert request.upgrade == b""


def test_an_answer_becomes_an_http_2_answer() -> None:
    head = (
        b"HTTP/1.1 404 Not Found\r\nX-Y:  z \r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\n"
        b"Connection: close\r\nSet-Cookie: b\r\n\r\n"
    )
    assert stream_head(head) == [
        (b":status", b"404"),
        (b"x-y", b"z"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
    ]
    head = b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: x\r\nUpgrade: websocket\r\n\r\n"
    assert stream_head(head, tunnel=True) == [(b":status", b"200")]


def test_a_websocket_is_accepted_only_with_the_right_key() -> None:
    # RFC 6455, section 1.3
    key, accept = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert is_agreed(key, [(b"Sec-WebSocket-Accept", accept)])
    assert not is_agreed(key, [])
    assert not is_agreed(key, [(b"Sec-WebSocket-Accept", accept + b"x")])


def test_trailers_are_converted() -> None:
    assert stream_trailers(b"0\r\nX-Sum: 7\r\nY: 8\r\n\r\n") == [(b"x-sum", b"7"), (b"y", b"8")]
    assert stream_trailers(b"0\r\n\r\n") == []
    assert read_trailers([(b"x", b"y"), (b"a b", b"c"), (b"d", b"e\n")]) == [(b"x", b"y")]
