"""The service's side: a connection to it, and those that wait for the next request."""

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
    """Who has sent a request and takes the answer."""

    def take_head(self, status: int, reason: bytes, fields: "Fields") -> bool:
        """The head of a final answer; returns whether no body follows whatever it says.

        It may raise a ValueError: then the answer is given up.
        """
        ...

    def take_interim(self, status: int, reason: bytes, fields: "Fields") -> None:
        """The head of a 1xx answer."""

    def take_body(self, data: bytes) -> None:
        """A piece of the body."""

    def take_end(self, trailers: "Fields") -> None:
        """The answer is complete."""

    def take_news(self) -> None:
        """All that came at once has been taken."""

    def take_failure(self, why: str, *, clean: bool, is_unread: bool = False) -> None:
        """The connection has ended.

        Args:
            why: In words.
            clean: Whether that was a proper end of what the service sent.
            is_unread: Whether the service has not acted on the request for sure.
        """

    def take_tunnel(self, data: bytes) -> None:
        """Bytes of the protocol that was changed to."""

    def take_tunnel_end(self) -> None:
        """The service has no more to say."""

    def hold(self) -> None:
        """The service takes no more for now."""

    def go_on(self) -> None:
        """The service takes more again."""


class IdleConnections(Protocol):
    """Keeps connections that wait for the next request."""

    @property
    def only_streams(self) -> set[int]:
        """Ports whose services have answered HTTP/1.1 by HTTP/2."""
        ...

    def put(self, backend: "Backend") -> None:
        """Keep a connection for the next request."""

    def forget(self, backend: "Backend") -> None:
        """A connection has ended."""


class Backend(InlineConnection):
    """One connection to a service.

    Attributes:
        port: The service's.
        asker: Whose request it works on; None while it waits.
        used: Whether it has answered a request before.
        idle_since_s: When it began to wait.
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
        # Whether the next byte is the first one of an answer.
        self._is_fresh = True

    @property
    def is_open(self) -> bool:
        """Whether it can take a request."""
        return self.transport is not None and not self.transport.is_closing()

    def send(
        self, request: Request, pieces: list[bytes], *, is_first: bool, trailers: "Fields | None"
    ) -> None:
        """Send a request, or some of it.

        Args:
            request: It.
            pieces: Of its body.
            is_first: Whether its head is to be sent.
            trailers: What stands behind the body; None where more comes.
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
        """End it at once."""
        self.asker = None
        super().abort()

    def close(self) -> None:
        """End it when all is sent."""
        self.asker = None
        super().close()

    # What the event loop calls.

    def take(self, data: bytes) -> None:
        """Take what has come."""
        asker = self.asker
        if asker is None:
            # Nobody has asked for anything.
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
                    # To it, HTTP/1.1 is not even a request: RFC 9113, section 3.4.
                    self._give_up("it speaks HTTP/2 alone", is_unread=True)
                else:
                    self._give_up(_why(error))
                return
            # It stands behind a whole answer, which counts; the connection does not any more.
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
        """The other side sends no more; whether the connection stays for our part."""
        if self._tunnel and self.asker is not None:
            self.asker.take_tunnel_end()
            return True
        return False

    def lost(self, error: Exception | None) -> None:
        """The connection has ended."""
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
        """Too much waits to be sent."""
        if self.asker is not None:
            self.asker.hold()

    def resume_writing(self) -> None:
        """What waited has been sent."""
        if self.asker is not None:
            self.asker.go_on()

    # What the parser calls.

    def on_status(self, status: bytes) -> None:
        """Words of the status line."""
        self._reason += status

    def on_header(self, name: bytes, text: bytes) -> None:
        """A field of a head, or behind a body."""
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
            self._give_up("it has changed the protocol, and nobody asked for that")
            return
        asker.take_news()
        if rest:
            asker.take_tunnel(rest)

    def expect_tunnel(self) -> None:
        """From the next byte behind this head on it is another protocol."""
        self._tunnel = True

    def _give_up(self, why: str, *, is_unread: bool = False) -> None:
        asker, self.asker = self.asker, None
        self.abort()
        if asker is not None:
            asker.take_failure(why, clean=False, is_unread=is_unread)

    def _finish(self) -> None:
        """The exchange is over on this side: keep the connection, or end it."""
        self.asker = None
        if not self._keep_alive or not self.is_open:
            self.close()
            return
        bodiless = self._bodiless
        if bodiless:
            # The parser would wait for the body that the head speaks of.
            self._parser = httptools.HttpResponseParser(self)
        self._answered = self._bodiless = self._ended = False
        self._is_fresh = self.used = True
        # The client may take the end of it slowly: that is between him and us.
        self.resume()
        self.pool.put(self)


def _why(error: httptools.HttpParserError) -> str:
    if isinstance(error, httptools.HttpParserCallbackError):
        return str(error.__context__ or error)
    return f"its answer is not HTTP/1.1 ({error})"
