"""End the processes that a stack has left behind.

The supervisor uses this at its end for orphans. After its death, the guardian uses it for all
processes of the stack. If the guardian was killed too, the next command does.

The stack's journal names the processes that were started (`started_journal`). A process belongs to
the stack if the journal names it and it is still the same, or if it carries the stack's tag. Its
descendants belong to the stack too, and so do the members of its session and group. Guardian and
supervisor also count all orphans that they have adopted.
"""

import os

from portweave.supervisor.processes.end_proof import Look
from portweave.supervisor.processes.nested_stacks import proxy_of_user
from portweave.supervisor.processes.own_children import (
    OwnChildren,
    reap,
)
from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    children_now,
    children_of,
    key_of,
    look_at,
    snapshot,
    tag_of,
    with_descendants,
)
from portweave.supervisor.processes.shutdown_order import NO_SERVICE
from portweave.supervisor.processes.stop_signals import StopSignals

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence

    from portweave.supervisor.processes.nested_stacks import NestedStacks
    from portweave.supervisor.processes.started_journal import (
        Journal,
        JournalEntry,
    )

    # Returns the living processes of a stack, and what the look proves.
    Find = Callable[[], tuple[list[ProcessInfo], Look]]


def stack_processes(
    entries: "Sequence[JournalEntry]", tag: str, processes: "Mapping[int, ProcessInfo]"
) -> list[ProcessInfo]:
    """The living processes of a stack in a snapshot.

    Args:
        entries: The processes in the journal.
        tag: The beginning of the tags of the stack's processes; empty for none.
        processes: A snapshot.
    """
    me = os.getpid()
    proxy = proxy_of_user()
    processes = {p.pid: p for p in processes.values() if proxy.get(p.pid) != p.start}
    own = {
        entry.pid: processes[entry.pid]
        for entry in entries
        if entry.pid in processes and processes[entry.pid].start == entry.start
    }
    if tag:
        # The youngest first: these may soon have forked and ended.
        own |= {
            pid: processes[pid]
            for pid in sorted(processes, key=lambda pid: -processes[pid].start)
            if pid not in own and tag_of(pid).startswith(f"{tag}.")
        }
    own.pop(me, None)
    # Only sessions and groups that the stack has opened. A process may have joined portweave's.
    opened = {pid for pid, seen in own.items() if pid in (seen.session, seen.group)}
    roots = [
        seen
        for seen in processes.values()
        if seen.pid in own or seen.session in opened or seen.group in opened
    ]
    found = with_descendants(roots, children_of(processes), me)
    return [seen for seen in found if not seen.zombie]


def find_in_snapshot(entries: "Sequence[JournalEntry]", tag: str, nested: "NestedStacks") -> "Find":
    """Make a function that finds a stack's processes among all processes of the machine.

    Args:
        entries: The processes in the journal.
        tag: The beginning of the tags of the stack's processes; empty for none.
        nested: Stacks whose processes are left out.
    """

    def find() -> tuple[list[ProcessInfo], Look]:
        try:
            found = stack_processes(entries, tag, nested.without(snapshot()))
        except OSError:  # no descriptor is free; processes that end give some back
            return [], Look(present=False, passed=True)
        return found, Look(present=bool(found), complete=False)

    return find


def find_in_children(
    own: OwnChildren, entries: "Sequence[JournalEntry]", tag: str, nested: "NestedStacks"
) -> "Find":
    """Make a function that finds a stack's processes among this process's children.

    Their descendants are included. If there are none, it looks for the journal's processes and for
    tags in the whole machine.

    Args:
        own: This process's children.
        entries: The processes in the journal.
        tag: The beginning of the tags of the stack's processes; empty for none.
        nested: Stacks whose processes are left out.
    """
    elsewhere = find_in_snapshot(entries, tag, nested)

    def find() -> tuple[list[ProcessInfo], Look]:
        try:
            children = own.listed()
        except OSError:
            return [], Look(present=False, passed=True)
        if children is None:
            return elsewhere()
        found = tree_of(children, nested.guardians() if children else {})
        passed = False
        for seen in children:
            if seen.zombie:
                passed = True
                reap(seen.pid)
        if not found and not passed:
            found, look = elsewhere()
            found = [seen for seen in found if not own.is_foreign(seen)]
            passed = look.passed
        return found, Look(present=bool(found), passed=passed)

    return find


def tree_of(roots: "Iterable[ProcessInfo]", spared: "Collection[int]") -> list[ProcessInfo]:
    """Living processes and their descendants at this moment, parents first."""
    found: dict[int, ProcessInfo] = {}
    queue = list(roots)
    while queue:
        seen = queue.pop(0)
        if seen.zombie or seen.pid in found or seen.pid in spared:
            continue
        found[seen.pid] = seen
        queue += [child for pid in children_now(seen.pid) if (child := look_at(pid))]
    return list(found.values())


class StopProgress:
    """How far the end of a stack's processes has come.

    Attributes:
        met: All processes that were found.
        left: Processes that could not be ended.
        hurry: Whether to kill all processes at once. The caller may set it.
    """

    def __init__(self) -> None:
        self.met: list[ProcessInfo] = []
        self.left: list[ProcessInfo] = []
        self.hurry = False


def end_processes(
    find: "Find",
    journal: "Journal",
    tag: str,
    spared: "Callable[[], Collection[int]]",
    progress: StopProgress,
    *,
    own: OwnChildren | None = None,
    note: "Callable[[Sequence[ProcessInfo]], None]" = lambda _: None,
) -> "Generator[float, None, None]":
    """Ask processes to end, those of dependents first, and kill those that do not.

    Args:
        find: Finds the processes. A process that was found once is ended in any case.
        journal: Names the leaders, and says how each service stops.
        tag: The beginning of the tags of the processes; empty for none.
        spared: Returns pids that another guardian asks. They get SIGKILL like the others.
        progress: Updated as processes are found, and at the end.
        own: This process's children, if the processes descend from it.
        note: Called with processes that are new.

    Yields:
        Seconds to wait before the next look.
    """
    services = ServiceLookup(journal, tag)
    signals = StopSignals(journal.rules, services.leaders)
    met = signals.machine.met
    while True:
        found, look = find()
        found += _hunted(found, met)
        look.present = bool(found)
        if new := [seen for seen in found if key_of(seen) not in met]:
            progress.met += new
            note(new)
        by_service = services.sort(found)
        step = signals.step(by_service, look, spared, hurry=progress.hurry)
        if step.gone or step.lost:
            progress.left = found
            return
        if own is not None and found and len(step.kill) == len(by_service):
            own.kill()
        yield step.pause_s


def _hunted(
    found: "Sequence[ProcessInfo]", met: "Collection[tuple[int, float]]"
) -> list[ProcessInfo]:
    """Living processes that were met before and are not among those found now."""
    there = {seen.pid for seen in found}
    return [
        seen
        for pid, start in met
        if pid not in there and (seen := look_at(pid)) and seen.start == start and not seen.zombie
    ]


class ServiceLookup:
    """Finds the service of a process, and remembers it: an ended parent breaks the chain.

    Args:
        journal: Names the leaders.
        tag: The beginning of the tags of processes; empty for none.

    Attributes:
        leaders: The pid of each service's leader, by name: of its oldest run.
    """

    def __init__(self, journal: "Journal", tag: str) -> None:
        self._names = journal.rules
        self._tag = tag
        self._leaders = {entry.pid: entry.name for entry in journal.entries}
        self.leaders = {
            one.name: one.pid for one in reversed(journal.entries) if one.name != NO_SERVICE
        }
        # Start time and service by pid.
        self._known: dict[int, tuple[float, str]] = {}

    def sort(self, processes: list[ProcessInfo]) -> dict[str, list[ProcessInfo]]:
        """Sort processes by service. Those of no known service come under `NO_SERVICE`."""
        by_pid = {seen.pid: seen for seen in processes}
        found: dict[str, list[ProcessInfo]] = {}
        for seen in processes:
            found.setdefault(self._service(seen, by_pid), []).append(seen)
        return found

    def _service(self, seen: ProcessInfo, by_pid: "Mapping[int, ProcessInfo]") -> str:
        start, service = self._known.get(seen.pid, (-1.0, NO_SERVICE))
        if start == seen.start:
            return service
        service = self._leaders.get(seen.session, NO_SERVICE)
        if service not in self._names:
            service = self._tagged_service(seen.pid)
        # Stored before the parents are looked at, so that a circle of parents ends.
        self._known[seen.pid] = seen.start, service
        if service == NO_SERVICE and seen.parent in by_pid:
            service = self._service(by_pid[seen.parent], by_pid)
            self._known[seen.pid] = seen.start, service
        return service

    def _tagged_service(self, pid: int) -> str:
        """The service in a process's tag: the stack's tag, the instance, the number of the run."""
        tag = tag_of(pid) if self._tag else ""
        rest = tag.removeprefix(f"{self._tag}.")
        names = [] if rest == tag else [n for n in self._names if rest.startswith(f"{n}.")]
        return max(names, key=len, default=NO_SERVICE)
