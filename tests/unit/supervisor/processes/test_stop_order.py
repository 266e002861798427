"""Which processes of a service get the stop signal at which moment."""

import pytest

from portweave.supervisor.processes.stop_order import (
    Member,
    StopOrder,
)

# Numbers of processes.
SHELL, APP, INNER, HELPER, CAT, GREP = 10, 11, 12, 13, 14, 15


def shell(pid: int = SHELL, parent: int = 1, *, writes: str = "", reads: str = "") -> Member:
    """A process that the stop signal ends at once."""
    return Member(pid, 1.0, parent, dies=True, reads=reads, writes=[writes] if writes else [])


def app(pid: int = APP, parent: int = SHELL, *, writes: str = "") -> Member:
    """A process that catches the stop signal."""
    return Member(pid, 1.0, parent, dies=False, writes=[writes] if writes else [])


# The members at each look, and what is held and asked then.
HISTORIES = {
    "a single process is asked at once": [([shell()], (), (SHELL,))],
    "where none survives the signal all are asked, parents first": [
        ([shell(APP, SHELL), shell()], (), (SHELL, APP)),
    ],
    "a leader that catches the signal is asked with the others": [
        ([app(SHELL, 1), app()], (), (SHELL, APP)),
    ],
    "a shell is held until its program has ended": [
        ([shell(), app()], (SHELL,), (APP,)),
        ([shell(), app()], (), ()),
        ([shell()], (), (SHELL,)),
        ([shell()], (), ()),
    ],
    "a shell within a shell is held too": [
        ([shell(), shell(INNER, SHELL), app(APP, INNER)], (SHELL, INNER), (APP,)),
        ([shell(), shell(INNER, SHELL)], (), (SHELL, INNER)),
    ],
    "a shell below a program that catches the signal is held": [
        ([app(SHELL, 1), shell(INNER), app(APP, INNER)], (INNER,), (SHELL, APP)),
        ([app(SHELL, 1), shell(INNER)], (), (INNER,)),
    ],
    "a process beside the program is asked at once": [
        ([shell(), app(), shell(HELPER, SHELL)], (SHELL,), (APP, HELPER)),
    ],
    "the leader is held for a program that has lost its parents": [
        ([shell(), app(APP, 1)], (SHELL,), (APP,)),
    ],
    "what a program starts while it ends is left alone": [
        ([shell(), app()], (SHELL,), (APP,)),
        ([shell(), app(), shell(HELPER, APP)], (), ()),
    ],
    "what is left when the leader has gone is asked": [
        ([app(SHELL, 1)], (), (SHELL,)),
        ([app(APP, 1)], (), (APP,)),
    ],
    "a filter goes after the program, and has one more look for the last words": [
        ([shell(), app(writes="p"), shell(CAT, SHELL, reads="p")], (SHELL,), (APP,)),
        ([shell(), shell(CAT, SHELL, reads="p")], (), ()),
        ([shell(), shell(CAT, SHELL, reads="p")], (), (SHELL, CAT)),
    ],
    "so does a filter behind a filter": [
        (
            [
                *(shell(), app(writes="p")),
                *(shell(GREP, SHELL, reads="p", writes="q"), shell(CAT, SHELL, reads="q")),
            ],
            (SHELL,),
            (APP,),
        ),
    ],
    "a filter that has ended by itself keeps the shell no longer": [
        ([shell(), app(writes="p"), shell(CAT, SHELL, reads="p")], (SHELL,), (APP,)),
        ([shell()], (), (SHELL,)),
    ],
    "a filter of a program that dies at once is asked at once": [
        (
            [shell(), shell(APP, SHELL, writes="p"), shell(CAT, SHELL, reads="p")],
            (),
            (SHELL, APP, CAT),
        ),
    ],
    "a shell that reads what the program writes is stopped with its child": [
        (
            [shell(), app(writes="p"), shell(INNER, SHELL, reads="p"), shell(HELPER, INNER)],
            (SHELL, INNER),
            (APP, HELPER),
        ),
    ],
    "a number that is used again is another process": [
        ([app(SHELL, 1), app()], (), (SHELL, APP)),
        ([Member(APP, 2.0, 1, dies=True)], (), (APP,)),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_each_look_decides_which_processes_are_held_and_asked(
    history: list[tuple[list[Member], tuple[int, ...], tuple[int, ...]]],
) -> None:
    stopping = StopOrder(SHELL)
    for members, hold, ask in history:
        orders = stopping.step(members)
        assert (orders.hold, orders.ask) == (hold, ask)


def test_without_a_leader_new_processes_are_asked_at_each_look() -> None:
    stopping = StopOrder(0)
    assert stopping.step([app(APP, 1)]).ask == (APP,)
    assert stopping.step([app(APP, 1), shell(HELPER, 1)]).ask == (HELPER,)


def test_it_tells_whether_a_process_is_held_back() -> None:
    stopping = StopOrder(SHELL)
    stopping.step([shell(), app()])
    assert stopping.holds
    stopping.step([shell()])
    assert not stopping.holds


def test_parents_in_a_circle_have_an_end() -> None:
    # A number may have been used again between two readings.
    assert StopOrder(0).step([shell(APP, CAT), shell(CAT, APP)]).ask == (APP, CAT)
