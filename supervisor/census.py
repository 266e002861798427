"""Snapshots of all processes, shared by whoever asks at about the same time."""

import asyncio
from collections.abc import Mapping

from portweave.supervisor.neighbours import Neighbours
from portweave.supervisor.tasks import finish
from portweave.supervisor.tribe import Seen, reap_strays, snapshot, strays_now

# Twenty services that end together are to cost one look, not twenty.
GATHER_S = 0.002
RETRY_S = 0.05


class Census:
    """Takes snapshots of the process table.

    Args:
        neighbours: Stacks whose processes are left out, whatever they descend from.

    Attributes:
        neighbours: As given.
        spare: Pids of our children that have an owner who reaps them.
    """

    def __init__(self, neighbours: Neighbours) -> None:
        self.neighbours = neighbours
        self.spare: set[int] = set()
        self._next: asyncio.Event | None = None
        self._last: Mapping[int, Seen] = {}

    def strays(self) -> list[int] | None:
        """Our living children that have no owner any more; None where that is not known.

        Where there are none, nothing is left of what has ended.
        """
        return strays_now(self.spare)

    async def take(self) -> Mapping[int, Seen]:
        """A snapshot that is younger than the call."""
        if self._next is not None:
            await self._next.wait()
            return self._last
        coming = self._next = asyncio.Event()
        # To the end: others wait for this look too, and are not to be given an old one.
        await finish(self._look(coming))
        return self._last

    async def _look(self, coming: asyncio.Event) -> None:
        await asyncio.sleep(GATHER_S)
        await self._see()
        # From here on a new caller needs a new snapshot.
        self._next = None
        coming.set()

    async def _see(self) -> None:
        while True:
            try:
                seen = snapshot()
                self._last = self.neighbours.without(seen)
            except OSError:
                # No descriptor is left to look with. What ends gives some back.
                await asyncio.sleep(RETRY_S)
            else:
                reap_strays(seen, self.spare)
                return
