"""Look at the processes of services: at the descendants of this process, and the whole machine."""

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

# Services that end together within this time share one look.
GATHER_S = 0.002
RETRY_S = 0.05


class Snapshots:
    """Looks at processes.

    Args:
        nested: Stacks whose processes are left out, even if they descend from this process.

    Attributes:
        nested: As given.
        spare: Pids of children that other code waits for and reaps.
        own: The other children of this process.
        trees: The processes of each run, by tag.
    """

    def __init__(self, nested: NestedStacks) -> None:
        self.nested = nested
        self.spare: set[int] = set()
        self.own = OwnChildren(self.spare, lambda: spared_by(nested))
        self.trees: dict[str, ProcessTree] = {}
        self._next: asyncio.Event | None = None
        self._last: Mapping[int, ProcessInfo] = {}

    def orphans(self) -> list[ProcessInfo] | None:
        """The living children that this process has adopted; None if they are not known."""
        try:
            children = self.own.listed()
        except OSError:
            return None
        if children is None:
            return None
        return [seen for seen in children if not seen.zombie]

    async def look(
        self, tree: ProcessTree, *, kill: bool = False, has_leader: bool = True
    ) -> tuple[list[ProcessInfo], Look]:
        """Look at a run.

        Args:
            tree: The processes of the run.
            kill: Whether to kill adopted processes as soon as they are met. A process that forks
                and ends again and again can only be killed without delay.
            has_leader: Whether its leader may be alive.

        Returns:
            The living processes of the run, and what the look proves.
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
        members = tree.below(roots, self.nested.guardians, has_leader=has_leader)
        return members, Look(present=bool(members), passed=passed, unknown=unknown)

    async def _children(self) -> list[ProcessInfo] | None:
        while True:
            try:
                return self.own.listed()
            except OSError:
                # No descriptor is free. Processes that end give some back.
                await asyncio.sleep(RETRY_S)

    def _owner(self, child: ProcessInfo) -> ProcessTree | None:
        """The run that an adopted child belongs to; None if it is not known."""
        tag = "" if child.zombie else tag_of(child.pid).removesuffix(PROBE)
        tree = self.trees.get(tag)
        return tree or next((one for one in self.trees.values() if one.knows(child)), None)

    async def take(self) -> Mapping[int, ProcessInfo]:
        """Take a snapshot of all processes that is younger than the call."""
        if self._next is not None:
            await self._next.wait()
            return self._last
        coming = self._next = asyncio.Event()
        # Finished even if this task is cancelled: other callers wait for the same look.
        await finish(self._look(coming))
        return self._last

    async def _look(self, coming: asyncio.Event) -> None:
        await asyncio.sleep(GATHER_S)
        await self._see()
        # A caller that comes later needs a new snapshot.
        self._next = None
        coming.set()

    async def _see(self) -> None:
        while True:
            try:
                self._last = self.nested.without(snapshot())
            except OSError:
                # No descriptor is free. Processes that end give some back.
                await asyncio.sleep(RETRY_S)
            else:
                self.own.reap()
                return


def _kill(child: ProcessInfo, tree: ProcessTree) -> None:
    """Kill a child, or the group of a child that has ended.

    Until it is reaped, neither its pid nor the id of its group is used again.
    """
    if not child.zombie:
        signal_each([child], signal.SIGKILL)
    elif child.group in tree.groups:
        signal_group(child.group, signal.SIGKILL)
