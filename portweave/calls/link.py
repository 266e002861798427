"""A connection's stream to the hub: bytes, tasks and waiting, for asyncio and for trio.

Users see anyio. But its byte streams cost more than all the rest of a call, so asyncio uses its own
transports, and only trio uses anyio's streams.
"""

import asyncio
import os
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from typing import Any, Protocol, cast

HIGH_WATER_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024
# How many lines are sent together at most: the next process shall have work meanwhile. The first
# batch is small and wakes that process early; each further batch is twice as large.
FIRST_LINES = 2
MOST_LINES = 16


@types.coroutine
def in_task() -> Generator[None, None, None]:
    """Continue in a task.

    A plain function that answers needs no task, and a task costs more than all the rest of a call.
    So a coroutine passed to `Link.start` begins without one. It must await this, once, before it
    awaits anything else.
    """
    yield


class Waiter(Protocol):
    """Waits for an answer."""

    def set_result(self, result: Any, /) -> None:
        """Set the answer, and resume the waiting task."""

    def done(self) -> bool:
        """Whether the answer was set, or the wait was cancelled."""
        ...

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for the answer."""
        ...


class Owner(Protocol):
    """Receives events from a link."""

    def take(self, data: bytes) -> None:
        """Receive bytes."""

    def lost(self) -> None:
        """The other side has gone."""


class Link(Protocol):
    """A stream to the hub."""

    @property
    def is_full(self) -> bool:
        """Whether more is written than the hub has read."""
        ...

    @property
    def in_task(self) -> Callable[[], Awaitable[None]] | None:
        """What a coroutine passed to `start` must await first; None if nothing."""
        ...

    @property
    def waiter(self) -> Callable[[], Waiter]:
        """Makes a waiter."""
        ...

    @property
    def time(self) -> Callable[[], float]:
        """The clock of `call_at`."""
        ...

    def write(self, line: bytes, *, now: bool = False) -> None:
        """Send a line: at once, or together with the others of this turn of the loop."""

    async def drain(self) -> None:
        """Wait until the hub has read enough."""

    def start(
        self, call: Coroutine[Any, Any, None], context: Context | None = None
    ) -> Callable[[], object]:
        """Run a coroutine, up to `in_task` at once, and then in a task.

        Args:
            call: The coroutine.
            context: The context to run it in, if there is `in_task`; by default a copy of this one.

        Returns:
            A function that cancels it.
        """
        ...

    def call_at(self, when_s: float, call: Callable[[], None]) -> Callable[[], object]:
        """Call a function later; return a function that cancels the call."""
        ...

    async def closed(self) -> None:
        """Wait until the other side has gone."""

    async def close(self) -> None:
        """Cancel all tasks, wait for them, and close the stream."""


class AsyncioTasks:
    """The tasks, the clock and the waiters of a link on asyncio."""

    in_task = staticmethod(in_task)

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.time = self._loop.time
        self.waiter: Callable[[], Waiter] = self._loop.create_future

    def start(
        self, call: Coroutine[Any, Any, None], context: Context | None = None
    ) -> Callable[[], object]:
        """Run a coroutine, up to `in_task` at once, and then in a task; return its cancel."""
        context = context or copy_context()
        try:
            context.run(call.send, None)
        except StopIteration:
            return _nothing
        task = self._loop.create_task(call, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task.cancel

    def call_at(self, when_s: float, call: Callable[[], None]) -> Callable[[], object]:
        """Call a function later; return a function that cancels the call."""
        return self._loop.call_at(when_s, call).cancel

    async def end_tasks(self) -> None:
        """Cancel all tasks but the current one, and wait for them."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


class AsyncioLink(AsyncioTasks, asyncio.BufferedProtocol):
    """A link on asyncio's transports."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[bytes] = []
        self._most = FIRST_LINES
        self._holding = False
        self._room = asyncio.Event()
        self._room.set()
        self._end = asyncio.Event()
        self._owner: Owner | None = None
        # One buffer for all reads: a new one for each costs more than copying the bytes.
        self._buffer = bytearray(READ_BYTES)
        self._view = memoryview(self._buffer)

    is_full = False

    @classmethod
    async def open(cls, path: str, owner: Owner) -> "AsyncioLink":
        """Connect to a Unix socket.

        Args:
            path: Path of the socket.
            owner: Receives events.

        Raises:
            OSError: The connection failed.
        """
        _, link = await asyncio.get_running_loop().create_unix_connection(cls, path)
        link._owner = owner
        return link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The link is connected."""
        # Some loops have transports of another class.
        transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._transport = transport
        self._descriptor = transport.get_extra_info("socket").fileno()

    def get_buffer(self, sizehint: int) -> bytearray:
        """The buffer for the next bytes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have arrived."""
        if self._owner is None:
            return
        # Answers that are made at once are sent together.
        self._holding = True
        try:
            self._owner.take(self._view[:nbytes].tobytes())
        finally:
            self._holding = False
            self._flush_last()

    def connection_lost(self, exc: Exception | None) -> None:
        """The hub has gone."""
        self._end.set()
        self._room.set()
        if self._owner is not None:
            self._owner.lost()

    def pause_writing(self) -> None:
        """The hub does not read."""
        self.is_full = True
        self._room.clear()

    def resume_writing(self) -> None:
        """The hub reads again."""
        self.is_full = False
        self._room.set()

    def write(self, line: bytes, *, now: bool = False) -> None:
        """Send a line: at once, or together with the others of this turn of the loop."""
        if self._lines or self._holding:
            self._lines.append(line)
            if len(self._lines) >= self._most:
                self._most = min(2 * self._most, MOST_LINES)
                self._flush()
        elif now:
            self._send(line)
        else:
            self._lines.append(line)
            self._loop.call_soon(self._flush_last)

    def _flush_last(self) -> None:
        self._most = FIRST_LINES
        if self._lines:
            self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._send(lines[0] if len(lines) == 1 else b"".join(lines))

    def _send(self, data: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if not transport.get_write_buffer_size():
            # Bypass an idle transport, because that costs less.
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                # It may be full, or closed: the transport will find out.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    async def drain(self) -> None:
        """Wait until the hub has read enough."""
        await self._room.wait()

    async def closed(self) -> None:
        """Wait until the hub has gone."""
        await self._end.wait()

    async def close(self) -> None:
        """Cancel all tasks, wait for them, and close the stream."""
        await self.end_tasks()
        if self._lines:
            self._flush()
        self._transport.close()
        await self._end.wait()


def _nothing() -> None:
    """Cancel a coroutine that has ended."""


@asynccontextmanager
async def open_link(path: str, owner: Owner) -> AsyncGenerator[AsyncioLink]:
    """Connect to a Unix socket for as long as the context lasts.

    Args:
        path: Path of the socket.
        owner: Receives events.

    Raises:
        OSError: The connection failed.
    """
    link = await AsyncioLink.open(path, owner)
    try:
        yield link
    finally:
        await link.close()
