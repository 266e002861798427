"""Note processes that have left their parents or session in the journal.

A program may fork twice, open a session and clear its environment. Then only one thing shows that
it belongs to the stack: the supervisor has adopted it. If supervisor and guardian are both killed,
that is lost too. So the supervisor notes such processes in the journal, where the next command
finds them. Programs that do this do it soon after their start. So the supervisor looks after each
start, and not while the stack is idle.
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
    """Looks for orphans after each start of a service.

    Args:
        journal: Gets the orphans.
        leaders: Returns the pids of the leaders of all running services.
        snapshots: Lists the adopted children, and knows the stacks that live on.
        tag: The beginning of the tags of the stack's processes.
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
        """Begin to look: a service was started."""
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
        """Note the orphans of this moment."""
        others = self._snapshots.nested.guardians()
        handed = self._snapshots.orphans() or []
        roots = (*(seen.pid for seen in handed), *self._leaders())
        below = [pid for root in roots for pid in descendants_now(root, others)]
        found = {seen.pid: seen for seen in handed}
        for pid in below:
            seen = look_at(pid)
            # It may outlive its session, which then no longer tells its service.
            if seen and not seen.zombie and (seen.session == pid or not self._is_marked(pid)):
                found[pid] = seen
        self._journal.note(list(found.values()))

    def _is_marked(self, pid: int) -> bool:
        return tag_of(pid).startswith(f"{self._tag}.")
