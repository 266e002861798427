"""Laws of a stop, over all histories of processes that start, end, survive signals or get stuck."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from portweave.supervisor.processes.end_proof import Look
from portweave.supervisor.processes.shutdown_order import (
    KILL_PATIENCE_S,
    MOST_EXTRA_S,
    NO_SERVICE,
    ORPHAN_GRACE_S,
    StopRule,
)
from portweave.supervisor.processes.stop_machine import StopMachine, StopStep
from portweave.supervisor.processes.stop_order import Member

NAMES = "abcd"
# Four of them take no longer than a chain may: no grace shrinks.
GRACES_S = st.sampled_from([0.0, 0.5, 3.0, 8.0])
# After this many looks there are no new processes.
MOST_BIRTHS = 30
Key = tuple[int, float]


@dataclass
class Process:
    """A process of a world without a kernel.

    Attributes:
        parent: Pid of its parent.
        name: Its service.
        catches: Whether it survives the stop signal at first.
        ends_after_s: When it ends after the stop signal if it catches that; infinity for never.
        stuck: Whether not even SIGKILL ends it.
        reads: The pipe that it reads from.
        writes: The pipe that it writes to.
    """

    parent: int
    name: str
    catches: bool
    ends_after_s: float
    stuck: bool
    reads: str
    writes: str
    stopped: bool = False
    ends_at_s: float = float("inf")


PROCESSES = st.builds(
    Process,
    parent=st.integers(0, 8),
    name=st.sampled_from([*NAMES, NO_SERVICE]),
    catches=st.booleans(),
    ends_after_s=st.sampled_from([0.0, 0.05, 1.0, float("inf")]),
    stuck=st.sampled_from([False, False, False, True]),
    reads=st.sampled_from(["", "", "p", "q"]),
    writes=st.sampled_from(["", "", "p", "q"]),
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, StopRule]:
    """Services that need those before them, or, as halves of two plans, each other."""
    circle = draw(st.booleans())
    return {
        name: StopRule(
            draw(GRACES_S),
            15,
            tuple(draw(st.sets(st.sampled_from(NAMES if circle else (NAMES[:n] or "z"))))),
        )
        for n, name in enumerate(NAMES)
    }


@dataclass
class World:
    """The processes, and what was done to them."""

    alive: dict[Key, Process] = field(default_factory=dict[Key, Process])
    now_s: float = 100.0
    asked: dict[Key, float] = field(default_factory=dict[Key, float])
    # When the first process of each service was asked.
    asked_first: dict[str, float] = field(default_factory=dict[str, float])
    ended: bool = False
    births: int = 0

    def bear(self, process: Process) -> None:
        # A number may be used again by a process that starts later.
        pid = 10 + self.births % 7
        if not any(key[0] == pid for key in self.alive):
            self.alive[pid, float(self.births)] = process
        self.births += 1

    def found(self) -> dict[str, list[Member]]:
        found: dict[str, list[Member]] = {}
        for (pid, start), one in self.alive.items():
            writes = [one.writes] if one.writes else []
            member = Member(
                pid, start, 10 + one.parent, dies=not one.catches, reads=one.reads, writes=writes
            )
            found.setdefault(one.name, []).append(member)
        return found

    def pass_time(self, pause_s: float) -> None:
        self.now_s += pause_s
        ended = [k for k, p in self.alive.items() if p.ends_at_s <= self.now_s and not p.stopped]
        self.ended = bool(ended)
        for key in ended:
            del self.alive[key]

    def carry_out(self, step: StopStep) -> None:
        by_pid = {pid: (pid, start) for pid, start in self.alive}
        for name in step.kill:
            for process in self.alive.values():
                if process.name == name and not process.stuck:
                    process.stopped, process.ends_at_s = False, self.now_s
        for name, steps in step.signals.items():
            for pid in steps.hold:
                self.alive[by_pid[pid]].stopped = True
            for pid in steps.ask:
                key = by_pid[pid]
                process = self.alive[key]
                assert process.name == name
                assert key not in self.asked, "asked twice"
                self.asked[key] = self.now_s
                self.asked_first.setdefault(name, self.now_s)
                process.stopped = False
                after_s = process.ends_after_s if process.catches else 0.0
                process.ends_at_s = min(process.ends_at_s, self.now_s + after_s)


@given(
    rules=rules(),
    processes=st.lists(PROCESSES, max_size=8),
    births=st.lists(st.none() | PROCESSES, max_size=MOST_BIRTHS),
    complete=st.booleans(),
    unknown=st.lists(st.integers(90, 92), max_size=MOST_BIRTHS),
    delays_s=st.lists(st.sampled_from([0.0, 0.01, 1.0]), max_size=MOST_BIRTHS),
    hurry_at_s=st.sampled_from([float("inf")] * 3 + [0.0, 2.0]),
)
def test_each_stop_ends_asks_nobody_twice_and_kills_only_after_the_grace(
    rules: dict[str, StopRule],
    processes: list[Process],
    births: list[Process | None],
    unknown: list[int],
    delays_s: list[float],
    hurry_at_s: float,
    *,
    complete: bool,
) -> None:
    world = World()
    for process in processes:
        world.bear(process)
    machine = StopMachine(rules, {"a": 10, "b": 11})
    began_s = world.now_s
    longest_s = max(rule.grace_s for rule in rules.values())
    # In the worst case each service is asked only when its dependents are lost.
    until_s = (
        began_s + longest_s + MOST_EXTRA_S + ORPHAN_GRACE_S + (len(rules) + 2) * KILL_PATIENCE_S
    )
    while True:
        found = world.found()
        strangers = [(unknown.pop(), 1.0)] if unknown else []
        look = Look(
            present=bool(found),
            passed=complete and world.ended,
            unknown=strangers if complete else (),
            complete=complete,
        )
        hurry = world.now_s >= began_s + hurry_at_s
        step = machine.step(found, look, world.now_s, hurry=hurry)
        for name in step.kill:
            grace_s = rules[name].grace_s if name else min(ORPHAN_GRACE_S, longest_s)
            asked_s = world.asked_first.get(name, began_s)
            assert hurry or world.now_s >= asked_s + grace_s, "killed too early"
        world.carry_out(step)
        if step.gone:
            assert not found
            return
        if step.lost:
            assert found
            assert world.now_s >= began_s + KILL_PATIENCE_S
            assert all(process.stuck or births for process in world.alive.values())
            return
        assert step.pause_s > 0 or not found
        # A shell takes its time, too.
        world.pass_time(step.pause_s + (delays_s.pop() if delays_s else 0.0005))
        assert world.now_s < until_s, "no end"
        if births and (new := births.pop()) is not None:
            world.bear(new)
