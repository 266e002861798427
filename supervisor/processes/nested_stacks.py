"""Other stacks among our processes.

A detached stack that was started from within one of our services descends from us, but is to live
on when we end: only its own `down` stops it. One in the foreground ends with the service, but its
own services are for its own guardian to end, who knows in which order and by what. Both are told by
their records, which name the guardians.
"""

import os

from portweave.allocator.lease_folders import state_dir
from portweave.allocator.names.route_owners import signed_proxy
from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    children_of,
    descendants_now,
    look_at,
    with_descendants,
)
from portweave.supervisor.registry.stack_records import StackRecord, records

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


class NestedStacks:
    """The other stacks of this user.

    Args:
        folder: Where the records of stacks lie; empty for nowhere.
        own: Pid of our own guardian: what descends from him is never a neighbour.
    """

    def __init__(self, folder: str, own: int) -> None:
        self._folder = folder
        self._own = own

    def guardians(self) -> dict[int, float]:
        """Pids of the guardians of detached stacks, and when these began."""
        found = self._others()
        return {record.pid: start for record, start in found if record.detached}

    def _others(self) -> "list[tuple[StackRecord, float]]":
        found: list[tuple[StackRecord, float]] = []
        for record in records(self._folder) if self._folder else []:
            if record.pid != self._own:
                try:
                    found.append((record, float(record.start)))
                except ValueError:  # damaged
                    continue
        return found

    def guarded(self) -> set[int]:
        """Pids of what the guardians of stacks in the foreground are to end, while they live.

        Empty where the kernel does not tell (see `descendants_now`).
        """
        found: set[int] = set()
        for record, start in self._others():
            if record.detached:
                continue
            guardian = look_at(record.pid)
            if guardian is not None and guardian.start == start and not guardian.zombie:
                # It is asked itself, and passes that on.
                found |= set(descendants_now(record.pid))
        return found

    def without(self, processes: "Mapping[int, ProcessInfo]") -> "Mapping[int, ProcessInfo]":
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


def proxy_of_user() -> dict[int, float]:
    """Pid and start of the user's proxy, which is for the stacks of all worktrees.

    One that a service has started, as an inner `up` does, is handed to us like any other process.
    """
    signed = signed_proxy(f"{state_dir(os.environ)}/proxy/proxy.owner")
    return {signed[0]: float(signed[1])} if signed else {}


def spared_by(nested: NestedStacks) -> "dict[int, float]":
    """Pid and start of what lives on when a stack ends: detached stacks within it, the proxy."""
    return nested.guardians() | proxy_of_user()
