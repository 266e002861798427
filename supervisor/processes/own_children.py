"""The children of this process, adopted ones included (prctl(2), PR_SET_CHILD_SUBREAPER).

Linux lists them in `/proc/PID/task/TID/children` (proc(5)). Elsewhere they are not known. A child
stays on that list until it is reaped, so a signal to its pid reaches no other process.
"""

import os
import signal

from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    is_subreaper,
    look_at,
)
from portweave.system.files import read_all

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class OwnChildren:
    """The children of this process that no other code of it waits for.

    A child in this process's own session is foreign too. Each service has a session of its own, and
    a process cannot enter an existing session (setsid(2)).

    Args:
        spare: Pids of children that other code waits for and reaps. The set may change.
        spared: Returns pid and start time of processes that live on when the stack ends. It is
            called only if there are children that no other code waits for.
        foreign: Pids of children that existed before the stack. They are never reaped or signalled.
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
        self._has_list = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
        # Start time by pid.
        self._foreign = {pid: seen.start for pid in foreign if (seen := look_at(pid))}

    def note_foreign(self, supervisor: int) -> None:
        """Treat the present children as foreign: they were adopted from foreign ones.

        Args:
            supervisor: Pid of a child that adopts the orphans of the services. If it has ended,
                children may be such orphans, and nothing is changed.
        """
        try:
            found = self._listed()
        except OSError:  # no descriptor is left
            return
        alive = look_at(supervisor)
        if alive is not None and not alive.zombie:
            self._foreign |= {seen.pid: seen.start for seen in found}

    def listed(self) -> list[ProcessInfo] | None:
        """List the children, living ones and zombies.

        Returns:
            The children without spared and foreign ones; None if the kernel lists no children.

        Raises:
            OSError: They cannot be listed now: no descriptor is free.
        """
        if has_no_child():
            return []
        if not self._is_complete():
            return None
        found = self._listed()
        if not found:
            return found
        spared = self._spared()
        return [seen for seen in found if spared.get(seen.pid) != seen.start]

    def kill(self) -> None:
        """Send SIGKILL to each child, without delay: a child may fork and end at any moment."""
        spared = self._spared()
        try:
            pids = _children() if self._is_complete() else []
        except OSError:
            return
        for pid in pids:
            if pid in self._spare or pid in self._foreign or pid in spared:
                continue
            try:
                if os.getsid(pid) != self._session:
                    os.kill(pid, signal.SIGKILL)
            except OSError:  # it belongs to another user
                continue

    def reap(self) -> None:
        """Reap the children that have ended."""
        try:
            found = self._listed()
        except OSError:
            return
        for seen in found:
            if seen.zombie:
                reap(seen.pid)

    def is_foreign(self, seen: ProcessInfo) -> bool:
        """Whether a process existed before the stack, or is in this process's session."""
        return seen.session == self._session or self._foreign.get(seen.pid) == seen.start

    def _is_complete(self) -> bool:
        """Whether this process adopts orphans, and the kernel lists its children."""
        return self._has_list and is_subreaper()

    def _listed(self) -> list[ProcessInfo]:
        found: list[ProcessInfo] = []
        for pid in _children():
            if pid in self._spare:
                continue
            seen = look_at(pid)
            if seen is None:
                # A child exists until this process reaps it.
                raise OSError(f"/proc/{pid}/stat cannot be read")
            if not self.is_foreign(seen):
                found.append(seen)
        return found


def has_no_child() -> bool:
    """Whether nothing descends from this process, by waitid(2) (ECHILD)."""
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
        for pid in read_all(f"/proc/self/task/{thread}/children").split()
    ]
