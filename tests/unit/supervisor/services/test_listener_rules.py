"""Whether a service's port still has its listener, by one look a second."""

from collections.abc import Sequence

import pytest

from portweave.supervisor.services.listener_rules import (
    HEALTHY,
    Finding,
    ListenerState,
    after_look,
    judge_listener,
    without_debuggers,
)

ERROR = "SyntaxError: invalid syntax"
GONE = "nothing of it listens on port 7 any more"
STUCK = f"it accepts no connection on port 7; it printed: {ERROR}"
EARLY = Finding("", is_quiet=True)
RELOADS = Finding(GONE, is_quiet=True)

# The result of each look, a second apart: waiting connections, or None without a listener. Then
# the error in the last output, and the finding in the end.
Looks = Sequence[int | None]
LOOKS: dict[str, tuple[Looks, str, Finding]] = {
    "it listens": ([0, 0, 0], "", HEALTHY),
    "an error of a server that listens": ([0, 0, 0], ERROR, HEALTHY),
    "one look without": ([0, None], "", EARLY),
    "two looks without": ([None, None], ERROR, EARLY),
    "three looks without": ([None, None, None], "", RELOADS),
    "three looks without, and an error": (
        [None, None, None],
        ERROR,
        Finding(f"{GONE}; it printed: {ERROR}"),
    ),
    "not three in a row": ([None, None, 0, None, None], "", EARLY),
    "back again": ([None, None, None, None, 0], ERROR, HEALTHY),
    "ten seconds without are ten looks": ([None] * 10, "", RELOADS),
    "no reload takes so long": ([None] * 11, "", Finding(GONE)),
    "connections wait for nine seconds": ([1] * 10, ERROR, HEALTHY),
    "connections wait for ten seconds": ([1] * 11, ERROR, Finding(STUCK)),
    "connections wait, and no error was printed": ([3] * 60, "", HEALTHY),
    "they were accepted meanwhile": ([1] * 8 + [0] + [1] * 8, ERROR, HEALTHY),
    "connections are accepted again": ([1] * 20 + [0], ERROR, HEALTHY),
    "connections waited, and then the listener was lost": ([1] * 20 + [None], ERROR, EARLY),
}


@pytest.mark.parametrize("case", LOOKS)
def test_looks_at_a_listener_give_a_finding(case: str) -> None:
    looks, error, expected = LOOKS[case]
    heard = ListenerState()
    for now_s, queue in enumerate(looks, 100):
        heard = after_look(heard, queue, now_s)
    assert judge_listener(heard, 7, error, 99 + len(looks)) == expected


def test_ports_of_debuggers_are_left_out() -> None:
    assert without_debuggers([9229, 3000, 5678, 3000, 80]) == (80, 3000)
