"""What the supervisor waits with: tasks that belong together, limits in time, descriptors.

On asyncio alone. anyio would be the natural choice, but it takes as long to import as twenty
services take to start, and each of its waits costs several times as much, of which the time from a
crash to the next start is made.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

if TYPE_CHECKING:
    from types import TracebackType


_P = ParamSpec("_P")
_T = TypeVar("_T")


class Group(asyncio.TaskGroup):
    """Tasks that end together: an error of one ends all, and is raised by the group."""

    def __init__(self) -> None:
        super().__init__()
        self._members: set[asyncio.Task[Any]] = set()

    def start(
        self, function: Callable[_P, Coroutine[Any, Any, None]], *args: _P.args, **kwargs: _P.kwargs
    ) -> "asyncio.Task[None]":
        """Have a task run beside the others."""
        task = self.create_task(function(*args, **kwargs))
        self._members.add(task)
        task.add_done_callback(self._members.discard)
        return task

    def cancel(self) -> None:
        """End those that run now."""
        for task in list(self._members):
            task.cancel()


class Within:
    """A limit in time: `async with Within(2.0):` leaves the block then, and goes on behind it.

    Args:
        seconds: How long it may take; None for as long as it takes.
    """

    def __init__(self, seconds: float | None) -> None:
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> bool:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            return True
        return False


async def finish(work: Coroutine[Any, Any, _T]) -> _T:
    """Do something to its end, even when cancelled meanwhile; the cancellation comes behind it."""
    task = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if not task.cancelled():
                cancellation = error
        except Exception:  # noqa: S110 - it is raised below
            pass
    if cancellation is not None:
        # An error of the work itself says more.
        task.result()
        raise cancellation
    return task.result()


async def forever() -> None:
    """Wait to be cancelled."""
    await asyncio.get_running_loop().create_future()


async def until_next(period_s: float) -> None:
    """Sleep until the next multiple of a period on the clock of the loop.

    Tasks that wake up periodically do so together then: one wake-up of the process, not several.
    """
    left_s = period_s - asyncio.get_running_loop().time() % period_s
    # A timer may be early by its resolution, and is not to come twice.
    await asyncio.sleep(left_s if left_s > period_s / 10 else left_s + period_s)


async def until_readable(fd: int) -> None:
    """Wait until there is something to read, or nobody writes any more."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def in_thread(function: Callable[[], _T]) -> Awaitable[_T]:
    """Do what blocks in a thread of its own, which is left to itself when nobody waits any more.

    Not `asyncio.to_thread`: at the end its threads are waited for, however long they hang.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def work() -> None:
        try:
            result = function()
        except Exception as error:
            tell(done.set_exception, error)
        else:
            tell(done.set_result, result)

    def tell(settle: Callable[[Any], None], value: object) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if done.done() else settle(value))
        except RuntimeError:
            # The loop has ended meanwhile.
            return

    threading.Thread(target=work, daemon=True).start()
    return done
