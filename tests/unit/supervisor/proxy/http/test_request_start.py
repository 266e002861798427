"""The first bytes of requests and connections."""

import pytest

from portweave.supervisor.proxy.http.request_start import (
    PREFACE,
    is_preface,
    read_method,
)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"GET / HTTP/1.1\r\n", (b"GET / HTTP/1.1\r\n", b"")),
        (b"OPTIONS * HTTP/1.1", (b"OPTIONS * HTTP/1.1", b"")),
        (b"CONNECT a:1 HTTP/1.1", (b"CONNECT a:1 HTTP/1.1", b"")),
        (b"BAN / HTTP/1.1", (b"POST / HTTP/1.1", b"BAN")),
        (b"VERSION-CONTROL /", (b"POST /", b"VERSION-CONTROL")),
        (b"get /", (b"POST /", b"get")),
        (b"!#$%&'*+-.^_`|~9 /", (b"POST /", b"!#$%&'*+-.^_`|~9")),
        (b"\r\n\r\nPURGE /", (b"POST /", b"PURGE")),
        (b"\r\nGET /", (b"GET /", b"")),
        # The parser refuses these.
        (b"F(O /", (b"F(O /", b"")),
        (b" GET /", (b" GET /", b"")),
        (b"GET\t/", (b"GET\t/", b"")),
        (b"\x16\x03\x01", (b"\x16\x03\x01", b"")),
        (b"B\xc3\x84N /", (b"B\xc3\x84N /", b"")),
        # The next bytes may belong to the method.
        (b"G", None),
        (b"BAN", None),
        (b"GETS", None),
        (b"\r\n", None),
    ],
)
def test_a_method_is_read(data: bytes, found: tuple[bytes, bytes] | None) -> None:
    assert read_method(data) == found


def test_a_method_may_be_long() -> None:
    method = b"X" * 40_000
    assert read_method(method) is None
    assert read_method(method + b" /") == (b"POST /", method)


@pytest.mark.parametrize("size", range(1, len(PREFACE) + 5))
def test_http_2_is_known_only_by_its_whole_preface(size: int) -> None:
    data = (PREFACE + b"\0\0\0\4")[:size]
    assert is_preface(data) is (True if size >= len(PREFACE) else None)
    assert is_preface(data[:-1] + b"?") is (size > len(PREFACE))
