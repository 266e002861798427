"""Pure. How a request begins: its method, and whether it is HTTP/2.

The parser of heads knows some methods and refuses all others; RFC 9110, section 9.1, allows any
token. So the method is read before the parser gets the bytes, which get another one instead.
"""

import re

# RFC 9113, section 3.4: what a client sends first that knows that the other side speaks HTTP/2.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# To the parser it is a request like any other, with or without a body.
STAND_IN = b"POST"
# These the parser surely knows; to it, CONNECT is not like the others.
_KNOWN = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT"})
_LONGEST_KNOWN = 7
# RFC 9113, sections 6.5, 6.8 and 7: an empty SETTINGS frame; type and flags of GOAWAY; a code.
_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
_GOAWAY = b"\x07\0"
_HTTP_1_1_REQUIRED = 0xD
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")


def read_method(data: bytes) -> tuple[bytes, bytes] | None:
    """Read the method of a request.

    Args:
        data: Bytes from the beginning of a request on, or from empty lines before it (RFC 9112,
            section 2.2).

    Returns:
        What the parser is to get, and the method that was there instead of `STAND_IN`, empty where
        it is as it was. None while the method may go on.
    """
    end = data.find(b" ", 0, _LONGEST_KNOWN + 1)
    if end > 0 and data[:end] in _KNOWN:
        return data, b""
    data = data.lstrip(b"\r\n")
    found = _TOKEN.match(data)
    assert found is not None
    method, rest = found[0], data[found.end() :]
    if not rest:
        return None
    if not method or rest[:1] != b" " or method in _KNOWN:
        # Where it is no method, the parser says so.
        return data, b""
    return STAND_IN + rest, method


def is_preface(data: bytes) -> bool | None:
    """Whether a connection speaks HTTP/2 from its first byte on; None while that is not known.

    Args:
        data: The first bytes of the connection; not empty.
    """
    if not data.startswith(PREFACE[: len(data)]):
        return False
    return len(data) >= len(PREFACE) or None


def goaway(why: str) -> bytes:
    """What tells a client that HTTP/2 is not spoken here, with the reason as debug data."""
    payload = bytes(4) + _HTTP_1_1_REQUIRED.to_bytes(4, "big") + why.encode()
    return _SETTINGS + len(payload).to_bytes(3, "big") + _GOAWAY + bytes(4) + payload
