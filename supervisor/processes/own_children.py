"""The children of this process, those included that a subreaper is handed (prctl(2)).

Linux lists them (`/proc/PID/task/TID/children`, proc(5)); where it does not, nothing is known here.
A child stays on that list until it is reaped, so a signal to its number reaches no other process.
"""

import os
import signal

from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    is_subreaper,
    look_at,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class OwnChildren:
    """Children of this process that have no owner in it.

    A child in our own session is foreign too: each service has a session of its own, and no process
    enters a session that is there (setsid(2)).

    Args:
        spare: Pids of children that have an owner, who reaps them. It may change.
        spared: Tells pid and start of processes that live on when a stack ends. It is asked only
            where there are children without an owner.

        foreign: Pids of children that this process had before it began. They are never reaped or
            signalled.
    """

    def __init__(
        self,
        spare: set[int],
        spared: "Callable[[], Mapping[int, float]]",
        foreign: "Iterable[int]" = (),
    ) -> None:
        self._spare = spare
        self._spared = spared
        self._session = os.getsid(0)
        # Pid and start.
        self._foreign = {pid: seen.start for pid in foreign if (seen := look_at(pid))}

    def note_foreign(self, supervisor: int) -> None:
        """Take children without an owner for foreign ones: foreign ones have handed them to us.

        Args:
            supervisor: Pid of a child that is handed its own orphans: after its end children may be
                those, and nothing is noted.
        """
        try:
            found = self._listed()
        except OSError:  # no descriptor is left
            return
        alive = look_at(supervisor)
        if alive is not None and not alive.zombie:
            self._foreign |= {seen.pid: seen.start for seen in found}

    def listed(self) -> list[ProcessInfo] | None:
        """Children without an owner, living ones and those to be reaped.

        Returns:
            Without those that are spared or foreign; None where the kernel does not tell.

        Raises:
            OSError: They cannot be listed now, for want of descriptors.
        """
        if has_no_child():
            return []
        if not _is_told():
            return None
        found = self._listed()
        if not found:
            return found
        spared = self._spared()
        return [seen for seen in found if spared.get(seen.pid) != seen.start]

    def kill(self) -> None:
        """Send SIGKILL to each of them, with the least delay: a process may soon be another one."""
        spared = self._spared()
        try:
            pids = _children() if _is_told() else []
        except OSError:
            return
        for pid in pids:
            if pid in self._spare or pid in self._foreign or pid in spared:
                continue
            try:
                if os.getsid(pid) != self._session:
                    os.kill(pid, signal.SIGKILL)
            except OSError:  # it has another user
                continue

    def reap(self) -> None:
        """Reap those that have ended."""
        try:
            found = self._listed()
        except OSError:
            return
        for seen in found:
            if seen.zombie:
                reap(seen.pid)

    def is_foreign(self, seen: ProcessInfo) -> bool:
        """Whether a process is one that was there before, or shares our session."""
        return seen.session == self._session or self._foreign.get(seen.pid) == seen.start

    def _listed(self) -> list[ProcessInfo]:
        found: list[ProcessInfo] = []
        for pid in _children():
            if pid in self._spare:
                continue
            seen = look_at(pid)
            if seen is None:
                # A child is there until it is reaped, and only we do that.
                raise OSError(f"/proc/{pid}/stat cannot be read")
            if not self.is_foreign(seen):
                found.append(seen)
        return found


def has_no_child() -> bool:
    """Whether there is nothing below this process, as the kernel knows (waitid(2), ECHILD)."""
    if not is_subreaper():
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def reap(pid: int) -> None:
    """Reap a child that has ended."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _children() -> list[int]:
    return [
        int(pid)
        for thread in os.listdir("/proc/self/task")
        for pid in _read(f"/proc/self/task/{thread}/children").split()
    ]


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _is_told() -> bool:
    """Whether the kernel hands us what loses its parents, and lists our children."""
    return is_subreaper() and os.path.exists(f"/proc/self/task/{os.getpid()}/children")
