"""Pure. Farewells of HTTP/2, taken out of what comes.

The library takes a GOAWAY frame for the end of all; a server that says farewell still answers what
is under way (RFC 9113, section 6.8).
"""

from portweave.encoding.value import value

_HEADER_BYTES = 9
# By so many a server of HTTP/2 is known.
FIRST_BYTES = _HEADER_BYTES
_GOAWAY = 7
# Two numbers; what a longer one says besides is not kept.
_LEAST_BYTES = 8


def is_settings(data: bytes) -> bool:
    """Whether these are the first bytes that a server of HTTP/2 sends: RFC 9113, section 3.4."""
    is_short = data[:2] == b"\0\0"
    return is_short and data[3:_HEADER_BYTES] == b"\x04\0\0\0\0\0"


@value
class Goaway:
    """A farewell.

    Attributes:
        last_stream: Streams with higher numbers have not been looked at.
        code: Why; 0 where nothing is wrong.
    """

    last_stream: int
    code: int


class GoawayFilter:
    """Reads frames, in any pieces, and keeps farewells back."""

    __slots__ = ("_header", "_is_goaway", "_left_bytes", "_payload")

    def __init__(self) -> None:
        self._header = b""
        self._left_bytes = 0
        self._is_goaway = False
        self._payload = b""

    def feed(self, data: bytes) -> tuple[bytes, list[Goaway]]:
        """Take what has come.

        Returns:
            What it is without farewells, and those.
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
