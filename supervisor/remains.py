"""End what a stack has left behind when nobody was there to end it.

Which processes were started stands in the stack's journal: a line for each start, and one for each
end. After the supervisor's death its guardian reads it, or, if that has died too, the next command
on the machine. A process is taken for the stack's own if it is one that the journal names and that
is still the same, if it carries the stack's tag, if it descends from the guardian, or if it belongs
to the session or the group of one of these.
"""

import os
import signal
import time

from portweave.allocator.leases import state_dir
from portweave.allocator.owners import signed_proxy
from portweave.supervisor.tribe import (
    Seen,
    children_of,
    look_at,
    reap_strays,
    signal_each,
    snapshot,
    tag_of,
    with_descendants,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# After SIGKILL a process is gone in no time; one in an uninterruptible call may take longer.
KILL_PATIENCE_S = 5.0
_LONGEST_PAUSE_S = 0.1
# Stands for a grace in the journal.
_UNKNOWN = "-"


class Claim:
    """A leader that the journal names.

    Attributes:
        pid: Its number.
        start: When it began.
        grace_s: What it is given between being asked to end and being killed; None where only the
            service that it has left knows that.
        stop_signal: What asks it.
    """

    __slots__ = ("grace_s", "pid", "start", "stop_signal")

    def __init__(self, pid: int, start: float, grace_s: float | None, stop_signal: int) -> None:
        self.pid = pid
        self.start = start
        self.grace_s = grace_s
        self.stop_signal = stop_signal


class Journal:
    """The supervisor's side of the journal."""

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)

    def started(self, pid: int, grace_s: float | None, stop_signal: int) -> None:
        """Note a leader, right after its start, or one that has left its service."""
        seen = look_at(pid)
        start = seen.start if seen else 0.0
        grace = _UNKNOWN if grace_s is None else repr(grace_s)
        self._append(f"+ {pid} {start!r} {grace} {stop_signal}\n")

    def ended(self, pid: int) -> None:
        """Note that nothing of a leader's is left, before its number can be used again."""
        self._append(f"- {pid}\n")

    def _append(self, line: str) -> None:
        try:
            os.write(self._descriptor, line.encode())
        except OSError:
            # A full disk. Without the line its processes are still found by descent and by tag.
            return


def read_journal(path: str) -> list[Claim]:
    """The leaders that were started and whose end was not noted; a torn last line is left out."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return []
    claims: dict[int, Claim] = {}
    for line in lines:
        fields = line.split()
        try:
            if fields[0] == b"+":
                pid = int(fields[1])
                grace_s = None if fields[3] == _UNKNOWN.encode() else float(fields[3])
                claims[pid] = Claim(pid, float(fields[2]), grace_s, int(fields[4]))
            else:
                claims.pop(int(fields[1]), None)
        except (IndexError, ValueError):
            continue
    return list(claims.values())


def find_remains(
    claims: list[Claim], tag: str, root: int | None, processes: "Mapping[int, Seen]"
) -> list[Seen]:
    """The living processes of a stack.

    Args:
        claims: From the journal.
        tag: What its processes' marks begin with; empty for none.
        root: A process whose descendants are all the stack's; None for none.
        processes: A snapshot.
    """
    me = os.getpid()
    processes = _without_proxy(processes)
    children = children_of(processes)
    own = {
        claim.pid: processes[claim.pid]
        for claim in claims
        if claim.pid in processes and processes[claim.pid].start == claim.start
    }
    if root is not None:
        own |= {seen.pid: seen for seen in with_descendants(children.get(root, ()), children, me)}
    if tag:
        own |= {
            seen.pid: seen
            for seen in processes.values()
            if seen.pid not in own and tag_of(seen.pid).startswith(f"{tag}.")
        }
    own.pop(me, None)
    # Sessions and groups that were opened by one of its own: never ours, whatever a member joined.
    opened = {pid for pid, seen in own.items() if pid in (seen.session, seen.group)}
    roots = [
        seen
        for seen in processes.values()
        if seen.pid in own or seen.session in opened or seen.group in opened
    ]
    return [seen for seen in with_descendants(roots, children, me) if not seen.zombie]


def _without_proxy(processes: "Mapping[int, Seen]") -> "Mapping[int, Seen]":
    """All but the user's proxy: whoever started it, it is for the stacks of all worktrees.

    One that a service has started, as an inner `up` does, is handed to us like any other process.
    """
    pid, start = signed_proxy(f"{state_dir(os.environ)}/proxy/proxy.owner") or (0, "0")
    if pid not in processes or processes[pid].start != float(start):
        return processes
    return {other: seen for other, seen in processes.items() if other != pid}


def end_all(
    find: "Callable[[Mapping[int, Seen]], list[Seen]]", claims: list[Claim], spare: int | None
) -> tuple[list[Seen], list[Seen]]:
    """Ask processes to end, and kill those that do not.

    Args:
        find: Finds them in a snapshot.
        claims: How long each leader and what is in its session is given, and what asks them; the
            others get the longest.
        spare: A child of ours that somebody else reaps.

    Returns:
        All that were found, and those that could not be ended.
    """
    graces = {claim.pid: claim.grace_s for claim in claims if claim.grace_s is not None}
    longest_s = max(graces.values(), default=1.0)
    signals = {claim.pid: claim.stop_signal for claim in claims}
    met: dict[int, Seen] = {}
    began_s = time.monotonic()
    pause_s = 0.005
    while True:
        processes = snapshot()
        reap_strays(processes, () if spare is None else (spare,))
        found = find(processes)
        if not found:
            return list(met.values()), []
        waited_s = time.monotonic() - began_s
        if waited_s >= longest_s + KILL_PATIENCE_S:
            return list(met.values()), found
        for seen in found:
            if waited_s >= graces.get(seen.session, longest_s):
                signal_each([seen], signal.SIGKILL)
            elif seen.pid not in met:
                signal_each([seen], signals.get(seen.session, signal.SIGTERM))
                signal_each([seen], signal.SIGCONT)
            met.setdefault(seen.pid, seen)
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
