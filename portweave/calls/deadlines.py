"""Many deadlines with one alarm.

Nearly every request is answered long before its time is up, thousands a second. So a deadline costs
one entry in a dict, that of its tick, and none in a heap.
"""

from heapq import heappop, heappush
from typing import Generic, Protocol, TypeVar

TICK_S = 0.02


class Due(Protocol):
    """What has a deadline.

    Attributes:
        slot: Ours.
    """

    slot: "dict[Due, None] | None"


D = TypeVar("D", bound=Due)


class Deadlines(Generic[D]):
    """What is due, and when, in steps of `TICK_S`; never too early.

    Attributes:
        changed: Whether `next_s` may have become earlier since it was asked.
    """

    def __init__(self) -> None:
        self._slots: dict[int, dict[Due, None]] = {}
        self._ticks: list[int] = []
        self.changed = False

    def watch(self, item: D, due_s: float) -> None:
        """Have `item` come out of `take` at `due_s`."""
        tick = int(due_s / TICK_S)
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
            heappush(self._ticks, tick)
            self.changed = True
        slot[item] = None
        item.slot = slot

    def forget(self, item: D) -> None:
        """Have it not come out."""
        if item.slot is not None:
            item.slot.pop(item, None)
            item.slot = None

    def take(self, now_s: float) -> list[D]:
        """All that is due."""
        found: list[Due] = []
        now = int(now_s / TICK_S)
        while self._ticks and self._ticks[0] < now:
            found += self._slots.pop(heappop(self._ticks))
        for item in found:
            item.slot = None
        return found  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def next_s(self) -> float | None:
        """When to `take` next; None for never."""
        self.changed = False
        while self._ticks and not self._slots[self._ticks[0]]:
            del self._slots[heappop(self._ticks)]
        # A little behind the edge, for clocks that are a little before it.
        return (self._ticks[0] + 1.05) * TICK_S if self._ticks else None
