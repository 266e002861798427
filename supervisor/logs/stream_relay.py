"""Reads what services print, and passes it to their log and to the view."""

import asyncio
import contextlib
import os
import select
from collections.abc import Callable, Collection

from portweave.supervisor.logs.line_splitter import LineSplitter
from portweave.supervisor.logs.output_relay import View
from portweave.system.tasks import (
    Within,
    until_readable,
)

# A pipe holds 64 KiB; larger reads only cost memory.
CHUNK_BYTES = 65_536
# How many chunks of one stream are read before other streams get a turn. A turn costs as much as a
# chunk.
_TURNS = 4


class StreamRelay:
    """Reads one stream of a service and shows it.

    Args:
        view: Shows its lines.
        name: The instance's name.
        fd: The descriptor to read. The relay closes it.
        take: Gets whole lines.
        keep: Gets each chunk at once, first of all.
        taps: Get each chunk, too. Functions that are added later get later chunks.

    Attributes:
        ended: Set at the end of the stream.
    """

    def __init__(
        self,
        view: View,
        name: str,
        fd: int,
        take: Callable[[bytes], None],
        keep: Callable[[bytes], None],
        taps: Collection[Callable[[bytes], None]],
    ) -> None:
        self.ended = asyncio.Event()
        self._source = view.source(name)
        self._fd = fd
        self._view = view
        self._take = take
        self._keep = keep
        self._taps = taps
        self._splitter = LineSplitter()

    async def run(self) -> None:
        """Relay until the stream ends."""
        turns = 0
        while True:
            try:
                data = os.read(self._fd, CHUNK_BYTES)
            except BlockingIOError:
                await self._wait_for_more()
                continue
            except OSError:
                break
            if not data:
                break
            self._keep(data)
            if self._taps:
                # A tap may remove itself.
                for tap in tuple(self._taps):
                    tap(data)
            lines = self._splitter.feed(data)
            if lines:
                self._take(lines)
                await self._view.show(self._source, lines)
            turns += 1
            if turns % _TURNS == 0:
                # Give other streams a turn, even if there is more to read here.
                await asyncio.sleep(0)
        self.ended.set()

    async def close(self) -> None:
        """Show what is left, even a last line without a newline, and close the stream."""
        lines = self._splitter.close()
        if lines:
            self._take(lines)
            await self._view.show(self._source, lines)
        self._view.forget(self._source)
        os.close(self._fd)

    async def _wait_for_more(self) -> None:
        if self._splitter.pending:
            async with Within(self._view.partial_wait_limit_s):
                await until_readable(self._fd)
                return
            if not _is_readable(self._fd):
                part = self._splitter.take_pending()
                self._take(part + b"\n")
                self._view.show_part(self._source, part)
        await until_readable(self._fd)


def _is_readable(fd: int) -> bool:
    # poll(2), because select(2) allows descriptors below 1024 only.
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def keep_freed_memory() -> None:
    """Have the C allocator keep blocks as large as the contents of a pipe.

    Otherwise they return to the kernel after each chunk, and page faults cost half of the relay's
    time (mallopt(3): M_TRIM_THRESHOLD, M_MMAP_THRESHOLD). Only glibc has this.
    """
    # This import costs as much as starting five services, so it comes after their start.
    import ctypes

    with contextlib.suppress(AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(-1, 64 << 20)
        libc.mallopt(-3, 32 << 20)
