"""Pure. How long a request's head may be: the same by HTTP/1.1 and HTTP/2, with TLS and without.

It is measured as it would be written for HTTP/1.1. By HTTP/2 a head that is too long has to be
decoded to its end all the same, for later heads refer to it (RFC 7541, section 2.2). So it is
replaced there by a short one that says so, and the connection goes on.
"""

from collections.abc import Sequence

# The longest head, and the longest run of bytes that are no body within one.
HEAD_BYTES = 1 << 16
# How many fields a head, or what stands behind a body, may have.
MOST_FIELDS = 1000
# In the place of what is too long. A client that sends it itself is refused just so.
TOO_LONG = b"x-portweave-too-long"

_FIRST_LINE = len("  HTTP/1.1\r\n\r\n")
_FIELD = len(": \r\n")
_CRUMB = len("; ")

Field = tuple[bytes, bytes]


def shorten(fields: Sequence[Field]) -> list[Field] | None:
    """What stands for a head of HTTP/2 that is too long, or for what is behind a body.

    Args:
        fields: All of its fields, in their order.

    Returns:
        A head with `TOO_LONG`; None where it is not too long.
    """
    size, count, has_cookie = _FIRST_LINE, 0, False
    for name, text in fields:
        if name == b"cookie":
            # It may come in pieces, which are one field: RFC 9113, section 8.2.3.
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
