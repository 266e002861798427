"""A connection's stream to the hub under trio, on anyio's streams."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any

import anyio
from anyio.abc import ByteStream, TaskGroup

from portweave.calls.link import HIGH_WATER_BYTES, READ_BYTES, Owner


class _Waiter:
    """Waits for an answer."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._result: Any = None

    def set_result(self, result: Any, /) -> None:
        """Set the answer, and resume the waiting task."""
        self._result = result
        self._event.set()

    def done(self) -> bool:
        """Whether the answer was set."""
        return self._event.is_set()

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for the answer."""
        yield from self._event.wait().__await__()
        return self._result


class AnyioLink:
    """A link on anyio's streams.

    Args:
        stream: The stream to the hub.
        tasks: Runs all tasks.
        owner: Gets what the hub sends.
    """

    in_task = None
    waiter = _Waiter

    def __init__(self, stream: ByteStream, tasks: TaskGroup, owner: Owner) -> None:
        self._stream = stream
        self._tasks = tasks
        self._owner = owner
        self._lines: list[bytes] = []
        self._bytes = 0
        self._news = anyio.Event()
        self._room = anyio.Event()
        self._end = anyio.Event()
        self.time = anyio.current_time

    @property
    def is_full(self) -> bool:
        """Whether more is written than the hub has read."""
        return self._bytes > HIGH_WATER_BYTES

    def write(self, line: bytes, *, now: bool = False) -> None:
        """Send a line together with others."""
        self._lines.append(line)
        self._bytes += len(line)
        self._news.set()

    async def drain(self) -> None:
        """Wait until the hub has read enough."""
        while self.is_full and not self._end.is_set():
            await self._room.wait()

    def start(
        self, call: Coroutine[Any, Any, None], context: Context | None = None
    ) -> Callable[[], object]:
        """Run a coroutine in a task; return a function that cancels it."""
        scope = anyio.CancelScope()

        async def run() -> None:
            with scope:
                await call

        self._tasks.start_soon(run)
        return scope.cancel

    def call_at(self, when_s: float, call: Callable[[], None]) -> Callable[[], object]:
        """Call a function later; return a function that cancels the call."""
        scope = anyio.CancelScope()

        async def wait() -> None:
            with scope:
                await anyio.sleep(max(0.0, when_s - anyio.current_time()))
                call()

        self._tasks.start_soon(wait)
        return scope.cancel

    async def closed(self) -> None:
        """Wait until the hub has gone."""
        await self._end.wait()

    async def close(self) -> None:
        """Send what is buffered, and cancel all tasks."""
        with anyio.CancelScope(shield=True), suppress(anyio.BrokenResourceError, OSError):
            with anyio.move_on_after(1):
                await self._send()
        self._tasks.cancel_scope.cancel()

    async def read(self) -> None:
        """Pass received bytes on, until the hub has gone."""
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, OSError):
            while True:
                self._owner.take(await self._stream.receive(READ_BYTES))
        self._end.set()
        self._room.set()
        self._owner.lost()

    async def send(self) -> None:
        """Send lines as they are written."""
        with suppress(anyio.BrokenResourceError, OSError):
            while True:
                await self._news.wait()
                self._news = anyio.Event()
                await self._send()

    async def _send(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            data = b"".join(lines)
            await self._stream.send(data)
            self._bytes -= len(data)
            self._room.set()
            self._room = anyio.Event()


@asynccontextmanager
async def open_link(path: str, owner: Owner) -> AsyncGenerator[AnyioLink]:
    """Connect to a Unix socket.

    Raises:
        OSError: It cannot be connected to.
    """
    try:
        async with await anyio.connect_unix(path) as stream, anyio.create_task_group() as tasks:
            link = AnyioLink(stream, tasks, owner)
            tasks.start_soon(link.read)
            tasks.start_soon(link.send)
            try:
                yield link
            finally:
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # Raise an error of the connection's user unchanged, not in a group.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
