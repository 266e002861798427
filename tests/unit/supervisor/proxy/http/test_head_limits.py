"""Heads at their size limit and just beyond it."""

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
    """Return a head's length as HTTP/1.1 text, without fields that the proxy adds."""
    request = read_stream(fields, From(b"", b""), b"", has_body=False)
    assert isinstance(request, Request)
    request.head = [line for line in request.head if not line.startswith(b"X-Forwarded")]
    return len(request_head(request))


def filled(fields: list[Field], size: int) -> list[Field]:
    """Add a field so that the head has the given size."""
    return [*fields, (b"x", b"y" * (size - written([*fields, (b"x", b"")])))]


@pytest.mark.parametrize("more", [[], [(b"accept", b"*/*")] * 900, [(b"cookie", b"a=b")]])
def test_a_head_beyond_the_byte_limit_is_shortened(more: list[Field]) -> None:
    assert shorten(filled([*GET, *more], HEAD_BYTES)) is None
    assert shorten(filled([*GET, *more], HEAD_BYTES + 1)) is not None


def test_a_head_beyond_the_field_limit_is_shortened() -> None:
    # The host counts as a field.
    most = [(b"x", b"")] * (MOST_FIELDS - 1)
    assert shorten([*GET, *most]) is None
    assert shorten([*GET, *most, (b"x", b"")]) is not None


def test_pieces_of_a_cookie_count_as_one_field() -> None:
    assert shorten([*GET, *[(b"cookie", b"a=b")] * 5000]) is None
    assert shorten([*GET, *[(b"cookie", b"a" * 1000)] * 70]) is not None


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"BAN", b"CONNECT"])
def test_the_short_head_marks_that_the_head_was_too_long(method: bytes) -> None:
    short = shorten([(b":method", method), *GET[1:], (b"x", b"y" * HEAD_BYTES)])
    assert short is not None
    assert dict(short)[TOO_LONG]
    assert dict(short)[b":method"] == (b"HEAD" if method == b"HEAD" else b"GET")
    assert shorten([(b"grpc-message", b"y" * HEAD_BYTES)]) == [(TOO_LONG, b"1")]
