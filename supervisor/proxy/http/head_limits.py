"""Pure. The size limit of a request's head, the same for HTTP/1.1 and HTTP/2.

A head's size is its length as HTTP/1.1 text. In HTTP/2, later heads refer to earlier ones (RFC
7541, section 2.2). So even a head that is too long must be decoded to its end. A short head that
marks the refusal replaces it, and the connection goes on.
"""

from collections.abc import Sequence

# The most bytes of a head, and of a run of bytes without a body within a message.
HEAD_BYTES = 1 << 16
# The most fields of a head, or of trailers.
MOST_FIELDS = 1000
# Replaces what is too long. A client that sends this field itself gets the same refusal.
TOO_LONG = b"x-portweave-too-long"

_FIRST_LINE = len("  HTTP/1.1\r\n\r\n")
_FIELD = len(": \r\n")
_CRUMB = len("; ")

Field = tuple[bytes, bytes]


def shorten(fields: Sequence[Field]) -> list[Field] | None:
    """Return a short replacement for an HTTP/2 head, or trailers, that are too long.

    Args:
        fields: All fields in their order.

    Returns:
        Fields with `TOO_LONG`; None if `fields` are within the limits.
    """
    size, count, has_cookie = _FIRST_LINE, 0, False
    for name, text in fields:
        if name == b"cookie":
            # Several cookie fields count as one: RFC 9113, section 8.2.3.
            size += len(text) + (_CRUMB if has_cookie else len(name) + _FIELD)
            count += not has_cookie
            has_cookie = True
        elif name == b":authority":
            size += len(b"host") + len(text) + _FIELD
            count += 1
        elif name[:1] == b":":
            size += len(text) if name in (b":method", b":path") else 0
        else:
            size += len(name) + len(text) + _FIELD
            count += 1
    if size <= HEAD_BYTES and count <= MOST_FIELDS:
        return None
    mark = (TOO_LONG, b"1")
    if not any(name[:1] == b":" for name, _ in fields):
        return [mark]
    method = b"HEAD" if (b":method", b"HEAD") in fields else b"GET"
    pseudo = {b":method": method, b":scheme": b"http", b":authority": b"-", b":path": b"/"}
    return [*pseudo.items(), mark]
