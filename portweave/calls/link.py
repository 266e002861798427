"""The stream below a connection: bytes, tasks and waiting, once for asyncio and once for trio.

anyio is what users see. Its byte streams cost more than all the rest of a call together, so asyncio
has its own transports; trio has anyio's streams.
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
# More are not kept back to go together: the next process is to have something to do meanwhile. The
# first go soon, to wake it; then twice as many each time.
FIRST_LINES = 2
MOST_LINES = 16


@types.coroutine
def in_task() -> Generator[None, None, None]:
    """Go on in a task.

    A plain function that answers needs none, and a task costs more than all the rest of a call. So
    a coroutine that is given to `Link.start` begins without one, and awaits this, once, before it
    awaits anything else.
    """
    yield


class Waiter(Protocol):
    """Somebody waits for an answer."""

    def set_result(self, result: Any, /) -> None:
        """Wake them up, with the answer."""

    def done(self) -> bool:
        """Whether they have been woken, or wait no more."""
        ...

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait."""
        ...


class Owner(Protocol):
    """What a link tells."""

    def take(self, data: bytes) -> None:
        """Take bytes."""

    def lost(self) -> None:
        """The other side has gone."""


class Link(Protocol):
    """A stream to the hub."""

    @property
    def is_full(self) -> bool:
        """Whether more is written than the hub reads."""
        ...

    @property
    def in_task(self) -> Callable[[], Awaitable[None]] | None:
        """What a coroutine that is given to `start` awaits first; None where it need not."""
        ...

    @property
    def waiter(self) -> Callable[[], Waiter]:
        """Makes something to wait for."""
        ...

    @property
    def time(self) -> Callable[[], float]:
        """The clock of `call_at`."""
        ...

    def write(self, line: bytes, *, now: bool = False) -> None:
        """Send a line: at once, or with the others of this pass of the loop."""

    async def drain(self) -> None:
        """Wait until the hub has read enough."""

    def start(
        self, call: Coroutine[Any, Any, None], context: Context | None = None
    ) -> Callable[[], object]:
        """Run a coroutine: here until it comes to `in_task`, then in a task; return its cancel.

        Args:
            call: The coroutine.
            context: That it runs in, where there is `in_task`; by default a copy of ours.
        """
        ...

    def call_at(self, when_s: float, call: Callable[[], None]) -> Callable[[], object]:
        """Call something later; return what cancels it."""
        ...

    async def closed(self) -> None:
        """Wait until the other side has gone."""

    async def close(self) -> None:
        """Cancel all tasks, wait for them, and close the stream."""


class AsyncioLink(asyncio.BufferedProtocol):
    """A link on asyncio's transports."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: list[bytes] = []
        self._most = FIRST_LINES
        self._holding = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._end = asyncio.Event()
        self._owner: Owner | None = None
        # One for all: to have a fresh one for each read costs more than to copy what came.
        self._buffer = bytearray(READ_BYTES)
        self._view = memoryview(self._buffer)
        self.time = self._loop.time
        self.waiter: Callable[[], Waiter] = self._loop.create_future

    is_full = False
    in_task = staticmethod(in_task)

    @classmethod
    async def open(cls, path: str, owner: Owner) -> "AsyncioLink":
        """Connect to a Unix socket.

        Raises:
            OSError: It cannot be connected to.
        """
        _, link = await asyncio.get_running_loop().create_unix_connection(cls, path)
        link._owner = owner
        return link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is connected."""
        # Not all loops derive theirs from it.
        transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._transport = transport
        self._descriptor = transport.get_extra_info("socket").fileno()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where to put what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Something came."""
        if self._owner is None:
            return
        # What is answered at once goes together.
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
        """It reads again."""
        self.is_full = False
        self._room.set()

    def write(self, line: bytes, *, now: bool = False) -> None:
        """Send a line: at once, or with the others of this pass of the loop."""
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
            # Past the transport, while it has nothing to do: that costs less.
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                # It may be full, or gone: the transport finds out.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    async def drain(self) -> None:
        """Wait until the hub has read enough."""
        await self._room.wait()

    def start(
        self, call: Coroutine[Any, Any, None], context: Context | None = None
    ) -> Callable[[], object]:
        """Run a coroutine: here until it comes to `in_task`, then in a task; return its cancel."""
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
        """Call something later; return what cancels it."""
        return self._loop.call_at(when_s, call).cancel

    async def closed(self) -> None:
        """Wait until the hub has gone."""
        await self._end.wait()

    async def close(self) -> None:
        """Cancel all tasks, wait for them, and close the stream."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._lines:
            self._flush()
        self._transport.close()
        await self._end.wait()


def _nothing() -> None:
    """Cancel what is over."""


@asynccontextmanager
async def open_link(path: str, owner: Owner) -> AsyncGenerator[AsyncioLink]:
    """Connect to a Unix socket.

    Raises:
        OSError: It cannot be connected to.
    """
    link = await AsyncioLink.open(path, owner)
    try:
        yield link
    finally:
        await link.close()
