"""The service's side of HTTP/2, without TLS: one connection that several requests share.

gRPC services speak it, and a client has prior knowledge of that (RFC 9113, section 3.3).
"""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes, Settings

from portweave.supervisor.proxy.http.backend import (
    AnswerReceiver,
    NoStreamsError,
)
from portweave.supervisor.proxy.http.goaway import (
    FIRST_BYTES,
    GoawayFilter,
    is_settings,
)
from portweave.supervisor.proxy.http.http1_heads import (
    NotAnAnswerError,
    Refusal,
    Request,
    trailer_lines,
)
from portweave.supervisor.proxy.http.http2_frames import (
    STREAM_BYTES,
    Multiplex,
    pairs,
)
from portweave.supervisor.proxy.http.http2_heads import (
    read_stream_answer,
    read_trailers,
    stream_request,
    stream_trailers,
)
from portweave.supervisor.proxy.http.http2_outbox import (
    HIGH_BYTES,
    LOW_BYTES,
    Outbox,
)
from portweave.supervisor.proxy.http.limits import ANSWER_HEAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from h2.events import Event

    from portweave.supervisor.proxy.http.goaway import Goaway
    from portweave.supervisor.proxy.http.http1_heads import Fields

# Seconds for a service's SETTINGS frame to arrive, and for a connection to be idle.
SETTINGS_S = 5.0
IDLE_S = 60.0


class BackendStream:
    """A request on an HTTP/2 connection to a service; an exchange uses it as an `Upstream`.

    Attributes:
        number: The stream's number; 0 before the head has been sent.
        asker: Receives the answer; None after the exchange.
        used: Always False: a stream carries one request.
        is_queued: Whether the stream is in the send queue.
    """

    __slots__ = (
        "_connection",
        "_is_answered",
        "_is_bodiless",
        "_is_holding",
        "_is_paused",
        "_out",
        "_unread",
        "asker",
        "is_queued",
        "number",
        "used",
    )

    def __init__(self, connection: "BackendStreams") -> None:
        self._connection = connection
        self._out = Outbox(0)
        self._is_answered = self._is_bodiless = self._is_holding = self._is_paused = False
        # Bytes of the answer that arrived while the client was not reading.
        self._unread = 0
        self.number = 0
        self.asker: AnswerReceiver | None = None
        self.used = self.is_queued = False

    # Methods for the exchange.

    def send(
        self, request: Request, pieces: "list[bytes]", *, is_first: bool, trailers: "Fields | None"
    ) -> None:
        """Send a request or a part of it; `Backend.send` describes the arguments."""
        if is_first:
            is_all = trailers is not None and not pieces and not trailers
            try:
                number = self._connection.begin(self, stream_request(request), is_all=is_all)
            except H2Error as error:
                # Fail in the next turn: the exchange is still in its call of `send`.
                why = f"the request could not be sent ({error})"
                asyncio.get_running_loop().call_soon(self.fail, why)
                return
            self.number, self._out = number, Outbox(number)
            self._out.is_begun, self._out.has_ended = True, is_all
        for piece in pieces:
            self._out.write(piece)
        if trailers:
            self._out.add_trailers(stream_trailers(trailer_lines(trailers)))
        if trailers is not None:
            self._out.end()
        self._connection.queue(self)
        if self._out.waiting_bytes > HIGH_BYTES and self.asker is not None:
            self._is_holding = True
            self.asker.hold()

    def write(self, data: bytes) -> None:
        """Do nothing: HTTP/2 streams to services have no tunnels."""

    def write_end(self) -> None:
        """Do nothing, as `write`."""

    def expect_tunnel(self) -> None:
        """Refuse a tunnel.

        Raises:
            NotAnAnswerError: Always.
        """
        raise NotAnAnswerError("it has changed the protocol without being asked")

    def pause(self) -> None:
        """Stop opening the stream's window."""
        self._is_paused = True

    def resume(self) -> None:
        """Open the stream's window again."""
        self._is_paused = False
        length, self._unread = self._unread, 0
        self._connection.give_back(self.number, length)

    def close(self) -> None:
        """Reset the stream: the rest of the answer is not needed."""
        self.abort()

    def abort(self) -> None:
        """Reset the stream."""
        self.asker = None
        self._out.clear()
        self.resume()
        self._connection.forget(self, ErrorCodes.CANCEL)

    # Methods for the connection.

    @property
    def has_news(self) -> bool:
        """Whether something waits to be sent."""
        return self._out.has_news

    def send_some(self, h2: H2Connection) -> int | None:
        """Send at most one frame; return its size in bytes, None without window space.

        Raises:
            ProtocolError: The stream is closed.
        """
        size = self._out.send_some(h2)
        if self._is_holding and self._out.waiting_bytes <= LOW_BYTES:
            self._is_holding = False
            if self.asker is not None:
                self.asker.go_on()
        return size

    def take(self, event: "Event") -> None:
        """Take an event of the answer.

        Raises:
            ValueError: The answer is not valid.
        """
        asker = self.asker
        assert asker is not None
        match event:
            case InformationalResponseReceived():
                asker.take_interim(*_head(event))
            case ResponseReceived():
                self._is_answered = True
                self._is_bodiless = asker.take_head(*_head(event))
            case DataReceived():
                self._take_data(event, asker)
            case TrailersReceived():
                trailers = read_trailers(pairs(event.headers))
                if isinstance(trailers, Refusal):
                    raise NotAnAnswerError(trailers.why)
                self._end(asker, trailers)
            case StreamEnded():
                # The trailers have ended the answer.
                if self.asker is not None and self._is_answered:
                    self._end(asker, [])
            case _:
                pass

    def _take_data(self, event: DataReceived, asker: AnswerReceiver) -> None:
        length = event.flow_controlled_length or 0
        if event.data and not self._is_bodiless:
            asker.take_body(event.data)
        if self._is_paused:
            self._unread += length
        else:
            self._connection.give_back(self.number, length)

    def _end(self, asker: AnswerReceiver, trailers: "Fields") -> None:
        asker.take_end(trailers)
        self.asker = None
        self._connection.end(self, asker, is_sent=self._out.has_ended)
        self._out.clear()

    def fail(self, why: str, *, is_unread: bool = False) -> None:
        """Fail the exchange; `is_unread` as in `AnswerReceiver.take_failure`."""
        asker, self.asker = self.asker, None
        self._out.clear()
        if asker is not None:
            asker.take_failure(why, clean=False, is_unread=is_unread)


def _head(event: InformationalResponseReceived | ResponseReceived) -> "tuple[int, bytes, Fields]":
    status, fields = read_stream_answer(pairs(event.headers))
    return status, b"", fields


class BackendStreams(Multiplex):
    """One HTTP/2 connection to a service.

    Args:
        forget: Called with the connection when it accepts no more requests.
    """

    def __init__(self, forget: "Callable[[BackendStreams], None]") -> None:
        super().__init__(H2Connection(H2Configuration(client_side=True, header_encoding=False)))
        self.h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: ANSWER_HEAD_BYTES,
            },
        )
        self.h2.decoder.max_header_list_size = ANSWER_HEAD_BYTES
        self._forget = forget
        self._filter = GoawayFilter()
        self._streams: dict[int, BackendStream] = {}
        # The streams with complete answers, and the streams with events in this read.
        self._ended: list[AnswerReceiver] = []
        self._touched: dict[int, BackendStream] = {}
        self._is_ready = asyncio.get_running_loop().create_future()
        self._first = b""
        self._is_leaving = False
        self._since_s = time.monotonic()

    # Methods for the pool.

    async def first_stream(self) -> BackendStream:
        """Open a stream as soon as the service has sent its SETTINGS frame.

        Raises:
            NoStreamsError: The service does not speak HTTP/2.
        """
        try:
            async with asyncio.timeout(SETTINGS_S):
                await self._is_ready
        except TimeoutError as error:
            raise NoStreamsError from error
        stream = self.open_stream()
        if stream is None:
            raise NoStreamsError
        return stream

    def open_stream(self) -> BackendStream | None:
        """Open a stream; None if the connection has no room."""
        most = self.h2.remote_settings.max_concurrent_streams
        transport = self.transport
        is_open = transport is not None and not transport.is_closing() and not self._is_leaving
        if not is_open or len(self._streams) >= most:
            return None
        return BackendStream(self)

    def leave(self) -> None:
        """Accept no more requests, and close after the last stream."""
        self._is_leaving = True
        self._forget(self)
        self._rest()

    def check_time(self, now_s: float) -> None:
        """Close the connection after a time without requests."""
        if not self._streams and now_s - self._since_s > IDLE_S:
            self.leave()

    # Methods for streams.

    def begin(self, stream: BackendStream, fields: "Fields", *, is_all: bool) -> int:
        """Send a head; return the number of its new stream.

        Args:
            stream: The stream.
            fields: Names and values, pseudo-fields first.
            is_all: Whether nothing follows the head.

        Raises:
            H2Error: The head cannot be sent.
        """
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, fields, end_stream=is_all)
        self._streams[number] = stream
        self.plan_push()
        return number

    def end(self, stream: BackendStream, asker: AnswerReceiver, *, is_sent: bool) -> None:
        """Finish a stream whose answer is complete.

        Args:
            stream: The stream.
            asker: The receiver of the answer.
            is_sent: Whether the whole request has been sent, too.
        """
        if not is_sent:
            # The service does not need the rest of the request: RFC 9113, section 8.1.
            with suppress(ProtocolError):
                self.h2.reset_stream(stream.number, ErrorCodes.CANCEL)
        self._streams.pop(stream.number, None)
        self._touched.pop(stream.number, None)
        self._ended.append(asker)

    def forget(self, stream: BackendStream, code: ErrorCodes) -> None:
        """Drop a stream whose exchange is over."""
        if self._streams.pop(stream.number, None) is not None:
            with suppress(ProtocolError):
                self.h2.reset_stream(stream.number, code)
            self.plan_push()
        self._touched.pop(stream.number, None)
        self._rest()

    def reset_stream(self, number: int, code: ErrorCodes) -> None:
        """Reset a stream."""
        stream = self._streams.get(number)
        if stream is not None:
            self.forget(stream, code)
            stream.fail("the request could not be sent to its end")

    # Methods for the event loop.

    def feed(self, data: bytes) -> None:
        """Receive bytes."""
        if self.transport is None or self.transport.is_closing():
            return
        if not self._is_ready.done():
            self._first = (self._first + data)[:FIRST_BYTES]
            is_enough = len(self._first) == FIRST_BYTES
            if self._first[:1] != b"\0" or (is_enough and not is_settings(self._first)):
                self._fail("its answer is not HTTP/2")
                return
        passed, goaways = self._filter.feed(data)
        try:
            for event in self.h2.receive_data(passed) if passed else ():
                self._take(event)
        except H2Error as error:
            self._fail(f"its answer is not HTTP/2 ({error})")
            return
        for goaway in goaways:
            self._take_goaway(goaway)
        self._tell()
        self.plan_push()
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        super().connection_lost(exc)
        self._fail(
            "it has closed the connection" if exc is None else f"the connection broke ({exc})"
        )

    def _take(self, event: "Event") -> None:
        number = getattr(event, "stream_id", None) or 0
        stream = self._streams.get(number)
        match event:
            case RemoteSettingsChanged():
                if not self._is_ready.done():
                    self._is_ready.set_result(None)
                self._queue_all()
            case WindowUpdated():
                self._queue_all()
            case StreamReset() if stream is not None:
                self._streams.pop(number)
                self._touched.pop(number, None)
                code = int(event.error_code or 0)
                why = f"it was asked by HTTP/2, and has reset the request (code {code})"
                # RFC 9113, section 8.7
                stream.fail(why, is_unread=code == ErrorCodes.REFUSED_STREAM)
            case DataReceived() if stream is None:
                self.give_back(number, event.flow_controlled_length or 0)
            case _ if stream is not None:
                self._touched[number] = stream
                try:
                    stream.take(event)
                except ValueError as error:
                    self.forget(stream, ErrorCodes.PROTOCOL_ERROR)
                    stream.fail(str(error))
            case _:
                pass

    def _queue_all(self) -> None:
        for stream in self._streams.values():
            self.queue(stream)

    def _tell(self) -> None:
        """The bytes of one read have been processed."""
        ended, self._ended = self._ended, []
        touched, self._touched = self._touched, {}
        for asker in [*ended, *(one.asker for one in touched.values() if one.asker is not None)]:
            asker.take_news()

    def _take_goaway(self, goaway: "Goaway") -> None:
        self.leave()
        for number, stream in list(self._streams.items()):
            if number > goaway.last_stream:
                del self._streams[number]
                stream.fail("it takes no more requests on this connection", is_unread=True)

    def _rest(self) -> None:
        if not self._streams:
            self._since_s = time.monotonic()
            if self._is_leaving and self.transport is not None:
                self.push()
                self.transport.close()

    def _fail(self, why: str) -> None:
        self._is_leaving = True
        self._forget(self)
        if not self._is_ready.done():
            self._is_ready.set_exception(NoStreamsError())
        streams, self._streams, self._touched = self._streams, {}, {}
        for asker in self._ended:
            asker.take_news()
        self._ended = []
        for stream in streams.values():
            stream.fail(why)
        self.abort()
