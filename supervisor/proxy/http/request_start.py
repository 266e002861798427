"""Pure. The start of a request: its method, and whether it is HTTP/2.

The parser of heads accepts a fixed set of methods; RFC 9110, section 9.1, allows any token. So this
module reads the method first, and puts a known one in its place for the parser.
"""

import re

# RFC 9113, section 3.4: the first bytes of a client with prior knowledge of HTTP/2.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# The parser accepts this method with and without a body.
STAND_IN = b"POST"
# Methods that the parser knows; it treats CONNECT specially.
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
        The bytes for the parser, and the method that `STAND_IN` replaces, empty without a
        replacement. None while the method is incomplete.
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
        # The parser reports an invalid method.
        return data, b""
    return STAND_IN + rest, method


def is_preface(data: bytes) -> bool | None:
    """Whether a connection begins with the HTTP/2 preface; None while that is undecided.

    Args:
        data: The first bytes of the connection; not empty.
    """
    if not data.startswith(PREFACE[: len(data)]):
        return False
    return len(data) >= len(PREFACE) or None


def goaway(why: str) -> bytes:
    """Return the frames that refuse HTTP/2, with the reason as debug data."""
    payload = bytes(4) + _HTTP_1_1_REQUIRED.to_bytes(4, "big") + why.encode()
    return _SETTINGS + len(payload).to_bytes(3, "big") + _GOAWAY + bytes(4) + payload
