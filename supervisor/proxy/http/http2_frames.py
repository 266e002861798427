"""A connection of HTTP/2, at either end: bytes in, events out, and whose turn it is to send.

The states of streams, their windows and the compression of heads are the library's (h2).
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

# How many streams of one client there are at once.
MOST_STREAMS = 128
# What the other side may send ahead on one stream, and on all: one stream stops no other.
STREAM_BYTES = 1 << 17
CONNECTION_BYTES = MOST_STREAMS * STREAM_BYTES


class Sender(Protocol):
    """A stream that has something to send."""

    number: int
    is_queued: bool

    @property
    def has_news(self) -> bool:
        """Whether there is something to send."""
        ...

    def send_some(self, h2: H2Connection) -> int | None:
        """Send as much as fits into one frame; how much that was, None where there is no room."""
        ...


class Multiplex(asyncio.BufferedProtocol):
    """One end of a connection.

    Args:
        h2: Its state.

    Attributes:
        h2: As given.
        transport: None before and after.
    """

    def __init__(self, h2: H2Connection) -> None:
        self.h2 = h2
        self.transport: asyncio.Transport | None = None
        self._buffer = shared_buffer()
        # Those that have something to send, in turn.
        self._line: deque[Sender] = deque()
        self._is_full = self._is_due = False

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take what has come."""

    @abstractmethod
    def reset_stream(self, number: int, code: ErrorCodes) -> None:
        """End a stream at once."""

    def pushed(self) -> None:
        """All that there was to send has been sent, as far as it could be."""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: it is connected."""
        # Not all loops derive theirs from it.
        self.transport = cast("asyncio.Transport", transport)
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(CONNECTION_BYTES - (1 << 16) + 1)
        self.push()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come."""
        self.feed(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool:
        """The other side sends no more."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self.transport = None
        self._line.clear()

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        self._is_full = True

    def resume_writing(self) -> None:
        """What waited has been sent."""
        self._is_full = False
        self.plan_push()

    def abort(self) -> None:
        """End it at once."""
        if self.transport is not None:
            self.transport.abort()

    # What streams call.

    def give_back(self, number: int, length: int) -> None:
        """Open the windows again for what was taken."""
        if length:
            try:
                self.h2.acknowledge_received_data(length, number)
            except ProtocolError:
                return
            self.plan_push()

    def queue(self, stream: Sender) -> None:
        """A stream may have something to send."""
        if stream.has_news and not stream.is_queued:
            stream.is_queued = True
            self._line.append(stream)
            self.plan_push()

    def plan_push(self) -> None:
        """Send soon, all that comes at once in one piece."""
        if not self._is_due and self.transport is not None:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.push)

    def push(self) -> None:
        """Send what there is, one frame of each stream after the other."""
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
    """Fields of an event as bytes."""
    return [(_bytes(name), _bytes(text)) for name, text in headers]


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
