"""An event loop that lets calls through while it waits.

What has come on a socket reaches its owner by way of a turn of the loop: a list of events, a
handle, a context, a transport. To pass on a line is less work than that. So a loop of this kind
calls some readers right where it waits, in its selector, and turns only for what they leave to be
done. In all else it is asyncio's own, and whoever does not know of it sees no difference.
"""

import asyncio
import os
import select
import selectors
from collections.abc import Callable, Sequence
from time import monotonic

# Reads what there is, without waiting; returns whether it has given the loop anything to do.
Reader = Callable[[], bool]
Events = list[tuple[selectors.SelectorKey, int]]

MOST_EVENTS = 64
# What asyncio keeps of a descriptor: who reads, and who writes.
_NOBODY = (None, None)


class QuickSelector(selectors.DefaultSelector):
    """The system's selector; some descriptors are read by it at once."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[int, Reader] = {}
        self._wait: Callable[[float | None, int], Sequence[tuple[int, int]]] = self._wait_by_keys
        if hasattr(select, "epoll"):
            # The same set of descriptors: for what is ours there is no need of keys.
            self._twin = select.epoll.fromfd(os.dup(self.fileno()))
            self._wait = self._twin.poll

    def watch(self, descriptor: int, read: Reader) -> None:
        """Have `read` called whenever there is something to read."""
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
        end_s = None if timeout is None else monotonic() + timeout
        while found := self._wait(timeout, MOST_EVENTS):
            turn = False
            for descriptor, _ in found:
                read = readers.get(descriptor)
                turn |= read is None or read()
            if turn:
                return self._others(0)
            if end_s is not None:
                timeout = end_s - monotonic()
                if timeout <= 0:
                    break
        return []

    def _others(self, timeout: float | None) -> Events:
        found: Events = super().select(timeout)
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


class QuickLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with such a selector."""

    def __init__(self) -> None:
        self.quick = QuickSelector()
        super().__init__(self.quick)
