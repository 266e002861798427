"""What processes there are: below this process, and on the whole machine."""

import asyncio
import signal
from collections.abc import Mapping

from portweave.supervisor.processes.end_proof import Look
from portweave.supervisor.processes.nested_stacks import (
    NestedStacks,
    spared_by,
)
from portweave.supervisor.processes.own_children import (
    OwnChildren,
    reap,
)
from portweave.supervisor.processes.process_tree import (
    PROBE,
    ProcessInfo,
    ProcessTree,
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


class Snapshots:
    """Looks at processes.

    Args:
        nested: Stacks whose processes are left out, whatever they descend from.

    Attributes:
        nested: As given.
        spare: Pids of our children that have an owner who reaps them.
        own: Our other children.
        trees: The processes of each run, by their tag.
    """

    def __init__(self, nested: NestedStacks) -> None:
        self.nested = nested
        self.spare: set[int] = set()
        self.own = OwnChildren(self.spare, lambda: spared_by(nested))
        self.trees: dict[str, ProcessTree] = {}
        self._next: asyncio.Event | None = None
        self._last: Mapping[int, ProcessInfo] = {}

    def orphans(self) -> list[ProcessInfo] | None:
        """Our living children that have no owner any more; None where that is not known."""
        try:
            children = self.own.listed()
        except OSError:
            return None
        if children is None:
            return None
        return [seen for seen in children if not seen.zombie]

    async def look(
        self, tree: ProcessTree, *, kill: bool = False
    ) -> tuple[list[ProcessInfo], Look]:
        """The living processes of a run, and what that look proves.

        Args:
            tree: Of the run.
            kill: Whether to kill those that were handed to us as they are met: the least delay
                counts with one that goes on in a new process again and again.
        """
        children = await self._children()
        if children is None:
            processes = await self.take()
            members = tree.members(processes) or tree.members(processes, tags=True)
            return members, Look(present=bool(members), complete=False)
        roots: list[ProcessInfo] = []
        unknown: list[tuple[int, float]] = []
        passed = False
        for seen in children:
            owner = self._owner(seen)
            if owner is tree:
                passed |= seen.zombie
                roots.append(seen)
                if kill:
                    _kill(seen, tree)
            elif owner is None:
                unknown.append(key_of(seen))
            if seen.zombie:
                reap(seen.pid)
        members = tree.below(roots, self.nested.guardians)
        return members, Look(present=bool(members), passed=passed, unknown=unknown)

    async def _children(self) -> list[ProcessInfo] | None:
        while True:
            try:
                return self.own.listed()
            except OSError:
                # No descriptor is left to look with. What ends gives some back.
                await asyncio.sleep(RETRY_S)

    def _owner(self, child: ProcessInfo) -> ProcessTree | None:
        """Whose a child is that was handed to us, as far as anything tells."""
        tag = "" if child.zombie else tag_of(child.pid).removesuffix(PROBE)
        tree = self.trees.get(tag)
        return tree or next((one for one in self.trees.values() if one.knows(child)), None)

    async def take(self) -> Mapping[int, ProcessInfo]:
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
                self._last = self.nested.without(snapshot())
            except OSError:
                # No descriptor is left to look with. What ends gives some back.
                await asyncio.sleep(RETRY_S)
            else:
                self.own.reap()
                return


def _kill(child: ProcessInfo, tree: ProcessTree) -> None:
    """Kill a child of ours, or what is in the group of one that has ended.

    Until we reap it neither its number nor its group's is used again.
    """
    if not child.zombie:
        signal_each([child], signal.SIGKILL)
    elif child.group in tree.groups:
        signal_group(child.group, signal.SIGKILL)
