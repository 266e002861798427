"""A parser of HTTP/1.1 requests from bytes that arrive in any pieces.

The strict parser of httptools keeps the bounds of messages, but refuses methods that it does not
know. So it gets bytes in pieces that end where a message may end. This module reads the method of
each request before httptools gets it.
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
    """Receives parsed requests; the parser may be several requests ahead."""

    def begin_request(self, request: Request | Refusal) -> None:
        """Take the head of a request."""

    def take_body(self, data: bytes) -> None:
        """Take a piece of its body."""

    def end_request(self, trailers: "Fields") -> None:
        """The request is complete."""


class RequestError(ValueError):
    """The bytes are not a request; the parser cannot find the next one.

    Attributes:
        refusal: The answer to send.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.refusal = Refusal(status, why)


class RequestParser:
    """Reads the requests of one connection.

    Args:
        taker: Receives the requests.
        came: The client.

    Attributes:
        is_between: Whether the next byte is the first of a request.
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
        # The received part of a method.
        self._start: bytes = b""
        self._method = b""
        self._url = b""
        self._fields: Fields = []
        # Bytes since the parser's last callback.
        self._unparsed = 0
        # Bytes of the body still to come, if its length is known.
        self._body_bytes = 0
        # The last bytes of this message that the parser got.
        self._tail = b""
        self._is_change = self._skips_head = False

    @property
    def is_waiting(self) -> bool:
        """Whether a head has arrived in part."""
        return bool(self._unparsed or self._start)

    def feed(self, data: bytes) -> bytes | None:
        """Parse received bytes.

        Returns:
            The bytes after an upgrade request; None without such a request. `go_on` reads them as
            that request's body.

        Raises:
            RequestError: The bytes are not a request. The receiver has got the requests before.
        """
        if self._start:
            data, self._start = self._start + data, b""
            self.is_between = True
        while data:
            size = len(data)
            if self.is_between and data[:4] == _USUAL and data.find(HEAD_END) == size - 4:
                # The common case: one whole request and nothing after it.
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
                    # The length of the method itself counts.
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
        """Return the number of bytes up to a possible end of the message.

        All parts but bodies of known length end with an empty line. After a wrong guess, the
        parser gets the next request's method unread; nothing else is lost.
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
        """Parse the bytes after an upgrade request that stays HTTP.

        Args:
            head: A head with the same framing as that request.
            rest: The bytes after that request's head.

        Returns:
            As of `feed`.

        Raises:
            RequestError: As in `feed`.
        """
        self._parser = httptools.HttpRequestParser(self)
        self.is_between, self._skips_head = False, True
        body_bytes, self._body_bytes, self._tail = self._body_bytes, 0, b""
        self.feed(head)
        self._body_bytes = body_bytes
        return self.feed(rest)

    # Methods for the parser.

    def on_message_begin(self) -> None:
        """A message begins."""
        self._url = b""
        self._fields = []
        self.is_between = False

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_header(self, name: bytes, text: bytes) -> None:
        """A field of a head or a trailer."""
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
            # The parser has not read its body yet.
            return
        self.is_between = True
        self._taker.end_request(fields)
