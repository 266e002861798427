"""Note who has left parents or session, while that can still be seen.

A program that forks twice, opens a session and clears its environment carries nothing that tells
whose it was; only that it was handed to us, its subreaper, does. If we are killed together with our
guardian even that is gone. So such processes are noted in the journal, where the next command finds
them: programs leave soon after their start if at all, so that is when we look, and at an idle stack
not any more.
"""

import asyncio
from collections.abc import Callable, Iterable

from portweave.supervisor.processes.process_tree import (
    descendants_now,
    look_at,
    tag_of,
)
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.processes.started_journal import JournalWriter
from portweave.system.tasks import Within

# After the last start of a service.
_PAUSES_S = (0.1, 0.1, 0.2, 0.4, 0.8, 1.6)


class OrphanRecorder:
    """Looks for strays after each start.

    Args:
        journal: Where they are noted.
        leaders: The leaders of all services that run.
        snapshots: Tells which of our children are no strays, and which stacks live on without us.
        tag: What the marks of the stack's processes begin with.
    """

    def __init__(
        self,
        journal: JournalWriter,
        leaders: Callable[[], Iterable[int]],
        snapshots: Snapshots,
        tag: str,
    ) -> None:
        self._journal = journal
        self._leaders = leaders
        self._snapshots = snapshots
        self._tag = tag
        self._started = asyncio.Event()

    def note_start(self) -> None:
        """A service has been started."""
        self._started.set()

    async def run(self) -> None:
        """Look after each start, until cancelled."""
        while True:
            await self._started.wait()
            self._started = asyncio.Event()
            for pause_s in _PAUSES_S:
                async with Within(pause_s):
                    await self._started.wait()
                self.record()
                if self._started.is_set():
                    break

    def record(self) -> None:
        """Note those that are there now."""
        others = self._snapshots.nested.guardians()
        handed = self._snapshots.orphans() or []
        roots = (*(seen.pid for seen in handed), *self._leaders())
        below = [pid for root in roots for pid in descendants_now(root, others)]
        found = {seen.pid: seen for seen in handed}
        for pid in below:
            seen = look_at(pid)
            # Its session may end before it, and then tells nothing any more.
            if seen and not seen.zombie and (seen.session == pid or not self._is_marked(pid)):
                found[pid] = seen
        self._journal.note(list(found.values()))

    def _is_marked(self, pid: int) -> bool:
        return tag_of(pid).startswith(f"{self._tag}.")
