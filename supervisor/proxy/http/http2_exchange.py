"""The exchange of an HTTP/2 request; the service's side is the same as for HTTP/1.1."""

from typing import TYPE_CHECKING, Protocol

from portweave.supervisor.proxy.http.exchange import (
    Downstream,
    Exchange,
)
from portweave.supervisor.proxy.http.http1_heads import (
    Fields,
    Framing,
    Refusal,
    Request,
    interim_head,
    read_answer,
    trailer_lines,
)
from portweave.supervisor.proxy.http.http2_heads import (
    is_agreed,
    stream_head,
    stream_trailers,
)

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.exchange import Upstreams

StreamFields = list[tuple[bytes, bytes]]


class Http2Downstream(Downstream, Protocol):
    """The stream, as its exchange sees it."""

    def send_head(self, fields: StreamFields, *, is_all: bool = False) -> None:
        """Send the head of an interim or final answer; `is_all` marks the last frame."""

    def send_trailers(self, fields: StreamFields) -> None:
        """Set the trailers."""


class Http2Exchange(Exchange):
    """A request under way.

    Args:
        stream: The client's stream.
        upstreams: The services that requests go to.
        request: The head, or the refusal.
        key: The key for the WebSocket handshake, if the request asks for one.
    """

    __slots__ = ("_fields", "_has_trailers", "_key", "_stream")

    def __init__(
        self,
        stream: Http2Downstream,
        upstreams: "Upstreams",
        request: Request | Refusal,
        key: bytes,
    ) -> None:
        super().__init__(stream, upstreams, request)
        self._stream = stream
        self._key = key
        # The head of the answer, until the whole read has been processed.
        self._fields: StreamFields | None = None
        self._has_trailers = False

    @property
    def is_holding(self) -> bool:
        """Whether a part of the request waits to be passed on."""
        return bool(self._held)

    def take_news(self) -> None:
        """The bytes of one read have been processed."""
        fields, self._fields = self._fields, None
        if fields is not None:
            # An answer without a body ends with its head, as gRPC requires.
            is_all = self._is_ended and not self._out and not self._has_trailers
            self._stream.send_head(fields, is_all=is_all)
        super().take_news()

    def take_interim(self, status: int, reason: bytes, fields: Fields) -> None:
        """Take the head of a 1xx answer; arguments as in `AnswerReceiver.take_head`."""
        request = self.request
        assert isinstance(request, Request)
        is_tunnel = status == 101
        if is_tunnel:
            if not request.upgrade:
                raise ValueError("it has changed the protocol without being asked")
            if not is_agreed(self._key, fields):
                raise ValueError("it has not agreed to the WebSocket that was asked for")
            self._is_tunnel = True
            assert self._backend is not None
            self._backend.expect_tunnel()
        head = interim_head(status, reason, fields, request.upgrade)
        self._stream.send_head(stream_head(head, tunnel=is_tunnel))

    def take_head(self, status: int, reason: bytes, fields: Fields) -> bool:
        """Take the head of the answer, as in `AnswerReceiver.take_head`."""
        assert isinstance(self.request, Request)
        if self.request.upgrade and 200 <= status < 300:
            # The client would take a 200 for an accepted WebSocket.
            raise ValueError(f"it has answered a WebSocket's request with {status}")
        answer = read_answer(self.request, status, reason, fields, closing=False)
        self._answer = answer
        self._sent = []
        self._fields = stream_head(answer.head)
        return answer.source is Framing.NONE

    def take_body(self, data: bytes) -> None:
        """Take a piece of the answer's body."""
        self._out.append(data)

    def take_end(self, trailers: Fields) -> None:
        """The answer is complete."""
        if trailers:
            self._has_trailers = True
            self._stream.send_trailers(stream_trailers(trailer_lines(trailers)))
        self._is_ended = True
