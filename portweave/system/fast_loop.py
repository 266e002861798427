"""An event loop that passes bytes on while it waits, and connections that make use of it.

What has come on a socket reaches its owner by way of a turn of the loop: a list of events, a
handle, a context, a transport. To pass on a line, or a request, is less work than that. So a loop
of this kind calls some readers right where it waits, in its selector, and turns only when one of
them has left it something to do. In all else it is asyncio's own, and whoever does not know of it
sees no difference.
"""

import asyncio
import os
import select
import selectors
import socket
import struct
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from time import monotonic
from typing import TypeVarTuple, cast

_Ts = TypeVarTuple("_Ts")
Reader = Callable[[], None]
Events = list[tuple[selectors.SelectorKey, int]]

MOST_EVENTS = 64
# socket(7), SO_LINGER: it is, for no time, so the end is a reset.
_NO_LINGERING = struct.pack("ii", 1, 0)
# To be woken takes a process some tens of microseconds, on a virtual machine most of all. So what
# is likely to come sooner than this, because what came before did, is looked for without falling
# asleep; where it does not come the next is waited for in the usual way.
BRISK_S = 0.0002
# What asyncio keeps of a descriptor: who reads, and who writes.
_NOBODY = (None, None)
# A kernel's socket buffer is rarely fuller.
READ_BYTES = 1 << 16
_OF_THREAD = threading.local()

# How many connections wait to be accepted, and how many of them asyncio accepts at once. As many
# times it tries again, and tells of it, where there is no descriptor left; so these are few.
BACKLOG = 1024
ACCEPTED_AT_ONCE = 4


def lengthen_queue(server: asyncio.Server) -> None:
    """Have more connections wait for a server than it accepts at once."""
    for listener in server.sockets:
        with socket.socket(fileno=os.dup(listener.fileno())) as same:
            same.listen(BACKLOG)


def shared_buffer() -> memoryview:
    """One for all connections of a thread's loop, so that an idle one costs no memory.

    What is read into it is taken out before anything else is read. Loops of several threads may
    not share one: a thread that waits for the kernel to fill it lets others run.
    """
    found: memoryview | None = getattr(_OF_THREAD, "buffer", None)
    if found is None:
        found = _OF_THREAD.buffer = memoryview(bytearray(READ_BYTES))
    return found


class FastSelector(selectors.DefaultSelector):
    """The system's selector; some descriptors are read by it at once.

    Attributes:
        turn: Whether the loop has been given something to do.
        moment: How often it has waited. What is read at one moment had come when that began.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turn = False
        self.moment = 0
        self._readers: dict[int, Reader] = {}
        # Whether what was waited for last came at once, so that the next may be expected to.
        self._is_brisk = False
        self._wait: Callable[[float | None, int], Sequence[tuple[int, int]]] = self._wait_by_keys
        if hasattr(select, "epoll"):
            # The same set of descriptors: for what is ours there is no need of keys.
            self._twin = select.epoll.fromfd(os.dup(self.fileno()))
            self._wait = self._twin.poll

    def watch(self, descriptor: int, read: Reader) -> None:
        """Have `read` called whenever there is something to read; it may not wait."""
        self.register(descriptor, selectors.EVENT_READ, _NOBODY)
        self._readers[descriptor] = read

    def forget(self, descriptor: int) -> None:
        """Have it not called any more."""
        del self._readers[descriptor]
        self.unregister(descriptor)

    def select(self, timeout: float | None = None) -> Events:
        """Wait until there is something for the loop; as `BaseSelector.select`."""
        readers = self._readers
        if not readers or (timeout is not None and timeout <= 0):
            return self._others(timeout)
        self.turn = False
        now_s = monotonic()
        end_s = None if timeout is None else now_s + timeout
        while found := (self._is_brisk and self._expect(now_s)) or self._wait(timeout, MOST_EVENTS):
            came_s = monotonic()
            self.moment += 1
            for descriptor, _ in found:
                read = readers.get(descriptor)
                if read is None:
                    self.turn = True
                else:
                    read()
            self._is_brisk = not self.turn and came_s - now_s < BRISK_S
            if self.turn:
                return self._others(0)
            now_s = monotonic()
            if end_s is not None:
                timeout = end_s - now_s
                if timeout <= 0:
                    break
        return []

    def _expect(self, now_s: float) -> Sequence[tuple[int, int]]:
        """Look for something again and again, for a moment."""
        until_s = now_s + BRISK_S
        while not (found := self._wait(0, MOST_EVENTS)) and monotonic() < until_s:
            # It may be for this very core that whoever is to answer waits.
            os.sched_yield()
        return found

    def _others(self, timeout: float | None) -> Events:
        found: Events = super().select(timeout)
        self.moment += 1
        if not self._readers:
            return found
        others: Events = []
        for event in found:
            read = self._readers.get(event[0].fd)
            if read is None:
                others.append(event)
            else:
                read()
        return others

    def _wait_by_keys(self, timeout: float | None, most: int) -> Sequence[tuple[int, int]]:
        return [(key.fd, mask) for key, mask in super().select(timeout)][:most]

    def close(self) -> None:
        """Close it."""
        if hasattr(self, "_twin"):
            self._twin.close()
        super().close()


class FastLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with such a selector."""

    def __init__(self) -> None:
        self.quick = FastSelector()
        super().__init__(self.quick)

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's."""
        self.quick.turn = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's."""
        self.quick.turn = True
        return super().call_at(when, callback, *args, context=context)


class InlineConnection(asyncio.BufferedProtocol):
    """A connection whose bytes go past its transport, while that has nothing to do.

    On another loop than a `FastLoop`, and within TLS, they go by it.

    Attributes:
        transport: None before and after.
    """

    __slots__ = (
        "_buffer",
        "_descriptor",
        "_error",
        "_has_ended",
        "_is_direct",
        "_is_reading",
        "_quick",
        "transport",
    )

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = shared_buffer()
        self._quick: FastSelector | None = None
        self._descriptor = -1
        self._is_direct = self._has_ended = False
        self._is_reading = True
        self._error: Exception | None = None

    @abstractmethod
    def take(self, data: bytes) -> None:
        """Something has come."""

    @abstractmethod
    def take_end(self) -> bool:
        """The other side sends no more; whether the connection stays for our part."""

    @abstractmethod
    def lost(self, error: Exception | None) -> None:
        """The connection has ended; in order, where there is no error."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: it is connected."""
        # Not all loops derive theirs from it.
        self.transport = transport = cast("asyncio.Transport", transport)
        loop = asyncio.get_running_loop()
        if isinstance(loop, FastLoop) and transport.get_extra_info("sslcontext") is None:
            self._quick = loop.quick
            self._descriptor = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._leave()
        self.transport = self._quick = None
        self.lost(exc or self._error)

    def eof_received(self) -> bool:
        """Nothing more will come."""
        self._has_ended = True
        return self.take_end()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Something has come by the transport."""
        self.take(bytes(self._buffer[:nbytes]))
        transport = self.transport
        if self._quick is None or not self._is_reading or transport is None:
            return
        if not transport.is_closing() and not transport.get_write_buffer_size():
            transport.pause_reading()
            self._quick.watch(self._descriptor, self._read)
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
        except Exception as error:  # one of ours must not end the loop
            text = f"a connection of {type(self).__name__} has failed"
            context = {"message": text, "exception": error, "protocol": self}
            asyncio.get_running_loop().call_exception_handler(context)
            self._error = error
            self._break()

    def _leave(self) -> None:
        """Go by the transport again; it does not read yet."""
        if self._is_direct and self._quick is not None:
            self._is_direct = False
            self._quick.forget(self._descriptor)

    def write(self, data: bytes) -> None:
        """Send something, or nothing where the connection is closing."""
        transport = self.transport
        if transport is None:
            return
        if self._is_direct:
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                # Whether it is full or broken, the transport knows what to do about it.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
            self._leave()
            transport.resume_reading()
        if not transport.is_closing():
            transport.write(data)

    def write_end(self) -> None:
        """Tell the other side that no more comes; not within TLS, which knows no half of an end."""
        transport = self.transport
        if transport is not None and not transport.is_closing() and transport.can_write_eof():
            # It may be gone by now, which is about to be told.
            with suppress(OSError):
                transport.write_eof()

    def pause(self) -> None:
        """Read no more for now."""
        transport = self.transport
        if self._is_reading and transport is not None and not transport.is_closing():
            self._is_reading = False
            if self._is_direct:
                self._leave()
            else:
                transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        transport = self.transport
        if not self._is_reading and transport is not None and not transport.is_closing():
            self._is_reading = True
            if not self._has_ended:
                transport.resume_reading()

    def hand_over(self) -> asyncio.Transport:
        """Give up the transport: the caller sets another protocol on it."""
        transport = self.transport
        assert transport is not None
        if self._is_direct:
            self._leave()
            transport.resume_reading()
        self.transport = self._quick = None
        return transport

    def close(self) -> None:
        """End it when all is sent."""
        self._leave()
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """End it at once; what was sent may not be whole."""
        self._break()

    def reset(self) -> None:
        """End it at once, so that the other side cannot take it for an end in order."""
        if self.transport is not None:
            sock: socket.socket = self.transport.get_extra_info("socket")
            # It may be gone by now.
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.abort()

    def _break(self) -> None:
        self._leave()
        if self.transport is not None:
            self.transport.abort()
