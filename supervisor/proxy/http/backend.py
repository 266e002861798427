"""The service's side of HTTP/1.1: a connection that carries one request after the other."""

from typing import TYPE_CHECKING, Protocol

import httptools

from portweave.supervisor.proxy.http.goaway import is_settings
from portweave.supervisor.proxy.http.head_limits import MOST_FIELDS
from portweave.supervisor.proxy.http.http1_heads import (
    Framing,
    Request,
    chunk,
    request_head,
    trailer_lines,
)
from portweave.supervisor.proxy.http.limits import (
    ANSWER_HEAD_BYTES,
    TooManyFieldsError,
)
from portweave.system.fast_loop import InlineConnection

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.http1_heads import Fields


class NoStreamsError(Exception):
    """A service does not speak HTTP/2."""


class AnswerReceiver(Protocol):
    """Receives the answer to a request."""

    def take_head(self, status: int, reason: bytes, fields: "Fields") -> bool:
        """Take the head of a final answer; return whether it has no body.

        Args:
            status: The status code, at least 200.
            reason: The reason phrase.
            fields: Names and values as sent.

        Raises:
            ValueError: The answer is not valid; the connection ends.
        """
        ...

    def take_interim(self, status: int, reason: bytes, fields: "Fields") -> None:
        """Take the head of a 1xx answer; arguments as in `take_head`."""

    def take_body(self, data: bytes) -> None:
        """Take a piece of the body."""

    def take_end(self, trailers: "Fields") -> None:
        """The answer is complete."""

    def take_news(self) -> None:
        """The bytes of one read have been processed."""

    def take_failure(self, why: str, *, clean: bool, is_unread: bool = False) -> None:
        """Handle the end of the connection.

        Args:
            why: The reason in words.
            clean: Whether the service closed the connection in order.
            is_unread: Whether the service has certainly not processed the request.
        """

    def take_tunnel(self, data: bytes) -> None:
        """Take bytes of the protocol after the upgrade."""

    def take_tunnel_end(self) -> None:
        """The service has closed its side of the tunnel."""

    def hold(self) -> None:
        """Pause reading from the client: the service's buffer is full."""

    def go_on(self) -> None:
        """Resume reading from the client."""


class IdleConnections(Protocol):
    """Keeps idle connections."""

    @property
    def only_streams(self) -> set[int]:
        """Ports whose services have answered HTTP/1.1 by HTTP/2."""
        ...

    def put(self, backend: "Backend") -> None:
        """Keep a connection for the next request."""

    def forget(self, backend: "Backend") -> None:
        """Remove a connection that has ended."""


class Backend(InlineConnection):
    """One connection to a service.

    Attributes:
        port: The service's port.
        asker: Receives the answer; None while the connection is idle.
        used: Whether the connection has carried an answer before.
        idle_since_s: When it became idle, in seconds of the monotonic clock.
    """

    __slots__ = (
        "_answered",
        "_bodiless",
        "_ended",
        "_fields",
        "_is_fresh",
        "_keep_alive",
        "_parser",
        "_reason",
        "_tunnel",
        "_unparsed",
        "asker",
        "idle_since_s",
        "pool",
        "port",
        "used",
    )

    def __init__(self, port: int, pool: IdleConnections) -> None:
        super().__init__()
        self.port = port
        self.pool = pool
        self.asker: AnswerReceiver | None = None
        self.used = False
        self.idle_since_s = 0.0
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._fields: Fields = []
        self._reason = b""
        self._unparsed = 0
        self._answered = self._bodiless = self._ended = self._tunnel = False
        self._keep_alive = False
        # Whether the next byte is the first of an answer.
        self._is_fresh = True

    @property
    def is_open(self) -> bool:
        """Whether the connection can carry a request."""
        return self.transport is not None and not self.transport.is_closing()

    def send(
        self, request: Request, pieces: list[bytes], *, is_first: bool, trailers: "Fields | None"
    ) -> None:
        """Send a request or a part of it.

        Args:
            request: The request.
            pieces: Pieces of its body.
            is_first: Whether to send the head first.
            trailers: Fields after the body; None if more of the body follows.
        """
        if is_first and not pieces and request.framing is Framing.NONE:
            self.write(request_head(request))
            return
        if request.framing is Framing.CHUNKED:
            pieces = [chunk(piece) for piece in pieces]
            if trailers is not None:
                pieces.append(trailer_lines(trailers))
        if is_first:
            pieces = [request_head(request), *pieces]
        elif not pieces:
            return
        self.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def abort(self) -> None:
        """Close the connection at once."""
        self.asker = None
        super().abort()

    def close(self) -> None:
        """Close the connection after sending what is buffered."""
        self.asker = None
        super().close()

    # Methods for the event loop.

    def take(self, data: bytes) -> None:
        """Receive bytes."""
        asker = self.asker
        if asker is None:
            # Bytes without a request.
            self.abort()
            return
        if self._tunnel:
            asker.take_tunnel(data)
            return
        is_new, self._is_fresh = self._is_fresh, False
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._change_protocol(asker, data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            if not self._ended:
                if is_new and is_settings(data):
                    self.pool.only_streams.add(self.port)
                    # An HTTP/2 server does not process HTTP/1.1 at all: RFC 9113, section 3.4.
                    self._give_up("it speaks HTTP/2 alone", is_unread=True)
                else:
                    self._give_up(_why(error))
                return
            # The malformed bytes follow a whole answer. It counts; the connection is not reused.
            self._keep_alive = False
        if self._unparsed > ANSWER_HEAD_BYTES:
            self._give_up("the head of its answer is too long")
            return
        if self.asker is None:
            return
        asker.take_news()
        if self._ended:
            self._finish()

    def take_end(self) -> bool:
        """The peer sends no more; return whether the connection stays open for writing."""
        if self._tunnel and self.asker is not None:
            self.asker.take_tunnel_end()
            return True
        return False

    def lost(self, error: Exception | None) -> None:
        """Handle the end of the connection."""
        self.pool.forget(self)
        asker, self.asker = self.asker, None
        if asker is not None:
            asker.take_failure(
                "it has closed the connection"
                if error is None
                else f"the connection broke ({error})",
                clean=error is None,
            )

    def pause_writing(self) -> None:
        """The write buffer is full."""
        if self.asker is not None:
            self.asker.hold()

    def resume_writing(self) -> None:
        """The write buffer has room again."""
        if self.asker is not None:
            self.asker.go_on()

    # Methods for the parser.

    def on_status(self, status: bytes) -> None:
        """A piece of the reason phrase."""
        self._reason += status

    def on_header(self, name: bytes, text: bytes) -> None:
        """A field of a head or a trailer."""
        fields = self._fields
        if len(fields) >= MOST_FIELDS:
            raise TooManyFieldsError
        fields.append((name, text))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        if self._ended:
            raise ValueError("it has sent more than one answer")
        assert self.asker is not None
        status = self._parser.get_status_code()
        fields, self._fields = self._fields, []
        reason, self._reason = self._reason, b""
        self._unparsed = 0
        if status < 200:
            self.asker.take_interim(status, reason, fields)
            return
        self._answered = True
        self._keep_alive = self._parser.should_keep_alive()
        self._bodiless = self.asker.take_head(status, reason, fields)
        if self._bodiless:
            self._ended = True
            self.asker.take_end([])

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._unparsed = 0
        if self._bodiless:
            raise ValueError("it has sent a body where there is none")
        assert self.asker is not None
        self.asker.take_body(data)

    def on_message_complete(self) -> None:
        """The message is complete."""
        self._unparsed = 0
        if not self._answered or self._bodiless:
            return
        assert self.asker is not None
        self._ended = True
        fields, self._fields = self._fields, []
        self.asker.take_end(fields)

    def _change_protocol(self, asker: AnswerReceiver, rest: bytes) -> None:
        if self._answered or not self._tunnel:
            self._give_up("it has changed the protocol without being asked")
            return
        asker.take_news()
        if rest:
            asker.take_tunnel(rest)

    def expect_tunnel(self) -> None:
        """Treat all bytes after this head as another protocol."""
        self._tunnel = True

    def _give_up(self, why: str, *, is_unread: bool = False) -> None:
        asker, self.asker = self.asker, None
        self.abort()
        if asker is not None:
            asker.take_failure(why, clean=False, is_unread=is_unread)

    def _finish(self) -> None:
        """Keep the connection after an exchange, or close it."""
        self.asker = None
        if not self._keep_alive or not self.is_open:
            self.close()
            return
        bodiless = self._bodiless
        if bodiless:
            # The parser would wait for the body that the head announces.
            self._parser = httptools.HttpResponseParser(self)
        self._answered = self._bodiless = self._ended = False
        self._is_fresh = self.used = True
        # A slow client may have paused reading; the next request needs it.
        self.resume()
        self.pool.put(self)


def _why(error: httptools.HttpParserError) -> str:
    if isinstance(error, httptools.HttpParserCallbackError):
        return str(error.__context__ or error)
    return f"its answer is not HTTP/1.1 ({error})"
