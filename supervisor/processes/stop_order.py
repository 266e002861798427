"""Pure. Which processes of a service get the stop signal now, and which are held back for a while.

Some processes survive the stop signal for a while: they catch, ignore or block it. Others die of it
at once. A shell that waits for a program is one of these.

A shell must not die before its program. When the leader of a session ends, the kernel sends SIGHUP
to the foreground group of its terminal (setsid(2), tty(4)), and the program loses its grace. The
shell must not go on either: it would start the next command of `a; b`. So a shell is stopped
(SIGSTOP) while a process below it survives. After that it gets the stop signal, then SIGCONT.

A filter, such as the `cat` of `app | cat`, gets the signal after the program that writes to it.
Otherwise the program's last output would break it (SIGPIPE, pipe(7)). A filter ends when its input
ends, and has until the next look to do so.

All others get the signal at once, parents before their children.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Member:
    """A living process of a service.

    Attributes:
        pid: Its process id.
        start: Its start time.
        parent: The pid of its parent.
        dies: Whether the stop signal ends it at once.
        reads: The pipe at its standard input; empty for none.
        writes: The pipes at its standard output and standard error.
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
    """The signals to send to the processes of a service.

    Attributes:
        hold: Pids that get SIGSTOP, before `ask`.
        ask: Pids that get the stop signal, then SIGCONT, parents first.
    """

    __slots__ = ("ask", "hold")

    def __init__(self, hold: "Sequence[int]" = (), ask: "Sequence[int]" = ()) -> None:
        self.hold = tuple(hold)
        self.ask = tuple(ask)


class StopOrder:
    """The stop of one service, from its first signal on. Each process gets the stop signal once.

    Args:
        leader: Pid of the leader; 0 if there is none.
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
        """Whether a process is held back. If so, the next look follows soon."""
        return bool(self._held)

    def step(self, members: "Iterable[Member]") -> StopSteps:
        """Decide what the living processes of the service get now."""
        alive = {member.pid: member for member in members}
        late, filters = _late(alive, self._leader)
        if self._filters & alive.keys() and not late:
            # The filters still have to pass on their last input.
            self._filters.clear()
            return StopSteps()
        self._filters = filters
        parents = {member.parent for member in alive.values()}
        hold: list[int] = []
        ask: list[int] = []
        # While the leader lives, processes that a program starts at its end are left to it.
        takes_new = not self._began or self._leader not in alive
        self._began = True
        self._held &= {(member.pid, member.start) for member in alive.values()}
        for member in _parents_first(alive):
            key = member.pid, member.start
            if key in self._asked or not (takes_new or key in self._held):
                continue
            if member.pid not in late:
                self._held.discard(key)
                self._asked.add(key)
                ask.append(member.pid)
            elif key not in self._held:
                self._held.add(key)
                # A filter without children is not stopped: it goes on reading.
                if member.pid == self._leader or member.pid in parents:
                    hold.append(member.pid)
        return StopSteps(hold, ask)


def _late(alive: "Mapping[int, Member]", leader: int) -> tuple[set[int], set[int]]:
    """Return the pids of processes that must not die yet, and of the filters among them."""
    survivors = [member for member in alive.values() if not member.dies]
    mortal = [member for member in alive.values() if member.dies]
    above = {leader} if survivors else set[int]()
    for survivor in survivors:
        above.update(_ancestors(survivor, alive))
    late = {member.pid for member in mortal if member.pid in above}
    filters: set[int] = set()
    fed = {pipe for survivor in survivors for pipe in survivor.writes}
    while more := [m for m in mortal if m.pid not in late and m.reads and m.reads in fed]:
        # A filter feeds the next one. The shells around them also hold the pipes open.
        for member in more:
            filters.add(member.pid)
            late.add(member.pid)
            fed.update(member.writes)
    return late, filters


def _ancestors(member: Member, alive: "Mapping[int, Member]") -> list[int]:
    found: list[int] = []
    at = member.parent
    while at in alive and at not in found:
        found.append(at)
        at = alive[at].parent
    return found


def _parents_first(alive: "Mapping[int, Member]") -> list[Member]:
    return sorted(alive.values(), key=lambda member: len(_ancestors(member, alive)))
