"""The parser of HTTP/1.1 requests, with whole and split input."""

from dataclasses import dataclass, field

import pytest

from portweave.supervisor.proxy.http.head_limits import (
    HEAD_BYTES,
    MOST_FIELDS,
)
from portweave.supervisor.proxy.http.http1_heads import (
    Fields,
    From,
    Refusal,
    Request,
)
from portweave.supervisor.proxy.http.http1_parser import (
    RequestError,
    RequestParser,
)

CAME = From(b"127.0.0.1", b"http")


@dataclass
class Notes:
    """Records (method, target, body, trailers) of requests, or the status of a refusal."""

    found: list[list[object]] = field(default_factory=list[list[object]])
    whole: int = 0

    def begin_request(self, request: Request | Refusal) -> None:
        if isinstance(request, Refusal):
            self.found.append([request.status])
        else:
            self.found.append([request.method, request.target, b"", []])

    def take_body(self, data: bytes) -> None:
        body = self.found[-1][2]
        assert isinstance(body, bytes)
        self.found[-1][2] = body + data

    def end_request(self, trailers: Fields) -> None:
        self.found[-1][-1] = trailers
        self.whole += 1


def read(data: bytes, size: int) -> tuple[list[list[object]], int | None]:
    """Return all parsed requests, and the status of the refusal that ended the parsing."""
    notes = Notes()
    parser = RequestParser(notes, CAME)
    try:
        for at in range(0, len(data), size):
            assert parser.feed(data[at : at + size]) is None
    except RequestError as error:
        return notes.found, error.refusal.status
    assert notes.whole == len(notes.found)
    assert parser.is_between
    return notes.found, None


HOST = b"Host: a\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
MANY = (
    b"BAN /1 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"VERSION-CONTROL /2 HTTP/1.1\r\n" + HOST + LENGTH % 8 + b"\r\n\r\nBAN ",
    b"PURGE /3 HTTP/1.1\r\n" + HOST + CHUNKED + b"8\r\n\r\n\r\nBAN \r\n0\r\n\r\n",
    b"\r\nGET /4 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"X /5 HTTP/1.1\r\n" + HOST + CHUNKED + b"0\r\nSum: 7\r\n\r\n",
    b"POST /6 HTTP/1.1\r\n" + HOST + LENGTH % 0,
    b"brew /7 HTTP/1.1\r\n" + HOST + LENGTH % 3 + b"BAN",
)
FOUND: list[list[object]] = [
    [b"BAN", b"/1", b"", []],
    [b"VERSION-CONTROL", b"/2", b"\r\n\r\nBAN ", []],
    [b"PURGE", b"/3", b"\r\n\r\nBAN ", []],
    [b"GET", b"/4", b"", []],
    [b"X", b"/5", b"", [(b"Sum", b"7")]],
    [b"POST", b"/6", b"", []],
    [b"brew", b"/7", b"BAN", []],
]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 16, 50, 64, 1000])
def test_any_method_is_read_from_any_pieces(size: int) -> None:
    assert read(b"".join(MANY), size) == (FOUND, None)
    assert read(b"".join(reversed(MANY)), size) == (FOUND[::-1], None)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "behind",
    [b"B(N / HTTP/1.1\r\n", b"BAN\t/ HTTP/1.1\r\n\r\n", b"BAN x / HTTP/1.1\r\n\r\n", b"\0"],
)
def test_malformed_bytes_after_requests_are_refused(behind: bytes, size: int) -> None:
    assert read(b"".join(MANY) + behind, size) == (FOUND, 400)


def head_of(size: int, method: bytes = b"GET") -> bytes:
    """Return a head of `size` bytes."""
    head = method + b" / HTTP/1.1\r\n" + HOST + b"Cookie: "
    return head + b"a" * (size - len(head) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("method", [b"GET", b"VERSION-CONTROL"])
@pytest.mark.parametrize("size", [1000, 65_536, 1 << 20])
def test_a_head_has_a_limit_in_bytes(size: int, method: bytes) -> None:
    found, status = read(head_of(HEAD_BYTES, method) * 2, size)
    assert (len(found), status) == (2, None)
    assert read(head_of(HEAD_BYTES + 1, method), size) == ([], 431)


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_a_head_has_a_limit_in_fields(size: int) -> None:
    more = b"x:1\r\n" * (MOST_FIELDS - 1)
    start = b"GET / HTTP/1.1\r\n" + HOST
    assert read(start + more + b"\r\n", size)[1] is None
    assert read(start + more + b"y:1\r\n\r\n", size)[1] == 431


def test_an_upgrade_is_reported_before_its_body_is_parsed() -> None:
    notes = Notes()
    parser = RequestParser(notes, CAME)
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: x\r\n" + LENGTH % 4
    assert (
        parser.feed(head + b"bodyBAN /2 HTTP/1.1\r\n" + HOST) == b"bodyBAN /2 HTTP/1.1\r\n" + HOST
    )
    assert notes.whole == 0
    parser.go_on(b"POST / HTTP/1.1\r\n" + LENGTH % 4, b"bodyBAN /2 HTTP/1.1\r\n" + HOST)
    assert parser.feed(b"\r\n") is None
    assert notes.found == [[b"POST", b"/", b"body", []], [b"BAN", b"/2", b"", []]]
    assert notes.whole == 2
