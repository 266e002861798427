"""A stream of HTTP/2: one request, and its answer, as windows and the other side allow.

A body is passed on as it comes: the stream's window is opened again when the service has taken
what came, and the service is read from no further while the client takes nothing.
"""

from typing import TYPE_CHECKING, Protocol

from h2.errors import ErrorCodes

from portweave.supervisor.proxy.http import error_pages
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


class Connection(Protocol):
    """What streams share."""

    @property
    def is_own(self) -> bool:
        """Whether it is of this user."""
        ...

    @property
    def is_stranger(self) -> bool:
        """Whether it is of another user, whom the proxy does not serve."""
        ...

    @property
    def upstreams(self) -> "Upstreams":
        """Where requests find their service."""
        ...

    def give_back(self, number: int, length: int) -> None:
        """Open the windows again for what was taken."""

    def send_head(self, stream: "Stream", fields: StreamFields, *, is_all: bool) -> bool:
        """Send a head, with nothing behind it if `is_all`; whether the stream takes one."""
        ...

    def queue(self, stream: "Stream") -> None:
        """A stream may have something to send."""

    def reset(self, stream: "Stream", code: ErrorCodes) -> None:
        """End a stream at once."""

    def forget(self, stream: "Stream") -> None:
        """A stream has come to its end."""


class Stream:
    """A request on a connection, as its exchange sees it.

    Attributes:
        number: The stream's.
        exchange: The request under way.
        is_asked: Whether all of the request has come.
        is_over: Whether its exchange is; some of the answer may still have to be sent.
        is_queued: Whether it stands in line for sending.
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
        # Of the answer: what the client's window has no room for yet.
        self._out = Outbox(number)
        self._is_tunnel = self._holds_service = self._is_paused = False
        # Of the request: how much was taken and not yet passed on, and what came before a
        # WebSocket was agreed to.
        self._unread = 0
        self._early: list[bytes] = []
        self.exchange = Http2Exchange(self, connection.upstreams, request, key)

    @property
    def is_own(self) -> bool:
        """Whether it is of this user."""
        return self._connection.is_own

    @property
    def is_stranger(self) -> bool:
        """Whether it is of another user, whom the proxy does not serve."""
        return self._connection.is_stranger

    # What the connection calls.

    @property
    def is_tunnel_to_be(self) -> bool:
        """Whether it asks for a WebSocket."""
        request = self.exchange.request
        return isinstance(request, Request) and bool(request.upgrade)

    @property
    def has_news(self) -> bool:
        """Whether there is something to send."""
        return self._out.has_news

    def take_data(self, data: bytes, length: int) -> None:
        """A piece of the request's body, or of what a WebSocket says.

        Args:
            data: It.
            length: What it takes of the windows.
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
        """The client has no more to say."""
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
        """What stands behind the request's body cannot be passed on."""
        self.is_asked = True
        if not self.is_over:
            self.exchange.refuse(refusal)

    def send_some(self, h2: "H2Connection") -> int | None:
        """Send as much as fits into one frame; how much that was, None where there is no room.

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
        """It has come to an end."""
        self.is_over = True
        self._out.clear()
        self._early.clear()
        self._open_window()
        self.exchange.abandon()

    def _open_window(self) -> None:
        length, self._unread = self._unread, 0
        if length:
            self._connection.give_back(self.number, length)

    # What the exchange calls.

    def send_head(self, fields: StreamFields, *, is_all: bool = False) -> None:
        """Send a head, of the answer or before it; `is_all` where nothing stands behind it."""
        if self._connection.send_head(self, fields, is_all=is_all):
            self._out.is_begun = True
            self._out.has_ended = is_all

    def send_trailers(self, fields: StreamFields) -> None:
        """What is to stand behind the body."""
        self._out.add_trailers(fields)

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if self.is_over or not data:
            return
        self._out.write(data)
        if self._out.waiting_bytes > HIGH_BYTES and not self._holds_service:
            self._holds_service = True
            self.exchange.hold_service()
        self._connection.queue(self)

    def pause(self) -> None:
        """Open the window no further for now."""
        self._is_paused = True

    def resume(self) -> None:
        """Open it again."""
        self._is_paused = False
        if not self._early:
            self._open_window()

    def abort(self) -> None:
        """End it at once: what was sent is not whole."""
        self._connection.reset(self, ErrorCodes.INTERNAL_ERROR)

    def reset(self) -> None:
        """Likewise."""
        self.abort()

    def say(self, page: error_pages.Page, request: Request | Refusal, *, keep_alive: bool) -> None:
        """Answer ourselves."""
        html, body_wanted = False, True
        if isinstance(request, Request):
            html, body_wanted = request.wants_html, request.method != b"HEAD"
        else:
            body_wanted = not request.is_head
        answer = error_pages.render(page, html=html, body_wanted=body_wanted)
        head, end, body = answer.partition(b"\r\n\r\n")
        self.send_head(stream_head(head + end))
        self.write(body)

    def begin_tunnel(self) -> None:
        """From now on its bytes are those of a WebSocket."""
        if self._is_tunnel:
            return
        self._is_tunnel = True
        early, self._early = self._early, []
        for data in early:
            self.exchange.take_tunnel_bytes(data)
        self._open_window()

    def end_tunnel(self) -> None:
        """The service has no more to say in it."""
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
