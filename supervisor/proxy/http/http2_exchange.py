"""A request by HTTP/2 and its answer: the service's side is that of any other."""

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
    """A stream as its exchange sees it."""

    def send_head(self, fields: StreamFields, *, is_all: bool = False) -> None:
        """Send a head, of the answer or before it; `is_all` where nothing stands behind it."""

    def send_trailers(self, fields: StreamFields) -> None:
        """What is to stand behind the body."""


class Http2Exchange(Exchange):
    """A request under way.

    Args:
        stream: Who has asked.
        upstreams: Where requests find their service.
        request: Its head, or why it is refused.
        key: Of the WebSocket, should it ask for one.
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
        # The head of the answer, until all that came with it has been taken.
        self._fields: StreamFields | None = None
        self._has_trailers = False

    @property
    def is_holding(self) -> bool:
        """Whether something of the request could not be passed on yet."""
        return bool(self._held)

    def take_news(self) -> None:
        """All that came at once has been taken."""
        fields, self._fields = self._fields, None
        if fields is not None:
            # An answer that has nothing but a head says so with it, as gRPC wants it.
            is_all = self._is_ended and not self._out and not self._has_trailers
            self._stream.send_head(fields, is_all=is_all)
        super().take_news()

    def take_interim(self, status: int, reason: bytes, fields: Fields) -> None:
        """The head of a 1xx answer."""
        request = self.request
        assert isinstance(request, Request)
        is_tunnel = status == 101
        if is_tunnel:
            if not request.upgrade:
                raise ValueError("it has changed the protocol, and nobody asked for that")
            if not is_agreed(self._key, fields):
                raise ValueError("it has not agreed to the WebSocket that was asked for")
            self._is_tunnel = True
            assert self._backend is not None
            self._backend.expect_tunnel()
        head = interim_head(status, reason, fields, request.upgrade)
        self._stream.send_head(stream_head(head, tunnel=is_tunnel))

    def take_head(self, status: int, reason: bytes, fields: Fields) -> bool:
        """The head of the answer; whether no body follows whatever it says."""
        assert isinstance(self.request, Request)
        if self.request.upgrade and 200 <= status < 300:
            # To the client that would be the yes that it was not.
            raise ValueError(f"it has answered a WebSocket's request with {status}")
        answer = read_answer(self.request, status, reason, fields, closing=False)
        self._answer = answer
        self._sent = []
        self._fields = stream_head(answer.head)
        return answer.source is Framing.NONE

    def take_body(self, data: bytes) -> None:
        """A piece of the answer's body."""
        self._out.append(data)

    def take_end(self, trailers: Fields) -> None:
        """The answer is complete."""
        if trailers:
            self._has_trailers = True
            self._stream.send_trailers(stream_trailers(trailer_lines(trailers)))
        self._is_ended = True
