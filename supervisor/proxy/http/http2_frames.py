"""One end of an HTTP/2 connection: it reads bytes, reports events, and orders the sending.

The h2 library keeps stream states and windows, and compresses heads.
"""

import asyncio
from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from portweave.system.fast_loop import (
    READ_BYTES,
    shared_buffer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portweave.supervisor.proxy.http.http1_heads import Fields

# The most streams of one client at once.
MOST_STREAMS = 128
# Window sizes in bytes of one stream and of the connection: one stream cannot block the others.
STREAM_BYTES = 1 << 17
CONNECTION_BYTES = MOST_STREAMS * STREAM_BYTES


class Sender(Protocol):
    """A stream that sends data."""

    number: int
    is_queued: bool

    @property
    def has_news(self) -> bool:
        """Whether something waits to be sent."""
        ...

    def send_some(self, h2: H2Connection) -> int | None:
        """Send at most one frame; return its size in bytes, None without window space."""
        ...


class Multiplex(asyncio.BufferedProtocol):
    """One end of a connection.

    Args:
        h2: The library's state of the connection.

    Attributes:
        h2: As given.
        transport: None unless the connection is open.
    """

    def __init__(self, h2: H2Connection) -> None:
        self.h2 = h2
        self.transport: asyncio.Transport | None = None
        self._buffer = shared_buffer()
        # The streams with data to send, in turn.
        self._line: deque[Sender] = deque()
        self._is_full = self._is_due = False

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Receive bytes."""

    @abstractmethod
    def reset_stream(self, number: int, code: ErrorCodes) -> None:
        """Reset a stream."""

    def pushed(self) -> None:
        """Everything that the windows allow has been sent."""

    # Methods for the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        # Not every loop's transport derives from it.
        self.transport = cast("asyncio.Transport", transport)
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(CONNECTION_BYTES - (1 << 16) + 1)
        self.push()

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer for received bytes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Receive bytes."""
        self.feed(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool:
        """The peer sends no more."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        self.transport = None
        self._line.clear()

    def pause_writing(self) -> None:
        """The write buffer is full."""
        self._is_full = True

    def resume_writing(self) -> None:
        """The write buffer has room again."""
        self._is_full = False
        self.plan_push()

    def abort(self) -> None:
        """Close the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    # Methods for streams.

    def give_back(self, number: int, length: int) -> None:
        """Return consumed bytes to the flow-control windows."""
        if length:
            try:
                self.h2.acknowledge_received_data(length, number)
            except ProtocolError:
                return
            self.plan_push()

    def queue(self, stream: Sender) -> None:
        """Queue a stream for sending."""
        if stream.has_news and not stream.is_queued:
            stream.is_queued = True
            self._line.append(stream)
            self.plan_push()

    def plan_push(self) -> None:
        """Schedule a push, so that the frames of one turn are written together."""
        if not self._is_due and self.transport is not None:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.push)

    def push(self) -> None:
        """Send waiting frames, one of each stream in turn."""
        self._is_due = False
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        line, unsent = self._line, 0
        while line and not self._is_full:
            stream = line.popleft()
            stream.is_queued = False
            if not stream.has_news:
                continue
            try:
                size = stream.send_some(self.h2)
            except ProtocolError:
                self.reset_stream(stream.number, ErrorCodes.INTERNAL_ERROR)
                continue
            if size is not None:
                self.queue(stream)
                unsent += size
            if unsent > READ_BYTES:
                unsent = 0
                transport.write(self.h2.data_to_send())
        data = self.h2.data_to_send()
        if data:
            transport.write(data)
        self.pushed()


def pairs(headers: "Iterable[tuple[bytes | str, bytes | str]]") -> "Fields":
    """Return the fields of an event as bytes."""
    return [(_bytes(name), _bytes(text)) for name, text in headers]


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
