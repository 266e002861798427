"""Pure. HTTP/1.1 heads: the fields that the proxy passes on, and the framing of bodies.

A strict parser reads a head, and the proxy writes it anew from the parsed values. So both sides
understand the same message (RFC 9112, section 11.2). Hop-by-hop fields are not passed on (RFC 9110,
section 7.6.1).
"""

from enum import Enum
from functools import lru_cache

from portweave.encoding.value import value
from portweave.supervisor.proxy.routing.host_table import split_host

Fields = list[tuple[bytes, bytes]]

HOPS = b"x-portweave-hops"
# The field of portless: a loop may pass both proxies.
THEIR_HOPS = b"x-portless-hops"
MOST_HOPS = 5
# Identifies the proxy on its port; portless looks for its own field.
MARK = b"X-Portweave: 1\r\nX-Portless: 1\r\n"

SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})
_FORWARDED = (
    b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n"
    b"X-Forwarded-Port: %b\r\nX-Portweave-Hops: %d\r\n"
)
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
# `read_request` writes these fields anew or drops them.
_READ = _HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port",
    HOPS,
    THEIR_HOPS,
}
# Fields that are ambiguous if they occur twice.
_ONCE = {
    b"host": "Host",
    b"content-length": "Content-Length",
    b"transfer-encoding": "Transfer-Encoding",
}
# Fields in which an outer proxy describes the client.
_TOLD = frozenset(name for name in _READ if name.startswith(b"x-"))
_USUAL = frozenset({b"keep-alive", b"Keep-Alive", b"close"})
_HARMLESS_OPTIONS = frozenset({b"", b"close", b"keep-alive", b"te", b"upgrade"})
# Fields that stay even if Connection names them. RFC 9110, section 7.6.1, forbids clients to name
# them; a service bases decisions on them.
_KEPT = frozenset({b"host", b"content-length", b"cache-control", b"authorization", b"cookie"})


class Framing(Enum):
    """How a message marks the end of its body."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until close"


@value
class Refusal:
    """The refusal of a request; the connection closes after it.

    Attributes:
        status: The status code, such as 400.
        why: The reason in words.
        is_head: Whether the method is HEAD, whose answer has no body.
    """

    status: int
    why: str
    is_head: bool = False


class Request:
    """A request that may be passed on.

    Attributes:
        method: The method as sent.
        target: The target as passed on: a path, or `*`.
        host: The Host field.
        name: The host's name, normalised.
        head: Lines to pass on, without the first line and the lines for framing and upgrade.
        framing: The framing of the body.
        length: The body's length as sent; empty if it is chunked or absent.
        keep_alive: Whether the client's connection may stay after the answer.
        is_old: Whether the client speaks HTTP/1.0.
        upgrade: The protocol of the Upgrade field; empty for none.
        wants_html: Whether the client accepts HTML.
        hops: How often portweave's proxies have passed it on, this time included.
        proto: The scheme of the client or an outer proxy's client: `http` or `https`.
        is_grpc: Whether it is a gRPC call, which needs HTTP/2.
    """

    __slots__ = (
        "framing",
        "head",
        "hops",
        "host",
        "is_grpc",
        "is_old",
        "keep_alive",
        "length",
        "method",
        "name",
        "proto",
        "target",
        "upgrade",
        "wants_html",
    )

    def __init__(self, method: bytes, *, keep_alive: bool, is_old: bool) -> None:
        self.method = method
        self.keep_alive = keep_alive
        self.is_old = is_old
        self.target = b""
        self.host = b""
        self.name = ""
        self.head: list[bytes] = []
        self.framing = Framing.NONE
        self.length = b""
        self.upgrade = b""
        self.wants_html = False
        self.hops = 1
        self.proto = b""
        self.is_grpc = False


@value
class From:
    """The origin of requests.

    Attributes:
        address: The client's address as text.
        scheme: The client's scheme: `http` or `https`.
    """

    address: bytes
    scheme: bytes


def read_request(
    method: bytes, url: bytes, fields: Fields, version: str, came: From, *, keep_alive: bool
) -> Request | Refusal:
    """Parse the head of a request.

    Args:
        method: The method as sent.
        url: The target.
        fields: Names and values as sent.
        version: `1.0` or `1.1`.
        came: The client.
        keep_alive: Whether the connection may stay open.
    """
    if version not in ("1.0", "1.1"):
        return Refusal(505, f"HTTP/{version} is not spoken here")
    if method == b"CONNECT":
        return Refusal(501, "CONNECT is not spoken here")
    request = Request(method, keep_alive=keep_alive, is_old=version == "1.0")
    head = request.head
    seen: dict[bytes, bytes] = {}
    for field in fields:
        name, text = field
        lower = name.lower()
        if lower not in _READ:
            head.append(b"%b: %b\r\n" % field)
            if lower == b"accept":
                request.wants_html = b"text/html" in text.lower()
        elif lower in seen:
            if lower in _ONCE:
                return Refusal(400, f"there are several {_ONCE[lower]} fields")
            seen[lower] += b", " + text
        else:
            seen[lower] = text
    refusal = _read_target(request, url, seen) or _read_framing(request, seen)
    if refusal is not None:
        return refusal
    if b"te" in seen or seen.get(b"connection", b"keep-alive") not in _USUAL:
        _read_connection(request, seen)
    _add_forwarded(request, seen, came)
    return request


def _read_target(request: Request, url: bytes, seen: dict[bytes, bytes]) -> Refusal | None:
    host = seen.get(b"host", b"").strip(b" \t")
    if url[:1] != b"/":
        if url[:7].lower() == b"http://" or url[:8].lower() == b"https://":
            # RFC 9112, section 3.2.2: the target takes precedence over Host.
            authority, slash, path = url.partition(b"://")[2].partition(b"/")
            authority, question, query = authority.partition(b"?")
            url = b"/" + path if slash else b"/"
            if question:
                url = b"/?" + query + slash + path
            if b"host" not in seen and not request.is_old:
                return Refusal(400, "there is no Host")
            host = authority
        elif url != b"*" or request.method != b"OPTIONS":
            return Refusal(400, "the target is neither a path nor a URL")
    if b"#" in url:
        return Refusal(400, "the target has a fragment")
    if not host:
        return Refusal(400, "there is no Host")
    found = split_host(host)
    if found is None:
        return Refusal(400, "the Host is not one")
    request.target, request.host, request.name = url, host, found[0]
    return None


def _read_framing(request: Request, seen: dict[bytes, bytes]) -> Refusal | None:
    """Set the framing (RFC 9112, section 6.3), or refuse any other than the two plain forms."""
    coding, length = seen.get(b"transfer-encoding"), seen.get(b"content-length")
    if coding is not None:
        if length is not None:
            return Refusal(400, "there are both Transfer-Encoding and Content-Length")
        if request.is_old:
            return Refusal(400, "HTTP/1.0 has no Transfer-Encoding")
        if coding.strip(b" \t").lower() != b"chunked":
            return Refusal(501, "only chunked is spoken here")
        request.framing = Framing.CHUNKED
    elif length is not None:
        digits = length.strip(b" \t")
        if not digits.isdigit() or len(digits) > 18:
            return Refusal(400, "the Content-Length is not one")
        request.framing, request.length = Framing.LENGTH, digits
    return None


def _read_connection(request: Request, seen: dict[bytes, bytes]) -> None:
    options = {option.strip(b" \t").lower() for option in seen.get(b"connection", b"").split(b",")}
    if not options <= _HARMLESS_OPTIONS:
        request.head = _without(request.head, options - _KEPT)
    if b"upgrade" in options and not request.is_old:
        request.upgrade = seen.get(b"upgrade", b"").strip(b" \t")
    if b"trailers" in {part.strip(b" \t").lower() for part in seen.get(b"te", b"").split(b",")}:
        request.head.append(b"TE: trailers\r\n")


def _without(lines: list[bytes], names: set[bytes]) -> list[bytes]:
    return [line for line in lines if line.partition(b":")[0].lower() not in names]


def _add_forwarded(request: Request, seen: dict[bytes, bytes], came: From) -> None:
    """Add the X-Forwarded fields; values from an outer proxy stay."""
    if _TOLD.isdisjoint(seen):
        request.proto = came.scheme
        request.head.append(_forwarded(came.address, came.scheme, request.host))
        return
    before = seen.get(b"x-forwarded-for")
    hops = max(_number(seen.get(HOPS, b"")), _number(seen.get(THEIR_HOPS, b"")))
    request.hops = hops + 1
    request.proto = seen.get(b"x-forwarded-proto", came.scheme)
    request.head.append(
        _FORWARDED
        % (
            before + b", " + came.address if before else came.address,
            request.proto,
            seen.get(b"x-forwarded-host", request.host),
            seen.get(b"x-forwarded-port") or _port(request.host, came.scheme),
            request.hops,
        )
    )


@lru_cache(256)
def _forwarded(address: bytes, scheme: bytes, host: bytes) -> bytes:
    return _FORWARDED % (address, scheme, host, _port(host, scheme), 1)


def _port(host: bytes, scheme: bytes) -> bytes:
    return host.rpartition(b"]")[2].partition(b":")[2] or (b"443" if scheme == b"https" else b"80")


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else 0


def request_head(request: Request) -> bytes:
    """Return the head for the service."""
    te = b"TE" if request.head and b"TE: trailers\r\n" in request.head else b""
    if request.upgrade:
        last = b"Connection: %bUpgrade\r\nUpgrade: %b\r\n\r\n" % (te and b"TE, ", request.upgrade)
    elif te:
        last = b"Connection: TE\r\n\r\n"
    else:
        last = b"\r\n"
    if request.framing is Framing.LENGTH:
        last = b"Content-Length: %b\r\n%b" % (request.length, last)
    elif request.framing is Framing.CHUNKED:
        last = b"Transfer-Encoding: chunked\r\n" + last
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b" % (
        request.method,
        request.target,
        request.host,
        b"".join(request.head),
        last,
    )


@value
class Answer:
    """The head of a service's answer as the client gets it.

    Attributes:
        head: The head in bytes.
        source: The service's framing of the body.
        sent: The framing for the client.
        keep_alive: Whether the client's connection stays open.
    """

    head: bytes
    source: Framing
    sent: Framing
    keep_alive: bool


class NotAnAnswerError(ValueError):
    """The service's answer is not a valid one."""


def read_answer(
    request: Request, status: int, reason: bytes, fields: Fields, *, closing: bool
) -> Answer:
    """Parse the head of a final answer (not 1xx).

    Args:
        request: The request.
        status: The status code, at least 200.
        reason: The reason phrase.
        fields: Names and values as sent.
        closing: Whether the proxy closes the client's connection in any case.

    Raises:
        NotAnAnswerError: The framing is not valid.
    """
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, reason)]
    length: bytes | None = None
    is_chunked = False
    options: set[bytes] = set()
    for field in fields:
        name, text = field
        lower = name.lower()
        if lower == b"content-length":
            if length is not None or is_chunked:
                raise NotAnAnswerError("conflicting Content-Length")
            length = text.strip(b" \t")
        elif lower not in _HOP_BY_HOP:
            lines.append(b"%b: %b\r\n" % field)
        elif lower == b"transfer-encoding":
            if length is not None or is_chunked or text.strip(b" \t").lower() != b"chunked":
                raise NotAnAnswerError("a Transfer-Encoding that is not spoken here")
            is_chunked = True
        elif lower == b"connection":
            options |= {option.strip(b" \t").lower() for option in text.split(b",")}
    if not options <= _HARMLESS_OPTIONS:
        lines = [lines[0], *_without(lines[1:], options - _KEPT)]
    keep_alive = request.keep_alive and not closing
    if request.method == b"HEAD" or status in (204, 304):
        source = sent = Framing.NONE
        if length is not None and status != 204:
            lines.append(b"Content-Length: %b\r\n" % length)
        elif is_chunked and status == 200 and not request.is_old:
            lines.append(b"Transfer-Encoding: chunked\r\n")
    elif length is not None:
        source = sent = Framing.LENGTH
        lines.append(b"Content-Length: %b\r\n" % length)
    else:
        source = Framing.CHUNKED if is_chunked else Framing.UNTIL_CLOSE
        if request.is_old:
            sent, keep_alive = Framing.UNTIL_CLOSE, False
        else:
            sent = Framing.CHUNKED
            lines.append(b"Transfer-Encoding: chunked\r\n")
    if not keep_alive:
        lines.append(b"Connection: close\r\n")
    elif request.is_old:
        lines.append(b"Connection: keep-alive\r\n")
    lines.append(MARK)
    lines.append(b"\r\n")
    return Answer(b"".join(lines), source, sent, keep_alive)


def interim_head(status: int, reason: bytes, fields: Fields, upgrade: bytes) -> bytes:
    """Return the head of a 1xx answer; that of 101 has Connection and Upgrade.

    Args:
        status: The status code.
        reason: The reason phrase.
        fields: Names and values as sent.
        upgrade: The protocol of a 101 answer without an Upgrade field.
    """
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, reason)]
    lines += [
        b"%b: %b\r\n" % (name, text) for name, text in fields if name.lower() not in _HOP_BY_HOP
    ]
    if status == 101:
        chosen = [text for name, text in fields if name.lower() == b"upgrade"] or [upgrade]
        lines.append(b"Connection: Upgrade\r\nUpgrade: %b\r\n" % b", ".join(chosen))
        lines.append(MARK)
    lines.append(b"\r\n")
    return b"".join(lines)


def trailer_lines(fields: Fields) -> bytes:
    """Return the last chunk and the trailers, without fields that trailers must not have."""
    lines = [
        b"%b: %b\r\n" % (name, text)
        for name, text in fields
        if name.lower() not in _READ and name.lower() not in _KEPT
    ]
    return b"0\r\n%b\r\n" % b"".join(lines)


def chunk(data: bytes) -> bytes:
    """Frame a piece of a body as a chunk (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
