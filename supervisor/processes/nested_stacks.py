"""Other stacks among the descendants of this process.

A service may start a detached stack. It descends from this process, but lives on when this stack
ends: only its own `down` stops it. A stack in the foreground ends with the service that started it.
Its own guardian stops its services, because it knows their order and stop signals. Records of
stacks name the guardians.
"""

import os

from portweave.allocator.names.route_owners import signed_proxy
from portweave.allocator.state_folder import state_dir
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
        folder: Folder of the records of stacks; empty for none.
        own: Pid of this stack's guardian.
    """

    def __init__(self, folder: str, own: int) -> None:
        self._folder = folder
        self._own = own

    def guardians(self) -> dict[int, float]:
        """Start times of the guardians of detached stacks, by pid."""
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
        """Pids of processes that living guardians of stacks in the foreground stop themselves.

        Empty if the kernel lists no children (see `descendants_now`).
        """
        found: set[int] = set()
        for record, start in self._others():
            if record.detached:
                continue
            guardian = look_at(record.pid)
            if guardian is not None and guardian.start == start and not guardian.zombie:
                # The guardian itself gets the stop signal, and stops its services.
                found |= set(descendants_now(record.pid))
        return found

    def without(self, processes: "Mapping[int, ProcessInfo]") -> "Mapping[int, ProcessInfo]":
        """Return a snapshot without the processes of detached stacks."""
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
    """Start time of the user's proxy by its pid; empty if there is none.

    The proxy serves the stacks of all worktrees. If a service has started it, by an inner `up`, it
    becomes a child of this process like any other orphan.
    """
    signed = signed_proxy(f"{state_dir(os.environ)}/proxy/proxy.owner")
    return {signed[0]: float(signed[1])} if signed else {}


def spared_by(nested: NestedStacks) -> "dict[int, float]":
    """Start times, by pid, of processes that live on when a stack ends: inner stacks, the proxy."""
    return nested.guardians() | proxy_of_user()
