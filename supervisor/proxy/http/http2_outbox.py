"""The send queue of an HTTP/2 stream, limited by the peer's flow-control windows."""

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h2.connection import H2Connection

    from portweave.supervisor.proxy.http.http1_heads import Fields

# Above HIGH_BYTES the producer pauses; at LOW_BYTES it resumes.
HIGH_BYTES = 1 << 17
LOW_BYTES = 1 << 15


class Outbox:
    """The unsent body of a stream, its trailers and its end.

    Args:
        number: The stream's number.

    Attributes:
        is_begun: Whether the head has been sent.
        is_ended: Whether the end of the stream waits to be sent.
        has_ended: Whether the end has been sent.
        waiting_bytes: The size of the queue in bytes.
    """

    __slots__ = (
        "_number",
        "_pieces",
        "_trailers",
        "has_ended",
        "is_begun",
        "is_ended",
        "waiting_bytes",
    )

    def __init__(self, number: int) -> None:
        self._number = number
        self._pieces: deque[bytes] = deque()
        self._trailers: Fields = []
        self.waiting_bytes = 0
        self.is_begun = self.is_ended = self.has_ended = False

    @property
    def has_news(self) -> bool:
        """Whether something waits to be sent."""
        return self.is_begun and (bool(self._pieces) or self.is_ended)

    def write(self, data: bytes) -> None:
        """Queue a piece."""
        self._pieces.append(data)
        self.waiting_bytes += len(data)

    def add_trailers(self, fields: "Fields") -> None:
        """Set the trailers."""
        self._trailers = fields

    def end(self) -> None:
        """Queue the end of the stream."""
        self.is_ended = not self.has_ended

    def clear(self) -> None:
        """Drop what has not been sent."""
        self._pieces.clear()
        self.waiting_bytes = 0
        self.is_ended = False

    def send_some(self, h2: "H2Connection") -> int | None:
        """Send at most one frame; return its size in bytes, None without window space.

        Raises:
            ProtocolError: The stream is closed.
        """
        size = 0
        if self._pieces:
            room = min(h2.local_flow_control_window(self._number), h2.max_outbound_frame_size)
            if room <= 0:
                return None
            piece = self._pieces.popleft()
            if len(piece) > room:
                self._pieces.appendleft(piece[room:])
                piece = piece[:room]
            size = len(piece)
            self.waiting_bytes -= size
            is_last = self.is_ended and not self._pieces and not self._trailers
            h2.send_data(self._number, piece, end_stream=is_last)
            if not is_last:
                return size
        elif self._trailers:
            h2.send_headers(self._number, self._trailers, end_stream=True)
        else:
            h2.end_stream(self._number)
        self.is_ended, self.has_ended = False, True
        return size
