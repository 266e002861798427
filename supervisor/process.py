"""Spawn, see, signal and reap processes.

A service is its leader's session and group, all that descends from it, and all that carries its
tag: programs call setsid(2), fork twice, or overwrite the memory where their environment stood, so
no single mark is enough. What was seen once is remembered by pid and start time.

Linux is read from `/proc` (proc(5)); elsewhere psutil answers, more slowly.
"""

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import anyio

from portweave.allocator.processes import HAS_PROC, variable_of
from portweave.supervisor.core.restart import NOT_EXECUTABLE, NOT_FOUND

TAG = "PORTWEAVE_INVOCATION"
_PR_SET_CHILD_SUBREAPER = 36


class NotSpawnedError(Exception):
    """A command could not be started.

    Attributes:
        status: 126 for what cannot be executed, 127 for what is not there, None for other reasons.
        reason: In words.
    """

    def __init__(self, status: int | None, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Seen:
    """A process at one moment; pid and `start` together tell it from any other."""

    pid: int
    parent: int
    group: int
    session: int
    start: float
    zombie: bool


def spawn(
    argv: tuple[str, ...], working_dir: str, environment: Mapping[str, str]
) -> tuple["subprocess.Popen[bytes]", int, int]:
    """Start a command in a session of its own.

    Returns:
        The process, and the reading ends of its output and its error output, not blocking.

    Raises:
        NotSpawnedError: It could not be started.
    """
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    try:
        process = subprocess.Popen(
            argv,
            cwd=working_dir,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out_write,
            stderr=err_write,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(out_read)
        os.close(err_read)
        raise _not_spawned(error, argv[0], working_dir) from error
    finally:
        os.close(out_write)
        os.close(err_write)
    os.set_blocking(out_read, False)
    os.set_blocking(err_read, False)
    return process, out_read, err_read


def _not_spawned(error: OSError | ValueError, program: str, working_dir: str) -> NotSpawnedError:
    if isinstance(error, ValueError):
        return NotSpawnedError(None, f"cannot be started: {error}")
    if error.filename == working_dir and not os.path.isdir(working_dir):
        return NotSpawnedError(None, f"its workingDir {working_dir} is not a directory")
    if error.filename == working_dir and not os.access(working_dir, os.X_OK):
        return NotSpawnedError(None, f"its workingDir {working_dir} cannot be entered")
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return NotSpawnedError(NOT_FOUND, f"command not found: {program}")
        case errno.EACCES | errno.ENOEXEC | errno.EISDIR:
            return NotSpawnedError(NOT_EXECUTABLE, f"not executable: {program}")
        case _:
            return NotSpawnedError(None, f"cannot be started: {error.strerror}")


async def wait_for_exit(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the leader has ended, without reaping it where the system allows that.

    As long as it is not reaped its pid, and so its group's number, cannot be used again.
    """
    if hasattr(os, "pidfd_open"):
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return
        try:
            await anyio.wait_readable(pidfd)
        finally:
            os.close(pidfd)
    else:
        limiter = anyio.CapacityLimiter(1)
        await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True, limiter=limiter)


def reap(process: "subprocess.Popen[bytes]") -> int:
    """Take the exit status of a leader that has ended: 0…255, or 128+n for signal n."""
    status = process.wait()
    return status if status >= 0 else 128 - status


def become_subreaper() -> None:
    """Have what our services leave behind handed to us, not to pid 1 (prctl(2); Linux only)."""
    if not HAS_PROC:
        return
    # ctypes is imported here: it costs as much as starting five services.
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Blocks as large as a pipe's content are kept by the allocator instead of going back to the
    # kernel after each chunk: half of what relaying costs is page faults (mallopt(3):
    # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD).
    with contextlib.suppress(AttributeError):
        libc.mallopt(-1, 64 << 20)
        libc.mallopt(-3, 32 << 20)


def snapshot() -> dict[int, Seen]:
    """All processes of this machine that can be seen, by pid."""
    return _snapshot_proc() if HAS_PROC else _snapshot_psutil()


def look_at(pid: int) -> Seen | None:
    """One process, None if there is none."""
    if not HAS_PROC:
        return _snapshot_psutil().get(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return _parse_stat(file.read())
    except OSError:
        return None


def _snapshot_proc() -> dict[int, Seen]:
    seen: dict[int, Seen] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (process := look_at(int(name))):
            seen[process.pid] = process
    return seen


def _parse_stat(stat: bytes) -> Seen:
    # The name, in parentheses, may hold anything, parentheses too: the fields begin behind the last
    # one.
    head, _, tail = stat.rpartition(b")")
    fields = tail.split()
    return Seen(
        pid=int(head[: head.index(b" ")]),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        start=float(fields[19]),
        zombie=fields[0] in (b"Z", b"X"),
    )


def _snapshot_psutil() -> dict[int, Seen]:
    import psutil

    seen: dict[int, Seen] = {}
    for process in psutil.process_iter(["ppid", "status", "create_time"]):
        info = process.info
        with contextlib.suppress(OSError):
            seen[process.pid] = Seen(
                pid=process.pid,
                parent=info["ppid"] or 0,
                group=os.getpgid(process.pid),
                session=os.getsid(process.pid),
                start=info["create_time"] or 0.0,
                zombie=info["status"] == psutil.STATUS_ZOMBIE,
            )
    return seen


def tag_of(pid: int) -> str:
    """The tag in a process's environment, empty where there is none or it cannot be read."""
    return variable_of(pid, TAG)


def descendants_now(pid: int) -> list[int]:
    """What descends from a process at this moment, found from the top down (Linux, proc(5)).

    A look at a few files, not at all processes: cheap enough to be done before a stop signal is
    sent, after which the links between parents and children are gone. Empty where the kernel does
    not tell.
    """
    found: list[int] = []
    queue = [pid]
    while queue:
        parent = queue.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{parent}/task/{thread}/children", "rb") as file,
            ):
                children = [int(child) for child in file.read().split()]
                found += children
                queue += children
    return found


class Tribe:
    """All processes of one run of a service, as far as they can be told.

    Args:
        leader: Pid of the process that was spawned.
        tag: What its environment carries.
    """

    def __init__(self, leader: int, tag: str) -> None:
        self.leader = leader
        self.tag = tag
        self._sessions = {leader}
        self._groups = {leader}
        # pid -> start time of what was seen once.
        self._known: dict[int, float] = {}

    def note(self) -> None:
        """Remember what descends from the leader now, before a signal cuts the links."""
        for pid in descendants_now(self.leader):
            if seen := look_at(pid):
                self._remember(seen)

    def others(self) -> list[Seen]:
        """What was noted besides the leader and is still there."""
        found = (look_at(pid) for pid in self._known if pid != self.leader)
        return [seen for seen in found if seen and self._known[seen.pid] == seen.start]

    def members(self, processes: Mapping[int, Seen], *, tags: bool = False) -> list[Seen]:
        """Its processes that are alive; zombies are not.

        Args:
            processes: A snapshot.
            tags: Whether to look into every younger process's environment as well.
        """
        children: dict[int, list[Seen]] = {}
        for process in processes.values():
            children.setdefault(process.parent, []).append(process)
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
        found: dict[int, Seen] = {}
        while queue:
            process = queue.pop()
            if process.pid not in found and process.pid != me:
                found[process.pid] = process
                self._remember(process)
                queue += children.get(process.pid, ())
        return [process for process in found.values() if not process.zombie]

    def has(self, pid: int) -> bool:
        """Whether a process is one of its own: by session, group, descent or tag."""
        seen = look_at(pid)
        while seen is not None and seen.pid not in (0, 1, os.getpid()):
            if self._is_ours(seen):
                return True
            seen = look_at(seen.parent)
        return tag_of(pid) == self.tag

    def _is_ours(self, process: Seen) -> bool:
        return (
            process.session in self._sessions
            or process.group in self._groups
            or self._known.get(process.pid) == process.start
        )

    def _remember(self, process: Seen) -> None:
        self._known[process.pid] = process.start
        # Only sessions and groups that were opened by one of its own: never ours, whatever a member
        # joined.
        if process.session == process.pid:
            self._sessions.add(process.session)
        if process.group == process.pid:
            self._groups.add(process.group)


def signal_group(group: int, number: int) -> None:
    """Signal a group, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def signal_each(processes: Iterable[Seen], number: int) -> None:
    """Signal processes one by one, each only if it is still the one that was seen."""
    for process in processes:
        with contextlib.suppress(OSError):
            if not hasattr(os, "pidfd_open"):
                os.kill(process.pid, number)
                continue
            # From here on the descriptor is the process, whatever happens to its number.
            pidfd = os.pidfd_open(process.pid)
            try:
                now = look_at(process.pid)
                if now and now.start == process.start:
                    signal.pidfd_send_signal(pidfd, number)
            finally:
                os.close(pidfd)


def reap_strays(processes: Mapping[int, Seen], spare: Iterable[int]) -> None:
    """Reap children that were handed to us and have ended.

    Args:
        processes: A snapshot.
        spare: Pids of children that somebody else reaps.
    """
    me = os.getpid()
    for process in processes.values():
        if process.parent == me and process.zombie and process.pid not in spare:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
