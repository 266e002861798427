"""Pure. A filter that removes GOAWAY frames from received HTTP/2 bytes.

The library ends the connection at a GOAWAY frame. A server that sends one still answers the
requests under way (RFC 9113, section 6.8).
"""

from portweave.encoding.value import value

_HEADER_BYTES = 9
# So many bytes identify an HTTP/2 server.
FIRST_BYTES = _HEADER_BYTES
_GOAWAY = 7
# Two numbers; the debug data after them is dropped.
_LEAST_BYTES = 8


def is_settings(data: bytes) -> bool:
    """Whether these are the first bytes that a server of HTTP/2 sends: RFC 9113, section 3.4."""
    is_short = data[:2] == b"\0\0"
    return is_short and data[3:_HEADER_BYTES] == b"\x04\0\0\0\0\0"


@value
class Goaway:
    """The content of a GOAWAY frame.

    Attributes:
        last_stream: The server has not processed streams with higher numbers.
        code: The error code; 0 for none.
    """

    last_stream: int
    code: int


class GoawayFilter:
    """Removes GOAWAY frames from bytes that arrive in any pieces."""

    __slots__ = ("_header", "_is_goaway", "_left_bytes", "_payload")

    def __init__(self) -> None:
        self._header = b""
        self._left_bytes = 0
        self._is_goaway = False
        self._payload = b""

    def feed(self, data: bytes) -> tuple[bytes, list[Goaway]]:
        """Take received bytes.

        Returns:
            The bytes without GOAWAY frames, and the frames' content.
        """
        passed: list[bytes] = []
        found: list[Goaway] = []
        while data:
            if not self._left_bytes:
                missing = _HEADER_BYTES - len(self._header)
                self._header, data = self._header + data[:missing], data[missing:]
                if len(self._header) < _HEADER_BYTES:
                    break
                self._left_bytes = int.from_bytes(self._header[:3], "big")
                self._is_goaway = self._header[3] == _GOAWAY and self._left_bytes >= _LEAST_BYTES
                if not self._is_goaway:
                    passed.append(self._header)
                self._header, self._payload = b"", b""
            piece, data = data[: self._left_bytes], data[self._left_bytes :]
            self._left_bytes -= len(piece)
            if not self._is_goaway:
                passed.append(piece)
                continue
            self._payload = (self._payload + piece)[:_LEAST_BYTES]
            if not self._left_bytes:
                numbers = self._payload[:4], self._payload[4:]
                last, code = (int.from_bytes(number, "big") for number in numbers)
                found.append(Goaway(last & 0x7FFF_FFFF, code))
        return b"".join(passed), found
