"""Find and signal the processes of a service.

A process belongs to a service if it is in the session or group of the service's leader, descends
from it, or carries the service's tag. Programs call setsid(2), fork twice, or overwrite the memory
of their environment, so one of these marks is not enough. Processes that were seen once are
remembered by pid and start time.

On Linux this module reads `/proc` (proc(5)). Elsewhere it asks psutil, which is slower. It imports
little, because the guardian keeps it in memory for as long as the stack runs.
"""

import os
import signal

from portweave.encoding.value import value
from portweave.system.processes import (
    HAS_PROC,
    command_of,
    read_bytes,
    variable_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

TAG = "PORTWEAVE_INVOCATION"
# Follows a service's tag in the environment of its readiness commands.
PROBE = ".probe"
_PR_SET_CHILD_SUBREAPER = 36
# A machine that starts processes all the time has new ones in every listing.
_MOST_LISTINGS = 20
_is_subreaper = False


@value
class ProcessInfo:
    """A process at one moment. Its pid and start time identify it.

    Attributes:
        pid: Its process id.
        parent: The pid of its parent.
        group: The id of its group.
        session: The id of its session.
        start: Its start time, in units of the operating system.
        zombie: Whether it has ended and waits to be reaped. A process whose main thread has ended
            (pthread_exit(3)) is no zombie: its state is Z, but it has more than one thread.
    """

    pid: int
    parent: int
    group: int
    session: int
    start: float
    zombie: bool


def describe(process: ProcessInfo) -> str:
    """Describe a process in a message: pid and command."""
    return f"pid {process.pid} ({command_of(process.pid)[:200] or '?'})"


def become_subreaper() -> None:
    """Become the parent of orphans below this process, instead of pid 1 (prctl(2); Linux only)."""
    global _is_subreaper
    if HAS_PROC:
        # Imported here: ctypes takes as long as starting five services.
        import ctypes

        _is_subreaper = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def is_subreaper() -> bool:
    """Whether this process is a subreaper."""
    return _is_subreaper


def snapshot() -> dict[int, ProcessInfo]:
    """All visible processes of this machine, by pid."""
    return _snapshot_proc() if HAS_PROC else _snapshot_psutil()


def look_at(pid: int) -> ProcessInfo | None:
    """Read one process; None if there is none."""
    if not HAS_PROC:
        return _snapshot_psutil().get(pid)
    stat = read_bytes(f"/proc/{pid}/stat")
    return _parse_stat(stat) if stat else None


def _snapshot_proc() -> dict[int, ProcessInfo]:
    """All processes at the moment of the last listing.

    If a process forks and ends between a listing and the reading, the next listing has a new pid.
    """
    seen: dict[int, ProcessInfo] = {}
    listed: set[str] = set()
    for _ in range(_MOST_LISTINGS):
        new = {name for name in os.listdir("/proc") if name.isdigit()} - listed
        if not new:
            break
        listed |= new
        for name in new:
            if process := look_at(int(name)):
                seen[process.pid] = process
    return seen


def _parse_stat(stat: bytes) -> ProcessInfo:
    # The name stands in parentheses and may contain parentheses: the fields follow the last one.
    head, _, tail = stat.rpartition(b")")
    fields = tail.split()
    return ProcessInfo(
        pid=int(head[: head.index(b" ")]),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        start=float(fields[19]),
        zombie=fields[0] in (b"Z", b"X") and int(fields[17]) <= 1,
    )


def _snapshot_psutil() -> dict[int, ProcessInfo]:
    import psutil

    seen: dict[int, ProcessInfo] = {}
    for process in psutil.process_iter(["ppid", "status", "create_time"]):
        info = process.info
        try:
            seen[process.pid] = ProcessInfo(
                pid=process.pid,
                parent=info["ppid"] or 0,
                group=os.getpgid(process.pid),
                session=os.getsid(process.pid),
                start=info["create_time"] or 0.0,
                zombie=info["status"] == psutil.STATUS_ZOMBIE,
            )
        except OSError:  # it has ended since
            continue
    return seen


def tag_of(pid: int) -> str:
    """The tag in a process's environment; empty if there is none, or it cannot be read."""
    return variable_of(pid, TAG)


def key_of(process: ProcessInfo) -> tuple[int, float]:
    """Pid and start time, which identify a process."""
    return process.pid, process.start


def descendants_now(pid: int, spare: "Container[int]" = ()) -> list[int]:
    """Pids of the descendants of a process at this moment, parents first (Linux, proc(5)).

    This reads a few files instead of all processes. So it is cheap enough before a stop signal,
    which ends parents and so cuts the links to their children. Empty if the kernel lists no
    children.
    """
    found: list[int] = []
    queue = [pid]
    while queue:
        children = [child for child in children_now(queue.pop()) if child not in spare]
        found += children
        queue += children
    return found


def children_now(pid: int) -> list[int]:
    """Pids of the children of a process at this moment; empty if the kernel lists none."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [
        int(child)
        for thread in threads
        for child in read_bytes(f"/proc/{pid}/task/{thread}/children").split()
    ]


def children_of(processes: "Mapping[int, ProcessInfo]") -> dict[int, list[ProcessInfo]]:
    """The children of each process in a snapshot."""
    children: dict[int, list[ProcessInfo]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    return children


def with_descendants(
    roots: "Iterable[ProcessInfo]", children: dict[int, list[ProcessInfo]], spare: int
) -> list[ProcessInfo]:
    """Processes and their descendants, zombies included.

    Args:
        roots: The processes to begin with.
        children: The children of each process, by pid.
        spare: Pid of a process to leave out, with its descendants.
    """
    found: dict[int, ProcessInfo] = {}
    queue = list(roots)
    while queue:
        process = queue.pop()
        if process.pid not in found and process.pid != spare:
            found[process.pid] = process
            queue += children.get(process.pid, ())
    return list(found.values())


class ProcessTree:
    """The processes of one run of a service.

    Args:
        leader: Pid of the process that was spawned.
        tag: The tag in its environment.

    Attributes:
        sessions: Ids of the sessions that its processes have opened.
        groups: Ids of the groups that its processes have opened.
    """

    def __init__(self, leader: int, tag: str) -> None:
        self.leader = leader
        self.tag = tag
        self.sessions = {leader}
        self.groups = {leader}
        # Start time by pid, of processes that were seen once.
        self._known: dict[int, float] = {}

    def adopt(self, pid: int) -> None:
        """Remember a process, and the session and group that it has opened."""
        if seen := look_at(pid):
            self._remember(seen)

    def knows(self, process: ProcessInfo) -> bool:
        """Whether a process belongs to the run: it was seen before, or by session or group."""
        return self._is_ours(process)

    def below(
        self,
        roots: "Iterable[ProcessInfo]",
        spared: "Callable[[], Container[int]]",
        *,
        has_leader: bool = True,
    ) -> list[ProcessInfo]:
        """The living processes of the run that descend from its leader or from other roots.

        Processes that were seen before are included, wherever they are now.

        Args:
            roots: Processes of the run besides the leader.
            spared: Returns pids to leave out, with their descendants. It is called only if there
                are processes besides the leader.
            has_leader: Whether the leader may be alive.
        """
        met = [seen for pid in self._known if (seen := look_at(pid))]
        # The pid of an ended process may be used again.
        met = [seen for seen in met if self._known[seen.pid] == seen.start]
        self._known = {seen.pid: seen.start for seen in met}
        leader = look_at(self.leader) if has_leader else None
        queue = [*met, *roots, *([leader] if leader else [])]
        left_out: Container[int] | None = None
        found: dict[int, ProcessInfo] = {}
        while queue:
            seen = queue.pop()
            if seen.pid in found or seen.zombie:
                continue
            if seen.pid != self.leader:
                left_out = spared() if left_out is None else left_out
                if seen.pid in left_out:
                    continue
            found[seen.pid] = seen
            self._remember(seen)
            queue += [child for pid in children_now(seen.pid) if (child := look_at(pid))]
        return list(found.values())

    def members(
        self, processes: "Mapping[int, ProcessInfo]", *, tags: bool = False
    ) -> list[ProcessInfo]:
        """The living processes of the run. Zombies are not included.

        Args:
            processes: A snapshot.
            tags: Whether to read the environment of each process that is younger than the leader.
        """
        children = children_of(processes)
        me = os.getpid()
        queue = [p for p in processes.values() if p.pid != me and self._is_ours(p)]
        if tags:
            known = {p.pid for p in queue}
            born = processes[self.leader].start if self.leader in processes else 0.0
            queue += [
                p
                for p in processes.values()
                if p.pid not in known
                and p.start >= born
                and p.pid != me
                and tag_of(p.pid) == self.tag
            ]
        else:
            # An orphan is now a child of this process: its tag tells its service.
            queue += [
                p
                for p in children.get(me, ())
                if p.pid not in self._known and p.pid != self.leader and tag_of(p.pid) == self.tag
            ]
        found = with_descendants(queue, children, me)
        for process in found:
            self._remember(process)
        return [process for process in found if not process.zombie]

    def has(self, pid: int) -> bool:
        """Whether a process belongs to the run, by session, group, descent or tag."""
        seen = look_at(pid)
        while seen is not None and seen.pid not in (0, 1, os.getpid()):
            if self._is_ours(seen):
                return True
            seen = look_at(seen.parent)
        return tag_of(pid) == self.tag

    def _is_ours(self, process: ProcessInfo) -> bool:
        return (
            process.session in self.sessions
            or process.group in self.groups
            or self._known.get(process.pid) == process.start
        )

    def _remember(self, process: ProcessInfo) -> None:
        self._known[process.pid] = process.start
        # Only sessions and groups that the run has opened. A process may have joined portweave's.
        if process.session == process.pid:
            self.sessions.add(process.session)
        if process.group == process.pid:
            self.groups.add(process.group)


def signal_group(group: int, number: int) -> None:
    """Signal a group, if it still exists."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def signal_each(processes: "Iterable[ProcessInfo]", number: int) -> None:
    """Signal processes one by one, unless the pid is now another process."""
    for process in processes:
        try:
            _signal_one(process, number)
        except OSError:  # it has ended, or belongs to another user
            continue


def _signal_one(process: ProcessInfo, number: int) -> None:
    if not hasattr(os, "pidfd_open"):
        os.kill(process.pid, number)
        return
    # The descriptor stays with the process, even if its pid is used again.
    pidfd = os.pidfd_open(process.pid)
    try:
        now = look_at(process.pid)
        if now and now.start == process.start:
            signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)
