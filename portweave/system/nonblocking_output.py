"""Write to stdout or stderr without waiting for the reader.

A terminal that is held with Ctrl-S, or a pipe without a reader, blocks the writer. The supervisor
must not block, so a thread writes. Between the two is a queue with a limit in bytes. Callers must
check the limit before they add to the queue.
"""

import asyncio
import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from portweave.system.held_output import last_words

QUEUE_BYTES = 2 << 20
# Even above the limit the queue accepts this much, for last lines.
_MOST_BYTES = 4 << 20
# As many pieces as one writev(2) accepts on every system.
_BATCH = 512
# The most bytes of one write. A slow terminal takes piece by piece, which shows that it reads.
_PIECE_BYTES = 64 << 10
# How long a slow reader may delay the end.
LONGEST_END_S = 5.0
# How much of the end is shown to a reader that is slower than that.
_LAST_WORDS_BYTES = 16 << 10


class NonblockingOutput:
    """An output of this process, with the thread that writes to it.

    Args:
        fd: The descriptor.
        caught_up: Called when a lagging reader has caught up.

    Attributes:
        fd: The descriptor.
        terminal: Whether the output is a terminal.
        broken: Whether the output has no reader any more.
        lagging: Whether a wait for the reader has failed, and it has not caught up since.
    """

    def __init__(self, fd: int, caught_up: Callable[[], None]) -> None:
        self.fd = fd
        self._caught_up = caught_up
        self.terminal = os.isatty(fd)
        self.broken = False
        self.lagging = False
        self._queue: SimpleQueue[tuple[bytes, ...] | None] = SimpleQueue()
        # One thread changes each. Their difference is the size of the queue.
        self._put_bytes = 0
        self._done_bytes = 0
        self._room: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._write_all, name=f"outlet {fd}", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether the queue should get nothing more."""
        return self._put_bytes - self._done_bytes >= QUEUE_BYTES

    @property
    def overfull(self) -> bool:
        """Whether the queue should not even get last lines."""
        return self._put_bytes - self._done_bytes >= _MOST_BYTES

    @property
    def _half_empty(self) -> bool:
        return self._put_bytes - self._done_bytes < QUEUE_BYTES // 2

    @property
    def idle(self) -> bool:
        """Whether all is written, or has no reader."""
        return self.broken or self._put_bytes == self._done_bytes

    def put(self, *pieces: bytes) -> None:
        """Add pieces to the queue."""
        if not self.broken:
            self._put_bytes += sum(map(len, pieces))
            self._queue.put(pieces)

    def take_back(self) -> list[bytes]:
        """Remove and return all pieces that are not being written yet."""
        taken: list[bytes] = []
        with contextlib.suppress(Empty):
            while (pieces := self._queue.get_nowait()) is not None:
                taken += pieces
        self._put_bytes -= sum(map(len, taken))
        self._loop.call_soon(self._notify_room)
        return taken

    async def room(self) -> None:
        """Wait until the queue has room."""
        while self.full and not self.broken:
            self._room = self._room or asyncio.Event()
            if self.full:
                await self._room.wait()

    def close(self, wait_limit_s: float, longest_s: float = LONGEST_END_S) -> None:
        """Write what is left, then stop.

        Args:
            wait_limit_s: How long to wait for a reader that takes nothing.
            longest_s: How long to wait for a reader that is slow. After that, the middle of what is
                left is dropped, and a line says so.
        """
        self._queue.put(None)
        deadline_s = time.monotonic() + longest_s
        before = -1
        while self._thread.is_alive() and before != self._done_bytes:
            before = self._done_bytes
            self._thread.join(wait_limit_s)
            if time.monotonic() >= deadline_s:
                self._keep_last_words()
                deadline_s = float("inf")

    def _keep_last_words(self) -> None:
        """Drop the queue, except its last lines and portweave's own lines before them."""
        waiting = b""
        with contextlib.suppress(Empty):
            while (pieces := self._queue.get_nowait()) is not None:
                waiting += b"".join(pieces)
        kept = last_words(waiting, _LAST_WORDS_BYTES)
        self._put_bytes -= len(waiting) - len(kept)
        self._queue.put((kept,))
        self._queue.put(None)

    def _write_all(self) -> None:
        ended = False
        while not ended:
            pieces: list[bytes] = []
            size = 0
            item = self._queue.get()
            while item is not None:
                pieces += item
                size += sum(map(len, item))
                if size >= _PIECE_BYTES or len(pieces) >= _BATCH - 8:
                    break
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
            ended = item is None
            try:
                self._write(pieces, size)
            except OSError:
                # The output has no reader any more (EPIPE, EIO). Services go on.
                self.broken = ended = True
                self._notify()

    def _write(self, pieces: list[bytes], size: int) -> None:
        if size <= _PIECE_BYTES and size:
            try:
                written = os.writev(self.fd, pieces)
            except BlockingIOError:
                written = 0
            self._count(written)
            if written == size:
                return
            rest = memoryview(b"".join(pieces))[written:]
        else:
            rest = memoryview(b"".join(pieces))
        while rest:
            try:
                written = os.write(self.fd, rest[:_PIECE_BYTES])
            except BlockingIOError:
                # Another process, such as Node, has made the shared output non-blocking.
                _wait_until_writable(self.fd)
                continue
            self._count(written)
            rest = rest[written:]

    def _count(self, written: int) -> None:
        self._done_bytes += written
        self._notify()

    def _notify(self) -> None:
        waited_for = self._room is not None and not self.full
        if self.broken or waited_for or (self.lagging and self._half_empty):
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._notify_room)

    def _notify_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
        if self.lagging and (self.broken or self._half_empty):
            self.lagging = False
            self._caught_up()


def _wait_until_writable(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()
