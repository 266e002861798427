"""End what a stack has left behind when nobody was there to end it.

Which processes were started stands in the stack's journal (`portweave.supervisor.journal`). After
the supervisor's death its guardian reads it, or, if that has died too, the next command on the
machine. A process is taken for the stack's own if it is one that the journal names and that is
still the same, if it carries the stack's tag, if it descends from the guardian, or if it belongs to
the session or the group of one of these.
"""

import os
import signal
import time

from portweave.allocator.leases import state_dir
from portweave.allocator.owners import signed_proxy
from portweave.supervisor.core.farewell import NOBODY, Farewell
from portweave.supervisor.tribe import (
    Seen,
    children_of,
    reap_strays,
    signal_each,
    snapshot,
    tag_of,
    with_descendants,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from portweave.supervisor.journal import Claim, Journal

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1


def find_remains(
    claims: "Sequence[Claim]", tag: str, root: int | None, processes: "Mapping[int, Seen]"
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
    find: "Callable[[Mapping[int, Seen]], list[Seen]]",
    journal: "Journal",
    tag: str,
    spared: "Callable[[], Collection[int]]",
    pause: "Callable[[float], None]" = time.sleep,
) -> tuple[list[Seen], list[Seen]]:
    """Ask processes to end, those of dependents first, and kill those that do not.

    Args:
        find: Finds them in a snapshot.
        journal: Tells whose they are, what asks each service, how long it is given, and what it
            depends on.
        tag: What their marks begin with; empty for none.
        spared: Tells what is not to be asked, for somebody else does; it is killed all the same.
        pause: Waits for some seconds.

    Returns:
        All that were found, and those that could not be ended.
    """
    owners = Owners(journal, tag)
    farewell = Farewell(journal.endings)
    told: set[int] = set()
    met: dict[int, Seen] = {}
    pause_s = _FIRST_PAUSE_S
    while True:
        processes = snapshot()
        reap_strays(processes, ())
        found = find(processes)
        if not found:
            return list(met.values()), []
        left_alone = spared()
        met |= {seen.pid: seen for seen in found if seen.pid not in met}
        by_owner = owners.sort(found)
        now_s = time.monotonic()
        farewell.ask(by_owner.keys(), now_s)
        if all(farewell.is_lost(name, now_s) for name in by_owner):
            return list(met.values()), found
        for name, members in by_owner.items():
            if farewell.is_due(name, now_s):
                signal_each(members, signal.SIGKILL)
            elif farewell.is_asked(name):
                new = [s for s in members if s.pid not in told and s.pid not in left_alone]
                ending = journal.endings.get(name)
                signal_each(new, ending.stop_signal if ending else signal.SIGTERM)
                # What is stopped does not act on a signal until it goes on.
                signal_each(new, signal.SIGCONT)
                told |= {seen.pid for seen in new}
                pause_s = min(pause_s, _FIRST_PAUSE_S) if new else pause_s
        pause(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


class Owners:
    """Tells of which service a process is, and remembers it: what ends cuts the links.

    Args:
        journal: Names the leaders.
        tag: What marks begin with; empty for none.
    """

    def __init__(self, journal: "Journal", tag: str) -> None:
        self._names = journal.endings
        self._tag = tag
        self._leaders = {claim.pid: claim.name for claim in journal.claims}
        # pid -> start, and whose it is.
        self._known: dict[int, tuple[float, str]] = {}

    def sort(self, processes: list[Seen]) -> dict[str, list[Seen]]:
        """Processes by service; under `NOBODY` those that nothing tells of."""
        by_pid = {seen.pid: seen for seen in processes}
        found: dict[str, list[Seen]] = {}
        for seen in processes:
            found.setdefault(self._owner(seen, by_pid), []).append(seen)
        return found

    def _owner(self, seen: Seen, by_pid: "Mapping[int, Seen]") -> str:
        start, owner = self._known.get(seen.pid, (-1.0, NOBODY))
        if start == seen.start:
            return owner
        owner = self._leaders.get(seen.session, NOBODY)
        if owner not in self._names:
            owner = self._marked(seen.pid)
        # Before its parents are looked at, so that this ends.
        self._known[seen.pid] = seen.start, owner
        if owner == NOBODY and seen.parent in by_pid:
            owner = self._owner(by_pid[seen.parent], by_pid)
            self._known[seen.pid] = seen.start, owner
        return owner

    def _marked(self, pid: int) -> str:
        """Whose mark a process carries: the stack's tag, the instance, and the number of a run."""
        mark = tag_of(pid) if self._tag else ""
        rest = mark.removeprefix(f"{self._tag}.")
        names = [] if rest == mark else [n for n in self._names if rest.startswith(f"{n}.")]
        return max(names, key=len, default=NOBODY)
