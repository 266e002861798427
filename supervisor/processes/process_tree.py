"""See, find and signal processes.

A service is its leader's session and group, all that descends from it, and all that carries its
tag: programs call setsid(2), fork twice, or overwrite the memory where their environment stood, so
no single mark is enough. What was seen once is remembered by pid and start time.

Linux is read from `/proc` (proc(5)); elsewhere psutil answers, more slowly. The guardian has this
module in its memory for as long as the stack lives, so it imports little.
"""

import os
import signal

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
# Behind the tag of a service, of the commands that ask whether it is ready.
PROBE = ".probe"
_PR_SET_CHILD_SUBREAPER = 36
# On a machine that starts processes all the time a listing is never the last one.
_MOST_LISTINGS = 20
_is_subreaper = False


class ProcessInfo:
    """A process at one moment; pid and `start` together tell it from any other.

    Attributes:
        pid: Its number.
        parent: Its parent's.
        group: Its group's.
        session: Its session's.
        start: When it began, in units of the system's own.
        zombie: Whether it has ended and waits to be reaped. A process whose main thread has ended
            (pthread_exit(3)) is none: its state is Z, and it has more than one thread.
    """

    __slots__ = ("group", "parent", "pid", "session", "start", "zombie")

    def __init__(
        self, pid: int, parent: int, group: int, session: int, start: float, *, zombie: bool
    ) -> None:
        self.pid = pid
        self.parent = parent
        self.group = group
        self.session = session
        self.start = start
        self.zombie = zombie


def describe(process: ProcessInfo) -> str:
    """A process for a message: pid and command."""
    return f"pid {process.pid} ({command_of(process.pid)[:200] or '?'})"


def become_subreaper() -> None:
    """Have what our children leave behind handed to us, not to pid 1 (prctl(2); Linux only)."""
    global _is_subreaper
    if HAS_PROC:
        # ctypes is imported here: it costs as much as starting five services.
        import ctypes

        _is_subreaper = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def is_subreaper() -> bool:
    """Whether `become_subreaper` has made this process one."""
    return _is_subreaper


def snapshot() -> dict[int, ProcessInfo]:
    """All processes of this machine that can be seen, by pid."""
    return _snapshot_proc() if HAS_PROC else _snapshot_psutil()


def look_at(pid: int) -> ProcessInfo | None:
    """One process, None if there is none."""
    if not HAS_PROC:
        return _snapshot_psutil().get(pid)
    stat = read_bytes(f"/proc/{pid}/stat")
    return _parse_stat(stat) if stat else None


def _snapshot_proc() -> dict[int, ProcessInfo]:
    """All processes at the moment of the last listing.

    What forks and ends between a listing and the reading has a new number in the next listing.
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
    # The name, in parentheses, may hold anything, parentheses too: the fields begin behind the last
    # one.
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
        except OSError:  # it has ended meanwhile
            continue
    return seen


def tag_of(pid: int) -> str:
    """The tag in a process's environment, empty where there is none or it cannot be read."""
    return variable_of(pid, TAG)


def key_of(process: ProcessInfo) -> tuple[int, float]:
    """Pid and start time, which tell a process from any other."""
    return process.pid, process.start


def descendants_now(pid: int, spare: "Container[int]" = ()) -> list[int]:
    """What descends from a process at this moment, found from the top down (Linux, proc(5)).

    A look at a few files, not at all processes: cheap enough to be done before a stop signal is
    sent, after which the links between parents and children are gone. Empty where the kernel does
    not tell.
    """
    found: list[int] = []
    queue = [pid]
    while queue:
        children = [child for child in children_now(queue.pop()) if child not in spare]
        found += children
        queue += children
    return found


def children_now(pid: int) -> list[int]:
    """The children of a process at this moment; empty where the kernel does not tell."""
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
    """Processes and all that descends from them, zombies too, but for the process `spare`."""
    found: dict[int, ProcessInfo] = {}
    queue = list(roots)
    while queue:
        process = queue.pop()
        if process.pid not in found and process.pid != spare:
            found[process.pid] = process
            queue += children.get(process.pid, ())
    return list(found.values())


class ProcessTree:
    """All processes of one run of a service, as far as they can be told.

    Args:
        leader: Pid of the process that was spawned.
        tag: What its environment carries.

    Attributes:
        sessions: Numbers of the sessions that its processes have opened.
        groups: The same of groups.
    """

    def __init__(self, leader: int, tag: str) -> None:
        self.leader = leader
        self.tag = tag
        self.sessions = {leader}
        self.groups = {leader}
        # pid -> start time of what was seen once.
        self._known: dict[int, float] = {}

    def adopt(self, pid: int) -> None:
        """Remember a process, and the session and group that it has opened."""
        if seen := look_at(pid):
            self._remember(seen)

    def knows(self, process: ProcessInfo) -> bool:
        """Whether a process is one of its own by what was seen of it, or by session or group."""
        return self._is_ours(process)

    def below(
        self, roots: "Iterable[ProcessInfo]", spared: "Callable[[], Container[int]]"
    ) -> list[ProcessInfo]:
        """Its living processes: what descends from its leader, or from roots that are its own.

        Those that were seen once and live elsewhere are among them.

        Args:
            roots: Processes of its own besides the leader.
            spared: Tells pids that are left out, with all that descends from them. It is asked only
                where there is more than the leader.
        """
        met = [seen for pid in self._known if (seen := look_at(pid))]
        # A number that has gone may be used again.
        met = [seen for seen in met if self._known[seen.pid] == seen.start]
        self._known = {seen.pid: seen.start for seen in met}
        leader = look_at(self.leader)
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
        """Its processes that are alive; zombies are not.

        Args:
            processes: A snapshot.
            tags: Whether to look into every younger process's environment as well.
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
            # What lost its parent has been handed to us: its tag tells whose it was.
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
        """Whether a process is one of its own: by session, group, descent or tag."""
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
        # Only sessions and groups that were opened by one of its own: never ours, whatever a member
        # joined.
        if process.session == process.pid:
            self.sessions.add(process.session)
        if process.group == process.pid:
            self.groups.add(process.group)


def signal_group(group: int, number: int) -> None:
    """Signal a group, if it is still there."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def signal_each(processes: "Iterable[ProcessInfo]", number: int) -> None:
    """Signal processes one by one, each only if it is still the one that was seen."""
    for process in processes:
        try:
            _signal_one(process, number)
        except OSError:  # it has ended meanwhile, or is not ours to signal
            continue


def _signal_one(process: ProcessInfo, number: int) -> None:
    if not hasattr(os, "pidfd_open"):
        os.kill(process.pid, number)
        return
    # From here on the descriptor is the process, whatever happens to its number.
    pidfd = os.pidfd_open(process.pid)
    try:
        now = look_at(process.pid)
        if now and now.start == process.start:
            signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)
