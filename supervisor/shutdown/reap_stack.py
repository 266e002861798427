"""End what a stack has left behind when its supervisor is not there to end it.

Which processes were started stands in the stack's journal
(`portweave.supervisor.processes.started_journal`). After the supervisor's death its guardian reads
it, or, if that has died too, the next command on the machine. A process is taken for the stack's
own if it is one that the journal names and that is still the same, if it carries the stack's tag,
if it descends from one of its own, or if it belongs to the session or the group of one of these;
and, for a subreaper, whatever was handed to it.
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

    # The living processes of a stack, and what that look proves.
    Find = Callable[[], tuple[list[ProcessInfo], Look]]


def stack_processes(
    entries: "Sequence[JournalEntry]", tag: str, processes: "Mapping[int, ProcessInfo]"
) -> list[ProcessInfo]:
    """The living processes of a stack.

    Args:
        entries: From the journal.
        tag: What its processes' marks begin with; empty for none.
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
        # The youngest first: those may soon be other ones.
        own |= {
            pid: processes[pid]
            for pid in sorted(processes, key=lambda pid: -processes[pid].start)
            if pid not in own and tag_of(pid).startswith(f"{tag}.")
        }
    own.pop(me, None)
    # Sessions and groups that were opened by one of its own: never ours, whatever a member joined.
    opened = {pid for pid, seen in own.items() if pid in (seen.session, seen.group)}
    roots = [
        seen
        for seen in processes.values()
        if seen.pid in own or seen.session in opened or seen.group in opened
    ]
    found = with_descendants(roots, children_of(processes), me)
    return [seen for seen in found if not seen.zombie]


def find_in_snapshot(entries: "Sequence[JournalEntry]", tag: str, nested: "NestedStacks") -> "Find":
    """Find a stack's processes among all processes: they are no children of ours."""

    def find() -> tuple[list[ProcessInfo], Look]:
        try:
            found = stack_processes(entries, tag, nested.without(snapshot()))
        except OSError:  # no descriptor is left to look with; what ends gives some back
            return [], Look(present=False, passed=True)
        return found, Look(present=bool(found), complete=False)

    return find


def find_in_children(
    own: OwnChildren, entries: "Sequence[JournalEntry]", tag: str, nested: "NestedStacks"
) -> "Find":
    """Find a stack's processes among our children, and what descends from them.

    Once there are none, a tag or the journal may still tell of one that is elsewhere.
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
    """Living processes and what descends from them at this moment, parents first."""
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
    """The end of the processes of a stack, as far as it has come.

    Attributes:
        met: All that were found.
        left: Those that could not be ended.
        hurry: Whether everything is to be killed at once.
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
        find: Finds them. What was found once is ended even if it is not found any more.
        journal: Tells whose they are, what asks each service, how long it is given, and what it
            depends on.
        tag: What their marks begin with; empty for none.
        spared: Tells what is not to be asked, for another guardian does; it is killed all the same.
        progress: Gets what becomes of it.
        own: Our children, where the processes are below us.
        note: Takes those that are new.

    Yields:
        How many seconds to wait before the next look.
    """
    owners = ProcessOwners(journal, tag)
    signals = StopSignals(journal.rules, owners.leaders)
    met = signals.machine.met
    while True:
        found, look = find()
        found += _hunted(found, met)
        look.present = bool(found)
        if new := [seen for seen in found if key_of(seen) not in met]:
            progress.met += new
            note(new)
        by_owner = owners.sort(found)
        step = signals.step(by_owner, look, spared, hurry=progress.hurry)
        if step.gone or step.lost:
            progress.left = found
            return
        if own is not None and found and len(step.kill) == len(by_owner):
            own.kill()
        yield step.pause_s


def _hunted(
    found: "Sequence[ProcessInfo]", met: "Collection[tuple[int, float]]"
) -> list[ProcessInfo]:
    """Living processes that were met before and not found now."""
    there = {seen.pid for seen in found}
    return [
        seen
        for pid, start in met
        if pid not in there and (seen := look_at(pid)) and seen.start == start and not seen.zombie
    ]


class ProcessOwners:
    """Tells of which service a process is, and remembers it: what ends cuts the links.

    Args:
        journal: Names the leaders.
        tag: What marks begin with; empty for none.

    Attributes:
        leaders: The pid of each service's leader, by name: of its oldest run.
    """

    def __init__(self, journal: "Journal", tag: str) -> None:
        self._names = journal.rules
        self._tag = tag
        self._leaders = {entry.pid: entry.name for entry in journal.entries}
        self.leaders = {c.name: c.pid for c in reversed(journal.entries) if c.name != NO_SERVICE}
        # pid -> start, and whose it is.
        self._known: dict[int, tuple[float, str]] = {}

    def sort(self, processes: list[ProcessInfo]) -> dict[str, list[ProcessInfo]]:
        """Processes by service; under `NO_SERVICE` those that nothing tells of."""
        by_pid = {seen.pid: seen for seen in processes}
        found: dict[str, list[ProcessInfo]] = {}
        for seen in processes:
            found.setdefault(self._owner(seen, by_pid), []).append(seen)
        return found

    def _owner(self, seen: ProcessInfo, by_pid: "Mapping[int, ProcessInfo]") -> str:
        start, owner = self._known.get(seen.pid, (-1.0, NO_SERVICE))
        if start == seen.start:
            return owner
        owner = self._leaders.get(seen.session, NO_SERVICE)
        if owner not in self._names:
            owner = self._marked(seen.pid)
        # Before its parents are looked at, so that this ends.
        self._known[seen.pid] = seen.start, owner
        if owner == NO_SERVICE and seen.parent in by_pid:
            owner = self._owner(by_pid[seen.parent], by_pid)
            self._known[seen.pid] = seen.start, owner
        return owner

    def _marked(self, pid: int) -> str:
        """Whose mark a process carries: the stack's tag, the instance, and the number of a run."""
        mark = tag_of(pid) if self._tag else ""
        rest = mark.removeprefix(f"{self._tag}.")
        names = [] if rest == mark else [n for n in self._names if rest.startswith(f"{n}.")]
        return max(names, key=len, default=NO_SERVICE)
