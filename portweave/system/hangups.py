"""Detect the end of a peer that has already closed its sending half.

A program that has closed its sending half, shutdown(2), may still wait for answers. To a reader, a
killed program looks the same: it sends nothing more. Linux tells them apart by EPOLLHUP, which is
set when both halves of a Unix stream socket are closed (epoll_ctl(2), unix(7)). On other systems,
sending zero bytes then fails with EPIPE (send(2)).
"""

import asyncio
import contextlib
import select
import socket
from collections.abc import Callable

# How often to check, on systems without EPOLLHUP.
LOOK_PAUSE_S = 1.0


class Hangups:
    """Calls a function when a peer is gone; works with the running loop.

    Args:
        by_events: Whether to use EPOLLHUP; by default, if the system has it.
    """

    def __init__(self, *, by_events: bool = hasattr(select, "epoll")) -> None:
        self._loop = asyncio.get_running_loop()
        self._by_events = by_events
        self._calls: dict[int, Callable[[], object]] = {}
        self._poll: select.epoll | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def watch(self, descriptor: int, call: Callable[[], object]) -> None:
        """Call a function once, soon after both halves of a connection are closed.

        Args:
            descriptor: The socket. Call `forget` before you close it.
            call: The function.
        """
        self._calls[descriptor] = call
        if not self._by_events:
            self._alarm = self._alarm or self._loop.call_later(0, self._look)
            return
        if self._poll is None:
            self._poll = select.epoll()
            self._loop.add_reader(self._poll.fileno(), self._take)
        self._poll.register(descriptor, 0)

    def forget(self, descriptor: int) -> None:
        """Stop watching a connection."""
        if self._calls.pop(descriptor, None) is not None and self._poll is not None:
            with contextlib.suppress(OSError):
                self._poll.unregister(descriptor)

    def close(self) -> None:
        """Stop watching all connections."""
        self._calls.clear()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._poll is not None:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None

    def _take(self) -> None:
        assert self._poll is not None
        for descriptor, _ in self._poll.poll(0):
            self._tell(descriptor)

    def _look(self) -> None:
        for descriptor in list(self._calls):
            if _is_gone(descriptor):
                self._tell(descriptor)
        self._alarm = self._loop.call_later(LOOK_PAUSE_S, self._look) if self._calls else None

    def _tell(self, descriptor: int) -> None:
        call = self._calls.get(descriptor)
        self.forget(descriptor)
        if call is not None:
            call()


def _is_gone(descriptor: int) -> bool:
    with socket.socket(fileno=descriptor) as same:
        try:
            same.send(b"", socket.MSG_DONTWAIT)
        except OSError as error:
            return isinstance(error, BrokenPipeError | ConnectionResetError)
        finally:
            same.detach()
    return False
