"""Other stacks among our processes.

A detached stack that was started from within one of our services descends from us, but is to live
on when we end: only its own `down` stops it. It is told by its record, which names its guardian.
"""

from portweave.supervisor.paths import records
from portweave.supervisor.tribe import Seen, children_of, with_descendants

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


class Neighbours:
    """The detached stacks of this user.

    Args:
        folder: Where the records of stacks lie; empty for nowhere.
        own: Pid of our own guardian: what descends from him is never a neighbour.
    """

    def __init__(self, folder: str, own: int) -> None:
        self._folder = folder
        self._own = own

    def guardians(self) -> dict[int, float]:
        """Pids of their guardians, and when these began."""
        found = records(self._folder) if self._folder else []
        guardians: dict[int, float] = {}
        for record in found:
            if record.detached and record.pid != self._own:
                try:
                    guardians[record.pid] = float(record.start)
                except ValueError:  # damaged
                    continue
        return guardians

    def without(self, processes: "Mapping[int, Seen]") -> "Mapping[int, Seen]":
        """A snapshot without their processes."""
        guardians = self.guardians()
        roots = [
            processes[pid]
            for pid, start in guardians.items()
            if pid in processes and processes[pid].start == start
        ]
        if not roots:
            return processes
        theirs = {p.pid for p in with_descendants(roots, children_of(processes), self._own)}
        return {pid: seen for pid, seen in processes.items() if pid not in theirs}
