"""Pure. Conversion of heads between HTTP/2 and HTTP/1.1 (RFC 9113, section 8).

A service must not read anything that the client has not sent. So the proxy refuses values that are
valid in HTTP/2 but not in a line of HTTP/1.1 (section 10.3).
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1

from portweave.supervisor.proxy.http.head_limits import TOO_LONG
from portweave.supervisor.proxy.http.http1_heads import (
    Fields,
    Framing,
    From,
    NotAnAnswerError,
    Refusal,
    Request,
    read_request,
)

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# RFC 6455, section 1.3
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Fields that HTTP/2 replaces by frames: section 8.2.2.
_OF_CONNECTIONS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)


def read_stream(
    fields: Iterable[tuple[bytes, bytes]], came: From, key: bytes, *, has_body: bool
) -> Request | Refusal:
    """Parse the head of an HTTP/2 request.

    Args:
        fields: Names and values; pseudo-fields, with a colon, come first.
        came: The client.
        key: The key for a WebSocket handshake (RFC 6455, section 4.1), if it asks for one.
        has_body: Whether more frames follow the head.
    """
    fields = list(fields)
    found = _read_stream(fields, came, key, has_body=has_body)
    if isinstance(found, Request):
        found.is_grpc = any(map(_is_of_grpc, fields))
    elif (b":method", b"HEAD") in fields:
        return Refusal(found.status, found.why, is_head=True)
    return found


def _is_of_grpc(field: tuple[bytes, bytes]) -> bool:
    """Whether a content type is gRPC; gRPC-Web has another one and works by HTTP/1.1."""
    name, text = field
    kind = text.partition(b";")[0].strip().lower()
    return name == b"content-type" and kind.partition(b"+")[0] == b"application/grpc"


def _read_stream(fields: Fields, came: From, key: bytes, *, has_body: bool) -> Request | Refusal:
    pseudo: dict[bytes, bytes] = {}
    passed: Fields = []
    for name, text in fields:
        if name[:1] == b":":
            pseudo[name] = text
        elif not _is_field(name, text):
            return Refusal(400, "a field of its head is not one")
        elif name == TOO_LONG:
            return Refusal(431, "its head is too long")
        elif name not in _OF_CONNECTIONS:
            passed.append((name, text))
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if not _TOKEN.fullmatch(method):
        return Refusal(400, "its method is not one")
    authority = pseudo.get(b":authority")
    if authority is not None:
        passed = [pair for pair in passed if pair[0] != b"host"]
        passed.append((b"host", authority))
    if method == b"CONNECT":
        # RFC 8441, section 4
        if pseudo.get(b":protocol", b"").lower() != b"websocket":
            return Refusal(501, "CONNECT is not spoken here")
        method = b"GET"
        passed = [
            pair for pair in passed if pair[0] not in (b"sec-websocket-key", b"content-length")
        ]
        passed += [
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"Sec-WebSocket-Key", key),
        ]
    elif has_body and all(name != b"content-length" for name, _ in passed):
        passed.append((b"transfer-encoding", b"chunked"))
    if not _TARGET.fullmatch(path):
        return Refusal(400, "its path is not one")
    return read_request(method, path, passed, "1.1", came, keep_alive=True)


def read_trailers(fields: Iterable[tuple[bytes, bytes]]) -> Fields | Refusal:
    """Return the trailers that may be passed on, or a refusal."""
    found = [(name, text) for name, text in fields if _is_field(name, text)]
    if any(name == TOO_LONG for name, _ in found):
        return Refusal(431, "what stands behind its body is too long")
    return found


def _is_field(name: bytes, text: bytes) -> bool:
    return _TOKEN.fullmatch(name) is not None and not _NOT_TEXT.search(text)


def is_agreed(key: bytes, fields: Fields) -> bool:
    """Whether the head of a 101 answer accepts the WebSocket with the given `key`."""
    wanted = b64encode(sha1(key + _WEBSOCKET, usedforsecurity=False).digest())
    found = [text.strip() for name, text in fields if name.lower() == b"sec-websocket-accept"]
    return found == [wanted]


def stream_head(head: bytes, *, tunnel: bool = False) -> list[tuple[bytes, bytes]]:
    """Convert the head of an answer to HTTP/2 fields.

    Args:
        head: The HTTP/1.1 head with the empty line after it.
        tunnel: Whether it is a 101 that accepts a WebSocket; HTTP/2 uses 200 for it.
    """
    first, *lines = head[:-4].split(b"\r\n")
    found = [(b":status", b"200" if tunnel else first[9:12])]
    for line in lines:
        name, _, text = line.partition(b":")
        name = name.lower()
        if name in _OF_CONNECTIONS or (tunnel and name == b"sec-websocket-accept"):
            continue
        found.append((name, text.strip(b" \t")))
    return found


def stream_trailers(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Convert trailers to HTTP/2 fields.

    Args:
        lines: The result of `http1_heads.trailer_lines`.
    """
    found: list[tuple[bytes, bytes]] = []
    for line in lines.split(b"\r\n")[1:-2]:
        name, _, text = line.partition(b":")
        found.append((name.lower(), text.strip(b" \t")))
    return found


def stream_request(request: Request) -> Fields:
    """Convert the head of a request to HTTP/2 fields for a service.

    Args:
        request: A request without an upgrade.
    """
    found = [
        (b":method", request.method),
        (b":scheme", b"http"),
        (b":authority", request.host),
        (b":path", request.target),
    ]
    for line in b"".join(request.head).split(b"\r\n")[:-1]:
        name, _, text = line.partition(b":")
        name = name.lower()
        if name not in _OF_CONNECTIONS:
            found.append((name, text.strip(b" \t")))
    if request.framing is Framing.LENGTH:
        found.append((b"content-length", request.length))
    return found


def read_stream_answer(fields: Iterable[tuple[bytes, bytes]]) -> tuple[int, Fields]:
    """Return the status and the fields of a service's HTTP/2 answer.

    Raises:
        NotAnAnswerError: A value is not valid in HTTP/1.1.
    """
    status = b""
    found: Fields = []
    for name, text in fields:
        if name == b":status":
            status = text
        elif not _is_field(name, text):
            raise NotAnAnswerError("a field of its head is not one")
        elif name not in _OF_CONNECTIONS:
            found.append((name, text))
    if len(status) != 3 or not status.isdigit():
        raise NotAnAnswerError("its status is not one")
    return int(status), found
