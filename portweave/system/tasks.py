"""Task groups, time limits and waits for descriptors, on asyncio alone.

anyio would be the natural choice. But importing it takes as long as starting twenty services. Each
of its waits costs several times as much, and the time from a crash to the restart consists of such
waits.
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
    """Tasks that end together. An error in one cancels all, and the group raises it."""

    def __init__(self) -> None:
        super().__init__()
        self._members: set[asyncio.Task[Any]] = set()

    def start(
        self, function: Callable[_P, Coroutine[Any, Any, None]], *args: _P.args, **kwargs: _P.kwargs
    ) -> "asyncio.Task[None]":
        """Run a task beside the others."""
        task = self.create_task(function(*args, **kwargs))
        self._members.add(task)
        task.add_done_callback(self._members.discard)
        return task

    def cancel(self) -> None:
        """Cancel the tasks that run now."""
        for task in list(self._members):
            task.cancel()


class Within:
    """A time limit: `async with Within(2.0):` leaves the block after 2 s, and goes on behind it.

    Args:
        seconds: The limit; None for no limit.
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
    """Run something to its end, even when cancelled; the cancellation is raised afterwards."""
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
        # An error of the work says more than the cancellation.
        task.result()
        raise cancellation
    return task.result()


async def forever() -> None:
    """Wait for cancellation."""
    await asyncio.get_running_loop().create_future()


async def until_next(period_s: float) -> None:
    """Sleep until the next multiple of a period, on the clock of the loop.

    So tasks with the same period wake up together, and the process wakes up less often.
    """
    left_s = period_s - asyncio.get_running_loop().time() % period_s
    # A timer may be early by its resolution, and must not fire twice.
    await asyncio.sleep(left_s if left_s > period_s / 10 else left_s + period_s)


async def until_readable(fd: int) -> None:
    """Wait until a descriptor has bytes to read, or has no writer any more."""
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
    """Run a blocking function in a thread of its own, which a cancelled wait leaves behind.

    Not `asyncio.to_thread`: the loop waits for its threads at the end, however long they hang.
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
            # The loop has ended in the meantime.
            return

    threading.Thread(target=work, daemon=True).start()
    return done
