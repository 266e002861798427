"""Learn of the end of any process from the kernel, in the event loop, without looking again.

Linux tells by pidfd_open(2), macOS by kqueue(2).
"""

import asyncio
import os
import sys
from collections.abc import Callable

from portweave.system.processes import started_at


class ProcessEnd:
    """Calls a function once a process has ended; soon if it has ended already.

    Args:
        pid: Its pid.
        start: When it began, as `started_at` returns it. A newer process with its pid is another.
        on_end: Called in the event loop, at most once.

    Raises:
        OSError: The system gives no descriptor.
    """

    def __init__(self, pid: int, start: str, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._close: Callable[[], None] | None = None
        self._soon: asyncio.Handle | None = None
        try:
            self._watch(pid)
        except ProcessLookupError:
            self._soon = self._loop.call_soon(on_end)
            return
        # The descriptor is open: from here on it belongs to one process.
        if started_at(pid) != start:
            self.close()
            self._soon = self._loop.call_soon(on_end)

    def _watch(self, pid: int) -> None:
        if sys.platform == "darwin":
            import select

            queue = select.kqueue()
            event = select.kevent(
                pid,
                select.KQ_FILTER_PROC,
                select.KQ_EV_ADD | select.KQ_EV_ONESHOT,
                select.KQ_NOTE_EXIT,
            )
            try:
                queue.control([event], 0)
            except OSError:
                queue.close()
                raise
            self._descriptor, self._close = queue.fileno(), queue.close
        else:
            self._descriptor = descriptor = os.pidfd_open(pid)
            self._close = lambda: os.close(descriptor)
        self._loop.add_reader(self._descriptor, self._take)

    def _take(self) -> None:
        self.close()
        self._on_end()

    def close(self) -> None:
        """Call nothing any more."""
        if self._soon is not None:
            self._soon.cancel()
        if self._close is not None:
            self._loop.remove_reader(self._descriptor)
            self._close()
            self._close = None
