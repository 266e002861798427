"""What follows from each look at services that stop."""

from dataclasses import dataclass

import pytest

from portweave.supervisor.processes.end_proof import Look
from portweave.supervisor.processes.shutdown_order import (
    KILL_PATIENCE_S,
    NO_SERVICE,
    ORPHAN_GRACE_S,
    StopRule,
)
from portweave.supervisor.processes.stop_machine import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    SHORT_PAUSE_S,
    UNKNOWN_S,
    StopMachine,
    StopStep,
)
from portweave.supervisor.processes.stop_order import Member

RULES = {"db": StopRule(10, 15), "web": StopRule(2, 15, ("db",))}
# Numbers of processes.
DB, WEB, SHELL, APP, STRAY, OTHER = range(10, 16)
UNKNOWN = (99, 1.0)


def process(pid: int, parent: int = 1, *, dies: bool = True) -> Member:
    return Member(pid, 1.0, parent, dies=dies)


@dataclass
class At:
    """One look, and the answer that it gets.

    Attributes:
        now_s: The time.
        found: Pids by service, or members.
        ask: Pids that are asked to end.
        hold: Pids that are stopped.
        kill: Services that are killed.
        end: How the stop ends with this look, if it does.
    """

    now_s: float
    found: dict[str, list[Member]]
    ask: tuple[int, ...] = ()
    hold: tuple[int, ...] = ()
    kill: tuple[str, ...] = ()
    end: str = ""
    passed: bool = False
    unknown: tuple[tuple[int, float], ...] = ()
    complete: bool = True
    hurry: bool = False
    spared: tuple[int, ...] = ()


DB_ALIVE, WEB_ALIVE = {"db": [process(DB)]}, {"web": [process(WEB)]}
BOTH = {**DB_ALIVE, **WEB_ALIVE}
STRAYS = {NO_SERVICE: [process(STRAY)]}
SHELL_ALIVE = {"web": [process(SHELL), process(APP, SHELL, dies=False)]}

HISTORIES = {
    "nothing was there": [At(0, {}, end="gone")],
    "a service ends when asked": [At(0, WEB_ALIVE, ask=(WEB,)), At(0.1, {}, end="gone")],
    "a dependent is asked first": [
        At(0, BOTH, ask=(WEB,)),
        At(0.1, BOTH),
        At(0.2, DB_ALIVE, ask=(DB,)),
        At(0.3, {}, end="gone"),
    ],
    "a service is killed when its grace is over, and what it needs is asked after that": [
        At(0, BOTH, ask=(WEB,)),
        At(1.9, BOTH),
        At(2, BOTH, kill=("web",)),
        At(2.1, DB_ALIVE, ask=(DB,)),
        At(12, DB_ALIVE),
        At(12.1, DB_ALIVE, kill=("db",)),
        At(12.2, {}, end="gone"),
    ],
    "what SIGKILL does not end is lost": [
        At(0, WEB_ALIVE, ask=(WEB,)),
        At(2, WEB_ALIVE, kill=("web",)),
        At(1.9 + KILL_PATIENCE_S, WEB_ALIVE, kill=("web",)),
        At(2 + KILL_PATIENCE_S, WEB_ALIVE, end="lost"),
    ],
    "a lost service does not delay the others": [
        At(0, BOTH, ask=(WEB,)),
        At(2, BOTH, kill=("web",)),
        At(2 + KILL_PATIENCE_S, BOTH, ask=(DB,), kill=("web",)),
        At(3 + KILL_PATIENCE_S, WEB_ALIVE, end="lost"),
    ],
    "in a hurry everything is killed at once": [
        At(0, BOTH, kill=("db", "web"), hurry=True),
        At(0.1, {}, end="gone"),
    ],
    "a hurry may begin in the middle": [
        At(0, BOTH, ask=(WEB,)),
        At(0.5, BOTH, kill=("db", "web"), hurry=True),
    ],
    "in a hurry, too, there is an end": [
        At(0, WEB_ALIVE, kill=("web",), hurry=True),
        At(2 + KILL_PATIENCE_S, WEB_ALIVE, end="lost", hurry=True),
    ],
    "a shell is held until its program has ended": [
        At(0, SHELL_ALIVE, ask=(APP,), hold=(SHELL,)),
        At(0.1, SHELL_ALIVE),
        At(0.2, {"web": [process(SHELL)]}, ask=(SHELL,)),
    ],
    "spared processes are not asked, but killed": [
        At(0, {"web": [process(WEB), process(OTHER)]}, ask=(WEB,), spared=(OTHER,)),
        At(2, {"web": [process(OTHER)]}, kill=("web",), spared=(OTHER,)),
    ],
    "what belongs to no service is asked last, and has a grace of its own": [
        At(0, {**STRAYS, **WEB_ALIVE}, ask=(WEB,)),
        At(0.1, STRAYS, ask=(STRAY,)),
        At(0.2 + ORPHAN_GRACE_S, STRAYS, kill=(NO_SERVICE,)),
    ],
    "a service without a process in it lasts until it is not found any more": [
        At(0, {"web": []}),
        At(0.1, {}, end="gone"),
    ],
    "such a service is lost in the end": [
        At(0, {"web": []}),
        At(2, {"web": []}, kill=("web",)),
        At(2 + KILL_PATIENCE_S, {"web": []}, end="lost"),
    ],
    "a look that met an ended child proves nothing": [
        At(0, WEB_ALIVE, ask=(WEB,)),
        At(0.1, {}, passed=True),
        At(0.2, {}, end="gone"),
    ],
    "where children are not listed two looks prove it": [
        At(0, {}, complete=False),
        At(0.1, {}, complete=False, end="gone"),
    ],
    "unknown children that change do not delay the end for long": [
        At(0, {}, unknown=(UNKNOWN,)),
        At(UNKNOWN_S / 2, {}, unknown=(UNKNOWN, (98, 1.0))),
        At(UNKNOWN_S, {}, unknown=(UNKNOWN, (97, 1.0)), end="gone"),
    ],
    "children that end at each look do not delay the end for ever": [
        At(0, {}, passed=True),
        At(9.9 + KILL_PATIENCE_S, {}, passed=True),
        At(10 + KILL_PATIENCE_S, {}, passed=True, end="gone"),
    ],
}


def answer(machine: StopMachine, at: At) -> StopStep:
    look = Look(present=bool(at.found), passed=at.passed, unknown=at.unknown, complete=at.complete)
    return machine.step(at.found, look, at.now_s, spared=at.spared, hurry=at.hurry)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_what_follows_from_each_look(history: list[At]) -> None:
    machine = StopMachine(RULES, {"db": DB, "web": SHELL})
    for at in history:
        step = answer(machine, at)
        ask = [pid for steps in step.signals.values() for pid in steps.ask]
        hold = [pid for steps in step.signals.values() for pid in steps.hold]
        assert (tuple(ask), tuple(hold), step.kill) == (at.ask, at.hold, at.kill)
        assert (step.gone, step.lost) == (at.end == "gone", at.end == "lost")


def pauses(machine: StopMachine, found: dict[str, list[Member]], now_s: float) -> list[float]:
    return [answer(machine, At(now_s, found)).pause_s for _ in range(12)]


def test_pauses_grow_and_are_short_again_when_a_process_appears() -> None:
    machine = StopMachine(RULES, {})
    found = pauses(machine, WEB_ALIVE, 0)
    assert found == sorted(found)
    assert (found[0], found[-1]) == (FIRST_PAUSE_S, LONGEST_PAUSE_S)
    assert pauses(machine, {"web": [process(OTHER)]}, 1)[0] == FIRST_PAUSE_S


def test_pauses_stay_short_while_killed_processes_go_or_a_shell_is_held() -> None:
    killed = StopMachine({"web": StopRule(0, 15)}, {})
    assert pauses(killed, WEB_ALIVE, 0)[-1] == SHORT_PAUSE_S
    assert pauses(StopMachine(RULES, {"web": SHELL}), SHELL_ALIVE, 0)[-1] == SHORT_PAUSE_S


def test_the_second_look_of_a_proof_follows_at_once() -> None:
    step = answer(StopMachine(RULES, {}), At(0, {}, complete=False))
    assert (step.gone, step.pause_s) == (False, 0)


def test_a_shell_that_is_told_of_the_end_looks_again_when_the_grace_is_over() -> None:
    machine = StopMachine(RULES, {"web": SHELL})
    alive = Look(present=True)
    assert machine.step(WEB_ALIVE, alive, 100, is_told=True).pause_s == 2
    machine.set_grace("web", 1)
    assert machine.step(WEB_ALIVE, alive, 100.5, is_told=True).pause_s == 0.5
    assert machine.step(WEB_ALIVE, alive, 101, is_told=True).pause_s <= SHORT_PAUSE_S


def test_a_shell_that_is_told_of_the_end_looks_often_while_it_holds_a_process() -> None:
    machine = StopMachine(RULES, {"web": SHELL})
    step = machine.step(SHELL_ALIVE, Look(present=True), 100, is_told=True)
    assert step.pause_s == FIRST_PAUSE_S


def test_it_says_beforehand_which_services_may_be_asked() -> None:
    machine = StopMachine(RULES, {})
    assert machine.to_ask(BOTH, 0) == ("web",)
    assert machine.to_ask(BOTH, 2) == ()
    assert machine.to_ask(DB_ALIVE, 2.1) == ("db",)
