"""Heads that are as long as they may be, and a little longer."""

import pytest

from portweave.supervisor.proxy.http.head_limits import (
    HEAD_BYTES,
    MOST_FIELDS,
    TOO_LONG,
    Field,
    shorten,
)
from portweave.supervisor.proxy.http.http1_heads import (
    From,
    Request,
    request_head,
)
from portweave.supervisor.proxy.http.http2_heads import read_stream

GET = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"a.localhost"),
    (b":path", b"/x"),
]


def written(fields: list[Field]) -> int:
    """How long a head is by HTTP/1.1, without what the proxy adds."""
    request = read_stream(fields, From(b"", b""), b"", has_body=False)
    assert isinstance(request, Request)
    request.head = [line for line in request.head if not line.startswith(b"X-Forwarded")]
    return len(request_head(request))


def filled(fields: list[Field], size: int) -> list[Field]:
    """These, and one more, so that the head has a size."""
    return [*fields, (b"x", b"y" * (size - written([*fields, (b"x", b"")])))]


@pytest.mark.parametrize("more", [[], [(b"accept", b"*/*")] * 900, [(b"cookie", b"a=b")]])
def test_a_head_may_have_so_many_bytes(more: list[Field]) -> None:
    assert shorten(filled([*GET, *more], HEAD_BYTES)) is None
    assert shorten(filled([*GET, *more], HEAD_BYTES + 1)) is not None


def test_a_head_may_have_so_many_fields() -> None:
    # The host is one of them.
    most = [(b"x", b"")] * (MOST_FIELDS - 1)
    assert shorten([*GET, *most]) is None
    assert shorten([*GET, *most, (b"x", b"")]) is not None


def test_pieces_of_a_cookie_are_one_field() -> None:
    assert shorten([*GET, *[(b"cookie", b"a=b")] * 5000]) is None
    assert shorten([*GET, *[(b"cookie", b"a" * 1000)] * 70]) is not None


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"BAN", b"CONNECT"])
def test_a_short_head_says_that_it_was_too_long(method: bytes) -> None:
    short = shorten([(b":method", method), *GET[1:], (b"x", b"y" * HEAD_BYTES)])
    assert short is not None
    assert dict(short)[TOO_LONG]
    assert dict(short)[b":method"] == (b"HEAD" if method == b"HEAD" else b"GET")
    assert shorten([(b"grpc-message", b"y" * HEAD_BYTES)]) == [(TOO_LONG, b"1")]
