"""Send stop signals to the processes of a service, in an order that takes no one's grace.

What a process does about a signal stands in `/proc/PID/status` (proc(5): SigBlk, SigIgn, SigCgt).
Where that cannot be read, all processes get the signal at once.
"""

import os
import signal
import time

from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    signal_each,
    signal_group,
)
from portweave.supervisor.processes.stop_order import (
    Member,
    StopOrder,
)
from portweave.system.processes import read_bytes

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Sequence

_SURVIVES = (b"SigBlk:", b"SigIgn:", b"SigCgt:")
_PIPE = "pipe:"
# Stopped, traced, ended or gone.
_STOPPED = (b"T", b"t", b"Z", b"X", b"")
# A process stops within microseconds; one in an uninterruptible call is not waited for.
_STOP_S = 0.05
_STOP_PAUSE_S = 0.0002


class StopSignals:
    """The stop signals of one service; see `StopOrder`.

    Args:
        leader: Pid of the leader; 0 where there is none.
        number: The stop signal.
        owned: Whether the leader is a child of ours, so that its group's number is not used again.
    """

    def __init__(self, leader: int, number: int, *, owned: bool = False) -> None:
        self._leader = leader
        self._number = number
        self._owned = owned
        self._stopping = StopOrder(leader)
        # What was read once holds, by pid.
        self._members: dict[int, Member] = {}

    @property
    def holds(self) -> bool:
        """Whether a process is held back: then look again soon."""
        return self._stopping.holds

    def send(self, seen: "Sequence[ProcessInfo]") -> bool:
        """Send what is to be sent to the living processes of the service now.

        Returns:
            Whether anything was.
        """
        by_pid = {process.pid: process for process in seen}
        is_alone = len(by_pid) == 1
        orders = self._stopping.step([self._member(one, is_alone=is_alone) for one in seen])
        signal_each([by_pid[pid] for pid in orders.hold], signal.SIGSTOP)
        _await_stop(orders.hold)
        asked = [by_pid[pid] for pid in orders.ask]
        if self._owned and self._leader in orders.ask and not orders.hold:
            # In one step, for a group may fork meanwhile.
            signal_group(self._leader, self._number)
            signal_group(self._leader, signal.SIGCONT)
            asked = [process for process in asked if process.group != self._leader]
        signal_each(asked, self._number)
        # What is stopped does not act on a signal until it goes on.
        signal_each(asked, signal.SIGCONT)
        return bool(orders.ask or orders.hold)

    def _member(self, seen: ProcessInfo, *, is_alone: bool) -> Member:
        known = self._members.get(seen.pid)
        if known is not None and known.start == seen.start:
            # Its parent may have ended.
            known.parent = seen.parent
            return known
        # Nothing is read for a single process, which is asked at once.
        dies = not is_alone and _dies_of(self._number, seen.pid)
        reads, *writes = ("", "", "") if is_alone else (_pipe(seen.pid, fd) for fd in range(3))
        member = Member(
            seen.pid,
            seen.start,
            seen.parent,
            dies=dies,
            reads=reads,
            writes=[pipe for pipe in writes if pipe],
        )
        if not is_alone:
            self._members[seen.pid] = member
        return member


def _await_stop(pids: "Sequence[int]") -> None:
    """Wait until processes have stopped.

    Before that a signal that a parent passes on, as npm and make do, would end them all the same;
    after it such a signal waits for SIGCONT.
    """
    until_s = time.monotonic() + _STOP_S
    for pid in pids:
        while _state(pid) not in _STOPPED and time.monotonic() < until_s:
            time.sleep(_STOP_PAUSE_S)


def _state(pid: int) -> bytes:
    """The state of a process, a letter (proc(5)); empty where it has gone."""
    return read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2][1:2]


def _dies_of(number: int, pid: int) -> bool:
    """Whether a signal ends a process at once."""
    status = read_bytes(f"/proc/{pid}/status")
    bit = 1 << (number - 1)
    masks = [line.split()[1] for line in status.splitlines() if line.startswith(_SURVIVES)]
    return bool(masks) and not any(int(mask, 16) & bit for mask in masks)


def _pipe(pid: int, descriptor: int) -> str:
    try:
        target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
    except OSError:
        return ""
    return target if target.startswith(_PIPE) else ""
