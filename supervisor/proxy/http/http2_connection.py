"""The client's side of HTTP/2: a connection and the requests under way on it.

The h2 library keeps stream states and windows, and compresses heads. This module adds the order of
sending, the limits, and GOAWAY.
"""

import asyncio
import contextlib
import os
import time
from base64 import b64encode
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from portweave.supervisor.proxy.http.frontend import (
    IDLE_S,
    Http2ClientConnection,
)
from portweave.supervisor.proxy.http.head_limits import (
    HEAD_BYTES,
    MOST_FIELDS,
)
from portweave.supervisor.proxy.http.hpack_decoder import HeadDecoder
from portweave.supervisor.proxy.http.http1_heads import (
    From,
    Refusal,
)
from portweave.supervisor.proxy.http.http2_frames import (
    MOST_STREAMS,
    STREAM_BYTES,
    Multiplex,
    pairs,
)
from portweave.supervisor.proxy.http.http2_heads import (
    read_stream,
    read_trailers,
)
from portweave.supervisor.proxy.http.http2_stream import Stream
from portweave.supervisor.proxy.http.rate_limit import Bucket
from portweave.system.peer_credentials import is_own

if TYPE_CHECKING:
    from h2.events import Event

    from portweave.supervisor.proxy.http.exchange import Upstreams
    from portweave.supervisor.proxy.http.frontend import ConnectionSet
    from portweave.supervisor.proxy.http.http2_exchange import StreamFields

# A browser that leaves a page cancels all its requests. A client that opens and cancels streams
# without end is an attack (CVE-2023-44487). So is one that only sends frames that need a reply.
RESETS = (1000, 100.0)
CONTROLS = (1000, 100.0)


class Streams(Multiplex, Http2ClientConnection):
    """One connection of a client that speaks HTTP/2.

    Args:
        connections: The set of connected clients.
        is_stranger: Whether the client belongs to a user that the proxy does not serve.

    Attributes:
        since_s: When it became idle, in seconds of the monotonic clock.
        is_stranger: As given.
    """

    def __init__(self, connections: "ConnectionSet", *, is_stranger: bool = False) -> None:
        super().__init__(H2Connection(H2Configuration(client_side=False, header_encoding=False)))
        self.since_s = 0.0
        self.is_stranger = is_stranger
        self._connections = connections
        self.h2.decoder = HeadDecoder()
        self.h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MOST_STREAMS,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_BYTES,
                # This limit counts 32 bytes more for each field: RFC 9113, section 6.5.2.
                SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_BYTES + 32 * MOST_FIELDS,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
            },
        )
        self._streams: dict[int, Stream] = {}
        self._is_leaving = False
        self._resets, self._controls = Bucket(*RESETS), Bucket(*CONTROLS)
        self._came: From | None = None
        self._is_own: bool | None = None

    @property
    def is_own(self) -> bool:
        """Whether the client belongs to this user or root; looked up once, on first use."""
        if self._is_own is None:
            assert self.transport is not None
            client, server = map(self.transport.get_extra_info, ("peername", "sockname"))
            # A connection without an address has ended already.
            self._is_own = bool(client and server) and is_own(client, server)
        return self._is_own

    @property
    def upstreams(self) -> "Upstreams":
        """The services that requests go to."""
        return self._connections.upstreams

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return not self._streams

    def check_time(self, now_s: float) -> None:
        """Close the connection after a time without requests."""
        if not self._streams and now_s - self.since_s > IDLE_S:
            self._leave()

    def finish_up(self) -> None:
        """Take no further request."""
        self._leave()
        for stream in [one for one in self._streams.values() if one.is_tunnel_to_be]:
            self.reset(stream, ErrorCodes.CANCEL)

    # Methods for the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.since_s = time.monotonic()
        peer = transport.get_extra_info("peername")
        is_secure = transport.get_extra_info("sslcontext") is not None
        self._came = From(peer[0].encode(), b"https" if is_secure else b"http")
        self._connections.enter(self)
        super().connection_made(transport)

    def feed(self, data: bytes) -> None:
        """Receive bytes."""
        if self.transport is None or self.transport.is_closing():
            return
        try:
            events = self.h2.receive_data(data)
            for event in events:
                self._take(event)
        except H2Error:
            # The library has queued a GOAWAY with the reason.
            self.push()
            self._end()
            return
        self.plan_push()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        super().connection_lost(exc)
        self._connections.leave(self)
        for stream in list(self._streams.values()):
            stream.drop()
        self._streams.clear()

    def _take(self, event: "Event") -> None:
        match event:
            case DataReceived():
                self._take_data(event)
            case RequestReceived():
                self._take_request(event)
            case TrailersReceived():
                self._take_trailers(event)
            case StreamEnded():
                stream = self._streams.get(event.stream_id or 0)
                if stream is not None:
                    stream.take_end([])
            case StreamReset():
                self._count(self._resets)
                stream = self._streams.get(event.stream_id or 0)
                if stream is not None:
                    self._remove(stream)
            case WindowUpdated() | RemoteSettingsChanged():
                if isinstance(event, RemoteSettingsChanged):
                    self._count(self._controls)
                for stream in self._streams.values():
                    self.queue(stream)
            case PingReceived() | PriorityUpdated():
                self._count(self._controls)
            case ConnectionTerminated():
                # After this the library sends nothing more.
                self._end()
            case _:
                pass

    def _take_request(self, event: RequestReceived) -> None:
        number = event.stream_id or 0
        if self._is_leaving or self._connections.is_draining:
            self.h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        assert self._came is not None
        key = b64encode(os.urandom(16))
        has_body = event.stream_ended is None
        request = read_stream(pairs(event.headers), self._came, key, has_body=has_body)
        stream = self._streams[number] = Stream(self, number, request, key)
        if not has_body:
            stream.is_asked = True
        if not has_body or stream.is_tunnel_to_be:
            stream.exchange.end_request([])
        stream.exchange.advance()

    def _take_trailers(self, event: TrailersReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if stream is None:
            return
        trailers = read_trailers(pairs(event.headers))
        if isinstance(trailers, Refusal):
            stream.refuse_end(trailers)
        else:
            stream.take_end(trailers)

    def _take_data(self, event: DataReceived) -> None:
        number, length = event.stream_id or 0, event.flow_controlled_length or 0
        data = event.data or b""
        if not data and event.stream_ended is None:
            self._count(self._controls)
        stream = self._streams.get(number)
        if stream is None or stream.is_over:
            self.give_back(number, length)
        else:
            stream.take_data(data, length)

    def _count(self, bucket: Bucket) -> None:
        """Limit the rate of frames that cost the proxy more than the client.

        Raises:
            ProtocolError: The client exceeds the rate.
        """
        if not bucket.add(time.monotonic()):
            self.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            raise ProtocolError

    def _leave(self) -> None:
        """Accept no further request, and close after the last one: RFC 9113, section 6.8."""
        if self._is_leaving or self.transport is None:
            return
        self.push()
        self._is_leaving = True
        order = GoAwayFrame(0, last_stream_id=self.h2.highest_inbound_stream_id)
        # The library's own GOAWAY would end all streams at once.
        self.transport.write(order.serialize())
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        if self._is_leaving and not self._streams:
            self._end()

    def _end(self) -> None:
        for stream in list(self._streams.values()):
            self._remove(stream)
        if self.transport is not None:
            self.transport.close()

    # Methods for streams.

    def send_head(self, stream: Stream, fields: "StreamFields", *, is_all: bool) -> bool:
        """Send a head, as in `Connection.send_head`; return whether the stream accepted it."""
        if stream.is_over:
            return False
        try:
            self.h2.send_headers(stream.number, fields, end_stream=is_all)
        except ProtocolError:
            self.reset(stream, ErrorCodes.INTERNAL_ERROR)
            return False
        self.plan_push()
        return True

    def reset_stream(self, number: int, code: ErrorCodes) -> None:
        """Reset a stream."""
        stream = self._streams.get(number)
        if stream is not None:
            self.reset(stream, code)

    def reset(self, stream: Stream, code: ErrorCodes) -> None:
        """Reset a stream."""
        with contextlib.suppress(ProtocolError):
            self.h2.reset_stream(stream.number, code)
        self._remove(stream)

    def forget(self, stream: Stream) -> None:
        """Remove a stream that has ended; stop the client from sending the rest of its request."""
        if stream.is_asked:
            self._remove(stream)
        else:
            self.reset(stream, ErrorCodes.NO_ERROR)

    def _remove(self, stream: Stream) -> None:
        self._streams.pop(stream.number, None)
        stream.drop()
        self.plan_push()
        if not self._streams:
            self.since_s = time.monotonic()

    def pushed(self) -> None:
        """Everything that the windows allow has been sent."""
        self._leave_if_idle()
