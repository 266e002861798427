"""Pure. Which processes of a service get the stop signal now, and which are held back for a while.

The theory: a process either survives the stop signal for a while (it catches, ignores or blocks it)
or dies of it at once, as a shell does that waits for a program. A shell must not die before the
program. With the leader of a session ends its terminal: the kernel sends SIGHUP to the foreground
group (setsid(2), tty(4)), and the program loses its grace. Nor may the shell go on, for then the
next command of `a; b` would start. So a shell is stopped (SIGSTOP) while a process below it
survives, and gets its signal, then SIGCONT, when none does any more. A filter such as the `cat` of
`app | cat` goes after the program that writes to it: else the last words break the program
(SIGPIPE, pipe(7)). It ends by itself when its input does, and has until the next look for that.

All others get the signal at once, parents before their children.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# No `value`: the guardian, which a user waits for, would import dataclasses for it.


class Member:
    """A living process of a service.

    Attributes:
        pid: Its number.
        start: When it began.
        parent: Its parent's number.
        dies: Whether the stop signal ends it at once.
        reads: The pipe at its standard input; empty for none.
        writes: The pipes at its standard output and error output.
    """

    __slots__ = ("dies", "parent", "pid", "reads", "start", "writes")

    def __init__(
        self,
        pid: int,
        start: float,
        parent: int,
        *,
        dies: bool,
        reads: str = "",
        writes: "Sequence[str]" = (),
    ) -> None:
        self.pid = pid
        self.start = start
        self.parent = parent
        self.dies = dies
        self.reads = reads
        self.writes = tuple(writes)


class StopSteps:
    """What is to be done now.

    Attributes:
        hold: Pids to stop (SIGSTOP), before `ask`.
        ask: Pids that get the stop signal and SIGCONT, parents first.
    """

    __slots__ = ("ask", "hold")

    def __init__(self, hold: "Sequence[int]" = (), ask: "Sequence[int]" = ()) -> None:
        self.hold = tuple(hold)
        self.ask = tuple(ask)


class StopOrder:
    """The stop of one service, from its first signal on. A process is asked once.

    Args:
        leader: Pid of the leader; 0 where there is none.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._began = False
        # Pid and start time.
        self._asked: set[tuple[int, float]] = set()
        self._held: set[tuple[int, float]] = set()
        self._filters: set[int] = set()

    @property
    def holds(self) -> bool:
        """Whether a process is held back: then look again soon."""
        return bool(self._held)

    def step(self, members: "Iterable[Member]") -> StopSteps:
        """What to do about the processes that are alive now."""
        there = {member.pid: member for member in members}
        late, filters = _late(there, self._leader)
        if self._filters & there.keys() and not late:
            # What they were fed last they have still to pass on.
            self._filters.clear()
            return StopSteps()
        self._filters = filters
        parents = {member.parent for member in there.values()}
        hold: list[int] = []
        ask: list[int] = []
        # What a program starts while it ends is its own business, as long as there is a leader.
        takes_new = not self._began or self._leader not in there
        self._began = True
        self._held &= {(member.pid, member.start) for member in there.values()}
        for member in _parents_first(there):
            key = member.pid, member.start
            if key in self._asked or not (takes_new or key in self._held):
                continue
            if member.pid not in late:
                self._held.discard(key)
                self._asked.add(key)
                ask.append(member.pid)
            elif key not in self._held:
                self._held.add(key)
                # A filter without children of its own goes on reading.
                if member.pid == self._leader or member.pid in parents:
                    hold.append(member.pid)
        return StopSteps(hold, ask)


def _late(there: "Mapping[int, Member]", leader: int) -> tuple[set[int], set[int]]:
    """Pids of those that must not die yet; those among them that wait for their input to end."""
    survivors = [member for member in there.values() if not member.dies]
    mortal = [member for member in there.values() if member.dies]
    above = {leader} if survivors else set[int]()
    for survivor in survivors:
        above.update(_ancestors(survivor, there))
    late = {member.pid for member in mortal if member.pid in above}
    filters: set[int] = set()
    fed = {pipe for survivor in survivors for pipe in survivor.writes}
    while more := [m for m in mortal if m.pid not in late and m.reads and m.reads in fed]:
        # A filter feeds the next one. Shells around them hold the pipes open, too.
        for member in more:
            filters.add(member.pid)
            late.add(member.pid)
            fed.update(member.writes)
    return late, filters


def _ancestors(member: Member, there: "Mapping[int, Member]") -> list[int]:
    found: list[int] = []
    at = member.parent
    while at in there and at not in found:
        found.append(at)
        at = there[at].parent
    return found


def _parents_first(there: "Mapping[int, Member]") -> list[Member]:
    return sorted(there.values(), key=lambda member: len(_ancestors(member, there)))
