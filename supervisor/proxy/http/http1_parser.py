"""Requests of HTTP/1.1 out of bytes, whatever pieces these come in.

The parser (httptools) is strict, and keeps the bounds of messages. It gets bytes in pieces that end
where a message may end. So the first bytes of each request are seen before it gets them: it
refuses methods that it does not know.
"""

from typing import TYPE_CHECKING, Protocol

import httptools

from portweave.supervisor.proxy.http.head_limits import (
    HEAD_BYTES,
    MOST_FIELDS,
)
from portweave.supervisor.proxy.http.http1_heads import (
    Framing,
    Refusal,
    Request,
    read_request,
)
from portweave.supervisor.proxy.http.limits import (
    HeadTooLongError,
    TooManyFieldsError,
)
from portweave.supervisor.proxy.http.request_start import (
    STAND_IN,
    read_method,
)

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.http1_heads import (
        Fields,
        From,
    )

HEAD_END = b"\r\n\r\n"
_USUAL = b"GET "


class RequestReceiver(Protocol):
    """Takes what was read; it may be several requests ahead."""

    def begin_request(self, request: Request | Refusal) -> None:
        """The head of a request has come."""

    def take_body(self, data: bytes) -> None:
        """A piece of its body has come."""

    def end_request(self, trailers: "Fields") -> None:
        """All of it has come."""


class RequestError(ValueError):
    """What was sent is no request; nothing behind it can be understood.

    Attributes:
        refusal: What to answer.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.refusal = Refusal(status, why)


class RequestParser:
    """Reads the requests of one connection.

    Args:
        taker: Takes them.
        came: Where they come from.

    Attributes:
        is_between: Whether the next byte is the first one of a request.
    """

    __slots__ = (
        "_body_bytes",
        "_came",
        "_fields",
        "_is_change",
        "_method",
        "_parser",
        "_skips_head",
        "_start",
        "_tail",
        "_taker",
        "_unparsed",
        "_url",
        "is_between",
    )

    def __init__(self, taker: RequestReceiver, came: "From") -> None:
        self._taker = taker
        self._came = came
        self._parser = httptools.HttpRequestParser(self)
        self.is_between = True
        # Of a method, what has come.
        self._start: bytes = b""
        self._method = b""
        self._url = b""
        self._fields: Fields = []
        # How many bytes have come since the parser last understood something.
        self._unparsed = 0
        # How many bytes of the body are still to come, where that is known.
        self._body_bytes = 0
        # The end of what the parser got of this message.
        self._tail = b""
        self._is_change = self._skips_head = False

    @property
    def is_waiting(self) -> bool:
        """Whether a part of a head has come, and the rest has not."""
        return bool(self._unparsed or self._start)

    def feed(self, data: bytes) -> bytes | None:
        """Read what has come.

        Returns:
            What stands behind a request that asks for another protocol, empty where that is
            nothing; None where there is no such request. `go_on` reads it as that request's body.

        Raises:
            RequestError: It is no request. Those before it have been taken.
        """
        if self._start:
            data, self._start = self._start + data, b""
            self.is_between = True
        while data:
            size = len(data)
            if self.is_between and data[:4] == _USUAL and data.find(HEAD_END) == size - 4:
                # Most are so: one that is whole, with nothing behind it.
                self._method = b""
            elif self.is_between:
                begun = read_method(data)
                if begun is None:
                    if len(data) > HEAD_BYTES:
                        raise RequestError(431, "its head is too long")
                    self._start, self.is_between = data, False
                    break
                data, self._method = begun
                if self._method:
                    # Its own length counts.
                    self._unparsed += len(self._method) - len(STAND_IN)
                size = self._next_size(data)
            else:
                size = self._next_size(data)
            behind = b""
            if size < len(data):
                data, behind = data[:size], data[size:]
            self._unparsed += size
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                return data[upgrade.args[0] :] + behind
            except httptools.HttpParserCallbackError as error:
                if not isinstance(error.__context__, HeadTooLongError):
                    raise
                raise RequestError(431, "its head is too long") from error
            except httptools.HttpParserInvalidMethodError as error:
                raise RequestError(400, "its method is not one") from error
            except (httptools.HttpParserError, httptools.HttpParserInvalidURLError) as error:
                raise RequestError(400, f"it is not HTTP/1.1 ({error})") from error
            if self._unparsed > HEAD_BYTES:
                raise RequestError(431, "its head is too long")
            if self.is_between:
                self._tail = b""
            else:
                self._tail = (self._tail + data)[-3:]
            data = behind
        return None

    def _next_size(self, data: bytes) -> int:
        """How many bytes there are up to where the message may end.

        All but bodies of known length end with an empty line. A guess that is wrong costs nothing
        but this: the method of the next request is not read before the parser gets it.
        """
        if self._body_bytes:
            return min(self._body_bytes, len(data))
        tail = self._tail
        if tail:
            end = (tail + data[:3]).find(HEAD_END)
            if end >= 0:
                return end + len(HEAD_END) - len(tail)
        end = data.find(HEAD_END)
        return len(data) if end < 0 else end + len(HEAD_END)

    def go_on(self, head: bytes, rest: bytes) -> bytes | None:
        """Read on behind a request that asked for another protocol, as there will not be one.

        Args:
            head: A head that frames the body as that request does.
            rest: What stands behind it.

        Returns:
            As `feed`.

        Raises:
            RequestError: As `feed`.
        """
        self._parser = httptools.HttpRequestParser(self)
        self.is_between, self._skips_head = False, True
        body_bytes, self._body_bytes, self._tail = self._body_bytes, 0, b""
        self.feed(head)
        self._body_bytes = body_bytes
        return self.feed(rest)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A message begins."""
        self._url = b""
        self._fields = []
        self.is_between = False

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_header(self, name: bytes, text: bytes) -> None:
        """A field of a head, or behind a body."""
        fields = self._fields
        if len(fields) >= MOST_FIELDS:
            raise TooManyFieldsError
        fields.append((name, text))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        parser = self._parser
        if self._unparsed > HEAD_BYTES:
            raise HeadTooLongError
        fields, self._fields = self._fields, []
        self._unparsed = 0
        if self._skips_head:
            self._skips_head = self._is_change = False
            return
        self._is_change = parser.should_upgrade()
        request = read_request(
            self._method or parser.get_method(),
            self._url,
            fields,
            parser.get_http_version(),
            self._came,
            keep_alive=parser.should_keep_alive(),
        )
        if isinstance(request, Request) and request.framing is Framing.LENGTH:
            self._body_bytes = int(request.length)
        self._taker.begin_request(request)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._unparsed = 0
        if self._body_bytes:
            self._body_bytes -= len(data)
        self._taker.take_body(data)

    def on_message_complete(self) -> None:
        """The message is complete."""
        self._unparsed = 0
        fields, self._fields = self._fields, []
        if self._is_change:
            # Its body has not been read yet, if it has one.
            return
        self.is_between = True
        self._taker.end_request(fields)
