"""Pure. Messages on a bus: headers, bodies and sizes.

A request's body is the array of its values. An answer's body is an array of values, or an object:
the error, as in an answer of JSON-RPC. A request has these headers; all may be left out:

- `Portweave-Path`: the path, with its escapes; left out, the service's root.
- `Portweave-Id`: `ASKER.NUMBER`. A caller that sends it takes part in presence and cancellation.
  The request's reply subject is the caller's inbox and NUMBER.
- `Portweave-Timeout`: the milliseconds that are left, or `none`; left out, 30 s.
- `Portweave-From`: the caller's address. It is not proven.
- `traceparent`: W3C Trace Context, section 3.2.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from portweave.encoding import jsonrpc
from portweave.errors import MessageTooLarge

PATH, ID, TIMEOUT, FROM = "Portweave-Path", "Portweave-Id", "Portweave-Timeout", "Portweave-From"
TRACE = "traceparent"
# A server sets it on what it answers itself.
STATUS, NO_RESPONDERS = "Status", "503"
TIMEOUT_MS = 30_000.0
# A longer time, some 30 years, is a mistake.
_MOST_MS = 1e12

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_NUMBER = re.compile(r"\d{1,13}(?:\.\d{1,6})?")
_ID = re.compile(r"([A-Za-z0-9_-]{1,64})\.(\d{1,18})")
# NATS/1.0, the line's end, and the empty line behind the headers.
_HEADER_BYTES = len(b"NATS/1.0\r\n\r\n")

_Decoder = msgspec.json.Decoder[list[msgspec.Raw]] | msgspec.json.Decoder[dict[str, msgspec.Raw]]
_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_numbers_decoder = msgspec.json.Decoder(list[int])


class Publication(msgspec.Struct):
    """A message to publish.

    Attributes:
        subject: Where it goes.
        body: Its body.
        reply: Where its answer goes; empty for none.
        headers: Its headers; None for none.
    """

    subject: str
    body: bytes
    reply: str = ""
    headers: dict[str, str] | None = None

    @property
    def size(self) -> int:
        """What the server counts: headers and body, in bytes."""
        if self.headers is None:
            return len(self.body)
        lines = sum(len(name) + len(text) + 4 for name, text in self.headers.items())
        return _HEADER_BYTES + lines + len(self.body)

    def check(self, max_payload: int, connection: str | None) -> None:
        """Check that the server takes it.

        Args:
            max_payload: The most bytes of headers and body.
            connection: The name for the error.

        Raises:
            MessageTooLarge: It does not.
        """
        if self.size > max_payload:
            beside = self.size - len(self.body)
            room = max(0, max_payload - beside)
            text = f"the message has {len(self.body)} bytes, the bus takes {room}"
            hint = "max_payload of the NATS server is the limit; send a file's place instead"
            raise MessageTooLarge(text, connection=connection, hint=hint)


class Output:
    """What a member of a bus has to do next.

    Attributes:
        publications: Messages to publish, in order.
        lines: Lines for the local side, in order.
        max_payload: The most bytes of a message; None while the bus is not connected.
    """

    __slots__ = ("lines", "max_payload", "publications")

    def __init__(self) -> None:
        self.publications: list[Publication] = []
        self.lines: list[bytes] = []
        self.max_payload: int | None = None


class RequestHead(msgspec.Struct):
    """What the headers of a request say.

    Attributes:
        path: The path.
        asker: The id of the caller; empty if it takes no part in presence.
        number: The caller's number of the request; empty without `asker`.
        timeout_ms: The time that is left; None for no limit.
        sender: The caller's address; empty for none.
        trace: The trace; empty for none.
    """

    path: str = ""
    asker: str = ""
    number: str = ""
    timeout_ms: float | None = TIMEOUT_MS
    sender: str = ""
    trace: str = ""


def request_headers(
    path: str, request_id: str, timeout_ms: float | None, sender: str, trace: str
) -> dict[str, str]:
    """The headers of a request.

    Args:
        path: The path.
        request_id: `ASKER.NUMBER`; empty for a notification.
        timeout_ms: The time that is left; None for no limit.
        sender: The caller's address; empty for none.
        trace: The trace; empty for none.
    """
    left = "none" if timeout_ms is None else str(max(1, int(timeout_ms)))
    headers = {PATH: _header_text(path), TIMEOUT: left}
    if request_id:
        headers[ID] = request_id
    if sender:
        headers[FROM] = _header_text(sender)
    if trace:
        headers[TRACE] = _header_text(trace)
    return headers


def read_head(headers: Mapping[str, str] | None) -> RequestHead:
    """What headers say. A header that cannot be read counts as left out."""
    if not headers:
        return RequestHead()
    head = RequestHead(path=headers.get(PATH, ""))
    found = _ID.fullmatch(headers.get(ID, ""))
    if found is not None:
        head.asker, head.number = found[1], found[2]
    left = headers.get(TIMEOUT, "")
    if left == "none":
        head.timeout_ms = None
    elif _NUMBER.fullmatch(left):
        head.timeout_ms = min(_MOST_MS, float(left))
    sender = headers.get(FROM, "")
    head.sender = sender if sender.isprintable() else ""
    head.trace = headers.get(TRACE, "")
    return head


def no_responders(headers: Mapping[str, str] | None, body: bytes) -> bool:
    """Whether the server says that no member has subscribed to a request's subject."""
    return not body and headers is not None and headers.get(STATUS) == NO_RESPONDERS


def read_array(body: bytes) -> bytes | None:
    """A body that is a JSON array, in one line; None for any other."""
    return _one_line(body, _array_decoder)


def read_object(body: bytes) -> bytes | None:
    """A body that is a JSON object, in one line; None for any other."""
    return _one_line(body, _object_decoder)


def _one_line(body: bytes, decoder: _Decoder) -> bytes | None:
    try:
        if not body.isascii():
            body.decode()
        decoder.decode(body)
        if b"\n" in body or b"\r" in body or body[:1] not in b"[{":
            # It becomes a part of a line.
            return msgspec.json.format(body.strip(), indent=-1)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return body


def numbers(items: "list[int]") -> bytes:
    """Numbers of requests, as the body of a message about presence."""
    return jsonrpc.encode(items)


def read_numbers(body: bytes) -> list[int] | None:
    """Numbers of requests; None if the body holds anything else."""
    try:
        return _numbers_decoder.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _header_text(text: str) -> str:
    """A text that a header can hold: all but printable ASCII percent-encoded."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return quote(text, safe=_PRINTABLE, errors="replace")
