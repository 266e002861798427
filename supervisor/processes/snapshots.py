"""What processes there are: below this process, and on the whole machine."""

import asyncio
import signal
from collections.abc import Mapping

from portweave.supervisor.processes.end_proof import Look
from portweave.supervisor.processes.nested_stacks import (
    Neighbours,
    spared_by,
)
from portweave.supervisor.processes.own_children import (
    OwnChildren,
    reap,
)
from portweave.supervisor.processes.process_tree import (
    PROBE,
    Seen,
    Tribe,
    key_of,
    signal_each,
    signal_group,
    snapshot,
    tag_of,
)
from portweave.system.tasks import finish

# Twenty services that end together are to cost one look, not twenty.
GATHER_S = 0.002
RETRY_S = 0.05


class Census:
    """Looks at processes.

    Args:
        neighbours: Stacks whose processes are left out, whatever they descend from.

    Attributes:
        neighbours: As given.
        spare: Pids of our children that have an owner who reaps them.
        own: Our other children.
        tribes: The processes of each run, by their tag.
    """

    def __init__(self, neighbours: Neighbours) -> None:
        self.neighbours = neighbours
        self.spare: set[int] = set()
        self.own = OwnChildren(self.spare, lambda: spared_by(neighbours))
        self.tribes: dict[str, Tribe] = {}
        self._next: asyncio.Event | None = None
        self._last: Mapping[int, Seen] = {}

    def strays(self) -> list[Seen] | None:
        """Our living children that have no owner any more; None where that is not known."""
        try:
            children = self.own.listed()
        except OSError:
            return None
        if children is None:
            return None
        return [seen for seen in children if not seen.zombie]

    async def look(self, tribe: Tribe, *, kill: bool = False) -> tuple[list[Seen], Look]:
        """The living processes of a run, and what that look proves.

        Args:
            tribe: Of the run.
            kill: Whether to kill those that were handed to us as they are met: the least delay
                counts with one that goes on in a new process again and again.
        """
        children = await self._children()
        if children is None:
            processes = await self.take()
            members = tribe.members(processes) or tribe.members(processes, tags=True)
            return members, Look(present=bool(members), complete=False)
        roots: list[Seen] = []
        unknown: list[tuple[int, float]] = []
        passed = False
        for seen in children:
            owner = self._owner(seen)
            if owner is tribe:
                passed |= seen.zombie
                roots.append(seen)
                if kill:
                    _kill(seen, tribe)
            elif owner is None:
                unknown.append(key_of(seen))
            if seen.zombie:
                reap(seen.pid)
        members = tribe.below(roots, self.neighbours.guardians)
        return members, Look(present=bool(members), passed=passed, unknown=unknown)

    async def _children(self) -> list[Seen] | None:
        while True:
            try:
                return self.own.listed()
            except OSError:
                # No descriptor is left to look with. What ends gives some back.
                await asyncio.sleep(RETRY_S)

    def _owner(self, child: Seen) -> Tribe | None:
        """Whose a child is that was handed to us, as far as anything tells."""
        tag = "" if child.zombie else tag_of(child.pid).removesuffix(PROBE)
        tribe = self.tribes.get(tag)
        return tribe or next((one for one in self.tribes.values() if one.knows(child)), None)

    async def take(self) -> Mapping[int, Seen]:
        """A snapshot of all processes that is younger than the call."""
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
                self._last = self.neighbours.without(snapshot())
            except OSError:
                # No descriptor is left to look with. What ends gives some back.
                await asyncio.sleep(RETRY_S)
            else:
                self.own.reap()
                return


def _kill(child: Seen, tribe: Tribe) -> None:
    """Kill a child of ours, or what is in the group of one that has ended.

    Until we reap it neither its number nor its group's is used again.
    """
    if not child.zombie:
        signal_each([child], signal.SIGKILL)
    elif child.group in tribe.groups:
        signal_group(child.group, signal.SIGKILL)
