"""An event loop that reads some connections while it waits, and connections that use it.

A turn of asyncio's loop costs more than passing on a line or a request. It makes a list of events,
a handle and a context, and goes through a transport. So this loop calls some readers from within
its selector. It turns only when a reader has scheduled a callback. Everything else is asyncio's own
loop, and other code notices no difference.
"""

import asyncio
import os
import selectors
import socket
import struct
import threading
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from time import monotonic
from typing import TypeVarTuple, cast

_Ts = TypeVarTuple("_Ts")
Reader = Callable[[], None]
Events = list[tuple[selectors.SelectorKey, int]]

# socket(7), SO_LINGER: on, for 0 seconds, so that close(2) resets the connection.
_NO_LINGERING = struct.pack("ii", 1, 0)
# asyncio keeps a pair with each descriptor: the handles of its reader and its writer.
_NO_HANDLES = (None, None)
# A kernel's socket buffer is rarely fuller.
READ_BYTES = 1 << 16
_OF_THREAD = threading.local()

# The length of a listener's queue, and how many connections asyncio accepts at once. If no
# descriptor is left, asyncio tries as many times and logs each failure, so these are few.
BACKLOG = 1024
ACCEPTED_AT_ONCE = 4


def lengthen_queue(server: asyncio.Server) -> None:
    """Let more connections wait for a server than it accepts at once."""
    for listener in server.sockets:
        with socket.socket(fileno=os.dup(listener.fileno())) as same:
            same.listen(BACKLOG)


def shared_buffer() -> memoryview:
    """The read buffer of all connections of a thread's loop, so that idle ones cost no memory.

    A reader takes its bytes out before the next one reads. Each thread has its own buffer: while
    one waits for the kernel to fill it, others run.
    """
    found: memoryview | None = getattr(_OF_THREAD, "buffer", None)
    if found is None:
        found = _OF_THREAD.buffer = memoryview(bytearray(READ_BYTES))
    return found


class FastSelector(selectors.DefaultSelector):
    """The system's selector, which calls the readers of some descriptors itself.

    Attributes:
        has_callbacks: Whether a callback has been scheduled since the last wait.
        wait_count: How often it has waited.
    """

    def __init__(self) -> None:
        super().__init__()
        self.has_callbacks = False
        self.wait_count = 0
        self._readers: dict[int, Reader] = {}

    def watch(self, descriptor: int, read: Reader) -> None:
        """Call `read` whenever a descriptor is readable; it must not wait."""
        self.register(descriptor, selectors.EVENT_READ, _NO_HANDLES)
        self._readers[descriptor] = read

    def forget(self, descriptor: int) -> None:
        """Stop calling the reader of a descriptor."""
        del self._readers[descriptor]
        self.unregister(descriptor)

    def select(self, timeout: float | None = None) -> Events:
        """Wait until the loop has something to do; as `BaseSelector.select`."""
        readers = self._readers
        end_s = None if timeout is None or not readers else monotonic() + timeout
        while True:
            found: Events = super().select(timeout)
            self.wait_count += 1
            if not readers:
                return found
            self.has_callbacks = False
            others: list[tuple[int, int]] = []
            for key, mask in found:
                read = readers.get(key.fd)
                if read is None:
                    others.append((key.fd, mask))
                else:
                    read()
            if others:
                # A reader may have changed what asyncio waits for, so look up the keys again.
                known = self.get_map()
                return [(now, mask & now.events) for fd, mask in others if (now := known.get(fd))]
            if self.has_callbacks or not found:
                return []
            if end_s is not None:
                timeout = end_s - monotonic()
                if timeout <= 0:
                    return []


class FastLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with a `FastSelector`."""

    def __init__(self) -> None:
        self.fast_selector = FastSelector()
        super().__init__(self.fast_selector)

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's."""
        self.fast_selector.has_callbacks = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's."""
        self.fast_selector.has_callbacks = True
        return super().call_at(when, callback, *args, context=context)


class InlineConnection(asyncio.BufferedProtocol):
    """A connection that reads and writes past its transport while that has nothing to do.

    On other loops than a `FastLoop`, and within TLS, it uses the transport.

    Attributes:
        transport: None while it is not connected.
    """

    __slots__ = (
        "_buffer",
        "_descriptor",
        "_error",
        "_has_ended",
        "_is_direct",
        "_is_reading",
        "_selector",
        "transport",
    )

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = shared_buffer()
        self._selector: FastSelector | None = None
        self._descriptor = -1
        self._is_direct = self._has_ended = False
        self._is_reading = True
        self._error: Exception | None = None

    @abstractmethod
    def take(self, data: bytes) -> None:
        """Take bytes from the other side."""

    @abstractmethod
    def take_end(self) -> bool:
        """The other side sends no more; whether to keep our half open."""

    @abstractmethod
    def lost(self, error: Exception | None) -> None:
        """The connection has ended; `error` is None if it was closed in order."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: it is connected."""
        # Not all loops derive their transports from `asyncio.Transport`.
        self.transport = transport = cast("asyncio.Transport", transport)
        loop = asyncio.get_running_loop()
        if isinstance(loop, FastLoop) and transport.get_extra_info("sslcontext") is None:
            self._selector = loop.fast_selector
            self._descriptor = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._leave()
        self.transport = self._selector = None
        self.lost(exc or self._error)

    def eof_received(self) -> bool:
        """The other side sends no more."""
        self._has_ended = True
        return self.take_end()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the transport puts the next bytes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """The transport has read bytes."""
        self.take(bytes(self._buffer[:nbytes]))
        transport = self.transport
        if self._selector is None or not self._is_reading or transport is None:
            return
        if not transport.is_closing() and not transport.get_write_buffer_size():
            transport.pause_reading()
            self._selector.watch(self._descriptor, self._read)
            self._is_direct = True

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._error = error
            self._break()
            return
        try:
            if data:
                self.take(data)
            else:
                self._leave()
                if not self.eof_received() and self.transport is not None:
                    self.transport.close()
        except Exception as error:  # a fault of one connection must not end the loop
            text = f"a connection of {type(self).__name__} has failed"
            context = {"message": text, "exception": error, "protocol": self}
            asyncio.get_running_loop().call_exception_handler(context)
            self._error = error
            self._break()

    def _leave(self) -> None:
        """Use the transport again; it does not read yet."""
        if self._is_direct and self._selector is not None:
            self._is_direct = False
            self._selector.forget(self._descriptor)

    def write(self, data: bytes) -> None:
        """Send bytes; a connection that is closing sends nothing."""
        transport = self.transport
        if transport is None:
            return
        if self._is_direct:
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                # Full or broken: the transport handles both.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
            self._leave()
            transport.resume_reading()
        if not transport.is_closing():
            transport.write(data)

    def write_end(self) -> None:
        """Close our half; does nothing within TLS, which has no half-closed connections."""
        transport = self.transport
        if transport is not None and not transport.is_closing() and transport.can_write_eof():
            # It may have ended already; asyncio reports that next.
            with suppress(OSError):
                transport.write_eof()

    def pause(self) -> None:
        """Stop reading for now."""
        transport = self.transport
        if self._is_reading and transport is not None and not transport.is_closing():
            self._is_reading = False
            if self._is_direct:
                self._leave()
            else:
                transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        transport = self.transport
        if not self._is_reading and transport is not None and not transport.is_closing():
            self._is_reading = True
            if not self._has_ended:
                transport.resume_reading()

    def hand_over(self) -> asyncio.Transport:
        """Return the transport, for another protocol that the caller sets on it."""
        transport = self.transport
        assert transport is not None
        if self._is_direct:
            self._leave()
            transport.resume_reading()
        self.transport = self._selector = None
        return transport

    def close(self) -> None:
        """Close it when everything is sent."""
        self._leave()
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """End it at once; unsent bytes are lost."""
        self._break()

    def reset(self) -> None:
        """End it with a reset, so that the other side does not see a regular end."""
        if self.transport is not None:
            sock: socket.socket = self.transport.get_extra_info("socket")
            # It may have ended already.
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.abort()

    def _break(self) -> None:
        self._leave()
        if self.transport is not None:
            self.transport.abort()
