"""Send stop signals and SIGKILL to the processes of services, as `StopMachine` decides.

`/proc/PID/status` tells what a process does about a signal (proc(5): SigBlk, SigIgn, SigCgt). Where
that cannot be read, all processes get the signal at once.
"""

import os
import signal
import time

from portweave.supervisor.processes.end_proof import Look
from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    signal_each,
    signal_group,
)
from portweave.supervisor.processes.stop_machine import (
    StopMachine,
    StopStep,
)
from portweave.supervisor.processes.stop_order import (
    Member,
    StopSteps,
)
from portweave.system.processes import read_bytes

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from portweave.supervisor.processes.shutdown_order import StopRule

_SURVIVES = (b"SigBlk:", b"SigIgn:", b"SigCgt:")
_PIPE = "pipe:"
# Stopped, traced, ended or gone.
_STOPPED = (b"T", b"t", b"Z", b"X", b"")
# A process stops within microseconds; one in an uninterruptible call is not waited for.
_STOP_S = 0.05
_STOP_PAUSE_S = 0.0002


class StopSignals:
    """Sends the signals of a `StopMachine`.

    Args:
        rules: How each service stops, by name. Processes of no service get SIGTERM.
        leaders: The pid of each service's leader, by name, if there is one.
        owned: Whether the leaders are portweave's children, so that nothing else gets the ids of
            their groups.

    Attributes:
        machine: The machine that decides.
    """

    def __init__(
        self,
        rules: "Mapping[str, StopRule]",
        leaders: "Mapping[str, int]",
        *,
        owned: bool = False,
    ) -> None:
        self.machine = StopMachine(rules, leaders)
        self._rules = rules
        self._leaders = leaders
        self._owned = owned
        # By pid. Each process is read once.
        self._members: dict[int, Member] = {}

    def step(
        self,
        found: "Mapping[str, Sequence[ProcessInfo]]",
        look: Look,
        spared: "Callable[[], Collection[int]]",
        *,
        hurry: bool = False,
        is_told: bool = False,
    ) -> StopStep:
        """Send the signals that follow from a look.

        Args:
            found: Living processes by service. A service counts as living even without one.
            look: The result of the look.
            spared: Returns pids that get no stop signal, but SIGKILL like the others. It is called
                only if a service is asked.
            hurry: Whether to kill all processes at once.
            is_told: Whether the caller learns of the next change without a look.

        Returns:
            The machine's answer, after its signals are sent.
        """
        now_s = time.monotonic()
        to_ask = () if hurry else self.machine.to_ask(found, now_s)
        left_alone = spared() if to_ask else ()
        members = {
            name: self._read(name, seen, left_alone)
            if name in to_ask
            else [Member(one.pid, one.start, one.parent, dies=True) for one in seen]
            for name, seen in found.items()
        }
        step = self.machine.step(
            members, look, now_s, spared=left_alone, hurry=hurry, is_told=is_told
        )
        for name in step.kill:
            signal_each(found[name], signal.SIGKILL)
        for name, steps in step.signals.items():
            self._send(name, steps, {one.pid: one for one in found[name]})
        return step

    def _number(self, name: str) -> int:
        rule = self._rules.get(name)
        return rule.stop_signal if rule else signal.SIGTERM

    def _read(
        self, name: str, seen: "Sequence[ProcessInfo]", spared: "Collection[int]"
    ) -> list[Member]:
        is_alone = sum(one.pid not in spared for one in seen) == 1
        return [self._member(one, self._number(name), is_alone=is_alone) for one in seen]

    def _send(self, name: str, steps: StopSteps, by_pid: "Mapping[int, ProcessInfo]") -> None:
        number = self._number(name)
        signal_each([by_pid[pid] for pid in steps.hold], signal.SIGSTOP)
        _await_stop(steps.hold)
        asked = [by_pid[pid] for pid in steps.ask]
        leader = self._leaders.get(name, 0)
        if self._owned and leader in steps.ask and not steps.hold:
            # In one step: a process of the group may fork at any moment.
            signal_group(leader, number)
            signal_group(leader, signal.SIGCONT)
            asked = [process for process in asked if process.group != leader]
        signal_each(asked, number)
        # A stopped process acts on a signal only after SIGCONT.
        signal_each(asked, signal.SIGCONT)

    def _member(self, seen: ProcessInfo, number: int, *, is_alone: bool) -> Member:
        known = self._members.get(seen.pid)
        if known is not None and known.start == seen.start:
            # Its parent may have ended since.
            known.parent = seen.parent
            return known
        # A single process is asked at once, whatever it does about the signal.
        dies = not is_alone and _dies_of(number, seen.pid)
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

    A stopped process takes a signal only after SIGCONT. Until it has stopped, a signal that its
    parent passes on, as npm and make do, would end it.
    """
    until_s = time.monotonic() + _STOP_S
    for pid in pids:
        while _state(pid) not in _STOPPED and time.monotonic() < until_s:
            time.sleep(_STOP_PAUSE_S)


def _state(pid: int) -> bytes:
    """Return the state of a process, a letter (proc(5)); empty if it is gone."""
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
