"""An HTTP/2 stream of a client: one request and its answer.

Bodies are passed on as they arrive. The stream's window opens again after the service has taken
the bytes. The proxy stops reading from the service while the client reads nothing.
"""

from typing import TYPE_CHECKING, Protocol

from h2.errors import ErrorCodes

from portweave.supervisor.proxy.http.http1_heads import (
    Refusal,
    Request,
)
from portweave.supervisor.proxy.http.http2_exchange import (
    Http2Exchange,
    StreamFields,
)
from portweave.supervisor.proxy.http.http2_heads import stream_head
from portweave.supervisor.proxy.http.http2_outbox import (
    HIGH_BYTES,
    LOW_BYTES,
    Outbox,
)

if TYPE_CHECKING:
    from h2.connection import H2Connection

    from portweave.supervisor.proxy.http.exchange import Upstreams
    from portweave.supervisor.proxy.http.pages.page import Page


class Connection(Protocol):
    """The connection, as its streams see it."""

    @property
    def is_own(self) -> bool:
        """Whether the client belongs to this user."""
        ...

    @property
    def is_stranger(self) -> bool:
        """Whether the client belongs to a user that the proxy does not serve."""
        ...

    @property
    def upstreams(self) -> "Upstreams":
        """The services that requests go to."""
        ...

    def give_back(self, number: int, length: int) -> None:
        """Return consumed bytes to the flow-control windows."""

    def send_head(self, stream: "Stream", fields: StreamFields, *, is_all: bool) -> bool:
        """Send a head; return whether the stream accepted it.

        Args:
            stream: The stream.
            fields: Names and values, pseudo-fields first.
            is_all: Whether nothing follows the head.
        """
        ...

    def queue(self, stream: "Stream") -> None:
        """Queue a stream for sending."""

    def reset(self, stream: "Stream", code: ErrorCodes) -> None:
        """Reset a stream."""

    def forget(self, stream: "Stream") -> None:
        """Remove a stream that has ended."""


class Stream:
    """A request on a connection, as its exchange sees it.

    Attributes:
        number: The stream's number.
        exchange: The request and its answer.
        is_asked: Whether the whole request has arrived.
        is_over: Whether the exchange has ended; a part of the answer may still be unsent.
        is_queued: Whether the stream is in the send queue.
    """

    __slots__ = (
        "_connection",
        "_early",
        "_holds_service",
        "_is_paused",
        "_is_tunnel",
        "_out",
        "_unread",
        "exchange",
        "is_asked",
        "is_over",
        "is_queued",
        "number",
    )

    def __init__(
        self, connection: Connection, number: int, request: Request | Refusal, key: bytes
    ) -> None:
        self.number = number
        self.is_asked = self.is_queued = self.is_over = False
        self._connection = connection
        # The part of the answer that the client's window has no room for.
        self._out = Outbox(number)
        self._is_tunnel = self._holds_service = self._is_paused = False
        # The number of bytes received and not passed on, and the bytes that arrived before the
        # service accepted a WebSocket.
        self._unread = 0
        self._early: list[bytes] = []
        self.exchange = Http2Exchange(self, connection.upstreams, request, key)

    @property
    def is_own(self) -> bool:
        """Whether the client belongs to this user."""
        return self._connection.is_own

    @property
    def is_stranger(self) -> bool:
        """Whether the client belongs to a user that the proxy does not serve."""
        return self._connection.is_stranger

    # Methods for the connection.

    @property
    def is_tunnel_to_be(self) -> bool:
        """Whether the request asks for a WebSocket."""
        request = self.exchange.request
        return isinstance(request, Request) and bool(request.upgrade)

    @property
    def has_news(self) -> bool:
        """Whether something waits to be sent."""
        return self._out.has_news

    def take_data(self, data: bytes, length: int) -> None:
        """Take a piece of the request's body, or bytes of a WebSocket.

        Args:
            data: The bytes.
            length: The bytes that count against the windows, padding included.
        """
        exchange = self.exchange
        self._unread += length
        if self._is_tunnel:
            exchange.take_tunnel_bytes(data)
        elif self.is_tunnel_to_be:
            self._early.append(data)
            return
        else:
            exchange.take_request_body(data)
            exchange.advance()
        if not self._is_paused and not exchange.is_holding:
            self._open_window()

    def take_end(self, trailers: StreamFields) -> None:
        """The client has closed its side."""
        if self.is_asked:
            return
        self.is_asked = True
        if self.is_over:
            return
        if self._is_tunnel:
            self.exchange.take_tunnel_eof()
        elif self.is_tunnel_to_be:
            self._connection.reset(self, ErrorCodes.CANCEL)
        else:
            self.exchange.end_request(trailers)
            self.exchange.advance()

    def refuse_end(self, refusal: Refusal) -> None:
        """Refuse a request whose trailers are invalid."""
        self.is_asked = True
        if not self.is_over:
            self.exchange.refuse(refusal)

    def send_some(self, h2: "H2Connection") -> int | None:
        """Send at most one frame; return its size in bytes, None without window space.

        Raises:
            ProtocolError: The stream is closed.
        """
        size = self._out.send_some(h2)
        if self._holds_service and self._out.waiting_bytes <= LOW_BYTES:
            self._holds_service = False
            self.exchange.let_service_go_on()
        if self._out.has_ended and self.is_over:
            self._connection.forget(self)
        return size

    def drop(self) -> None:
        """Handle the end of the stream."""
        self.is_over = True
        self._out.clear()
        self._early.clear()
        self._open_window()
        self.exchange.abandon()

    def _open_window(self) -> None:
        length, self._unread = self._unread, 0
        if length:
            self._connection.give_back(self.number, length)

    # Methods for the exchange.

    def send_head(self, fields: StreamFields, *, is_all: bool = False) -> None:
        """Send the head of an interim or final answer; `is_all` marks the last frame."""
        if self._connection.send_head(self, fields, is_all=is_all):
            self._out.is_begun = True
            self._out.has_ended = is_all

    def send_trailers(self, fields: StreamFields) -> None:
        """Set the trailers."""
        self._out.add_trailers(fields)

    def write(self, data: bytes) -> None:
        """Queue a piece of the answer's body."""
        if self.is_over or not data:
            return
        self._out.write(data)
        if self._out.waiting_bytes > HIGH_BYTES and not self._holds_service:
            self._holds_service = True
            self.exchange.hold_service()
        self._connection.queue(self)

    def pause(self) -> None:
        """Stop opening the stream's window."""
        self._is_paused = True

    def resume(self) -> None:
        """Open the stream's window again."""
        self._is_paused = False
        if not self._early:
            self._open_window()

    def abort(self) -> None:
        """Reset the stream: the answer is incomplete."""
        self._connection.reset(self, ErrorCodes.INTERNAL_ERROR)

    def reset(self) -> None:
        """Reset the stream, as `abort` does."""
        self.abort()

    def say(self, page: "Page", request: Request | Refusal, *, keep_alive: bool) -> None:
        """Send an answer that the proxy itself writes; arguments as in `Downstream.say`."""
        from portweave.supervisor.proxy.http.pages.page_answer import render

        html, body_wanted = False, True
        if isinstance(request, Request):
            html, body_wanted = request.wants_html, request.method != b"HEAD"
        else:
            body_wanted = not request.is_head
        answer = render(page, html=html, body_wanted=body_wanted)
        head, end, body = answer.partition(b"\r\n\r\n")
        self.send_head(stream_head(head + end))
        self.write(body)

    def begin_tunnel(self) -> None:
        """Pass on all further bytes as a WebSocket's."""
        if self._is_tunnel:
            return
        self._is_tunnel = True
        early, self._early = self._early, []
        for data in early:
            self.exchange.take_tunnel_bytes(data)
        self._open_window()

    def end_tunnel(self) -> None:
        """The service has closed its side of the tunnel."""
        self._out.end()
        self._connection.queue(self)

    def end_exchange(self, *, keep_alive: bool, read_all: bool) -> None:
        """The answer is complete."""
        if self.is_over:
            return
        self.is_over = True
        if self._out.has_ended:
            self._connection.forget(self)
            return
        self._out.end()
        self._connection.queue(self)
