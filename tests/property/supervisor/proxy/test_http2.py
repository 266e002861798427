"""Properties of HTTP/2: the proxy survives any bytes and keeps nothing of a closed connection."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from portweave.supervisor.proxy.http.frontend import ClientConnection
from portweave.supervisor.proxy.http.http1_heads import Request
from portweave.supervisor.proxy.http.http2_connection import Streams
from portweave.supervisor.proxy.http.pages import error_pages
from portweave.supervisor.proxy.http.pages.page import Page
from portweave.supervisor.proxy.http.pool import Pool
from portweave.supervisor.proxy.http.upstream_status import (
    UNKNOWN,
    Target,
    UpstreamStatus,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = [(":method", "GET"), (":scheme", "https"), (":authority", "a.localhost"), (":path", "/")]


class Transport(asyncio.Transport):
    """A transport that accepts all writes."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.written = 0
        self.is_closed = False
        # Before the connection closed the transport.
        self.was_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


class EmptyProxy:
    """A proxy without routes."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.is_draining = False
        self.connections: set[ClientConnection] = set()

    @property
    def upstreams(self) -> "EmptyProxy":
        return self

    def enter(self, client: ClientConnection) -> None:
        self.connections.add(client)

    def leave(self, client: ClientConnection) -> None:
        self.connections.discard(client)

    def is_stranger(self, transport: object) -> bool:
        return False

    def new_streams(self, *, is_stranger: bool) -> None:
        return None

    def find(self, request: Request) -> Target | None:
        return None

    async def unknown(self, request: Request, *, is_own: bool) -> Page:
        return error_pages.unknown(request.name, [], error_pages.Origin(1, "https"))

    async def ask(self, target: Target, limit_s: float | None = None) -> UpstreamStatus:
        return UNKNOWN

    async def explain(
        self, target: Target, status: UpstreamStatus, *, is_own: bool, why: str = ""
    ) -> Page:
        raise AssertionError(target)

    def report(self, target: Target, why: str) -> None:
        raise AssertionError(why)

    def spawn(self, work: Coroutine[None, None, None]) -> Callable[[], object]:
        # The page of an unknown name waits for nothing.
        with pytest.raises(StopIteration):
            work.send(None)
        return work.close


def head(number: int, fields: list[tuple[str, str]], *flags: str) -> bytes:
    frame = HeadersFrame(number, Encoder().encode(fields))
    frame.flags |= set(flags)
    return frame.serialize()


def frame(kind: type[Frame], number: int, flags: list[str], payload: bytes) -> bytes:
    made: Any = kind(number)
    known = {flag.name for flag in kind.defined_flags}
    made.flags |= {flag for flag in flags if flag in known}
    if isinstance(made, DataFrame | HeadersFrame | ContinuationFrame):
        made.data = payload
    elif isinstance(made, PingFrame):
        made.opaque_data = payload[:8]
    elif isinstance(made, SettingsFrame):
        made.settings = {} if "ACK" in made.flags else dict(enumerate(payload[:5], 1))
    elif isinstance(made, WindowUpdateFrame):
        made.window_increment = 1 + len(payload)
    data: bytes = made.serialize()
    return data


NUMBERS = st.integers(1, 9)
FLAGS = st.lists(st.sampled_from(["END_STREAM", "END_HEADERS", "ACK", "PRIORITY"]), max_size=3)
OF_STREAMS = st.sampled_from(
    [DataFrame, HeadersFrame, ContinuationFrame, RstStreamFrame, PriorityFrame, WindowUpdateFrame]
)
OF_CONNECTION = st.sampled_from([SettingsFrame, PingFrame, GoAwayFrame, WindowUpdateFrame])
FIELDS = st.lists(
    st.sampled_from(
        [
            *GET,
            *((":method", "CONNECT"), (":protocol", "websocket"), ("te", "trailers"), ("x", "y")),
            *(("content-length", "1"), ("host", "b.localhost"), ("connection", "close")),
            ("X", "\n"),
        ]
    ),
    max_size=8,
)
PIECES = st.one_of(
    st.builds(frame, OF_STREAMS, NUMBERS, FLAGS, st.binary(max_size=40)),
    st.builds(frame, OF_CONNECTION, st.just(0), FLAGS, st.binary(max_size=40)),
    st.builds(head, NUMBERS, FIELDS, st.just("END_HEADERS")),
    NUMBERS.map(lambda n: head(2 * n + 1, GET, "END_HEADERS", "END_STREAM")),
    NUMBERS.map(lambda n: head(2 * n + 1, GET, "END_HEADERS")),
    st.binary(max_size=60),
)


async def feed(data: bytes, size: int) -> Transport:
    connections, transport = EmptyProxy(), Transport()
    streams = Streams(connections)
    streams.connection_made(transport)
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        streams.get_buffer(-1)[: len(piece)] = piece
        streams.buffer_updated(len(piece))
        await asyncio.sleep(0)
    transport.was_closed = transport.is_closed
    streams.finish_up()
    await asyncio.sleep(0)
    streams.connection_lost(None)
    assert not errors
    assert not connections.connections
    assert streams.is_idle
    return transport


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12), st.integers(1, 200))
def test_no_bytes_break_the_connection(pieces: list[bytes], size: int) -> None:
    settings_first = SettingsFrame(0).serialize()
    asyncio.run(feed(PREFACE + settings_first + b"".join(pieces), size))


def begin(*pieces: bytes) -> bytes:
    return PREFACE + SettingsFrame(0).serialize() + b"".join(pieces)


# Without Huffman coding, which would take a second.
_FIELDS = Encoder().encode([*GET, *((f"x-{n}", "y" * 4000) for n in range(300))], huffman=False)
_PIECES = [_FIELDS[start : start + 16_000] for start in range(0, len(_FIELDS), 16_000)]
LONG_HEAD = frame(HeadersFrame, 1, [], _PIECES[0]) + b"".join(
    frame(ContinuationFrame, 1, ["END_HEADERS"] if piece is _PIECES[-1] else [], piece)
    for piece in _PIECES[1:]
)


@pytest.mark.parametrize(
    "flood",
    [
        head(1, GET) + 200 * frame(ContinuationFrame, 1, [], b"x"),
        LONG_HEAD,
        2000 * frame(PingFrame, 0, [], b"12345678"),
        2000 * frame(SettingsFrame, 0, [], b""),
        2000 * frame(PriorityFrame, 1, [], b""),
        head(1, GET, "END_HEADERS") + 2000 * frame(DataFrame, 1, [], b""),
        b"".join(head(2 * n + 1, GET, "END_HEADERS") for n in range(200)),
    ],
    ids=["continuations", "head", "pings", "settings", "priorities", "empty", "streams"],
)
def test_floods_end_the_connection(flood: bytes) -> None:
    transport = asyncio.run(feed(begin(flood), 65_536))
    assert transport.was_closed
    assert transport.written < 100_000


def test_a_client_without_requests_is_closed() -> None:
    async def idle() -> Transport:
        connections, transport = EmptyProxy(), Transport()
        streams = Streams(connections)
        streams.connection_made(transport)
        streams.check_time(streams.since_s + 100)
        assert not transport.is_closed
        streams.check_time(streams.since_s + 121)
        streams.connection_lost(None)
        return transport

    assert asyncio.run(idle()).is_closed


@settings(deadline=None)
@given(st.integers(1, 60))
def test_the_splitting_of_frames_does_not_matter(size: int) -> None:
    whole = PREFACE + SettingsFrame(0).serialize()
    whole += b"".join(head(2 * n + 1, GET, "END_HEADERS", "END_STREAM") for n in range(3))
    one, many = asyncio.run(feed(whole, len(whole))), asyncio.run(feed(whole, size))
    assert one.written == many.written
