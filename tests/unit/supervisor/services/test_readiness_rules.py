"""How often a service is probed, and how answers combine."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.services.plan import ReadyPlan
from portweave.supervisor.services.readiness_rules import (
    Answer,
    Failed,
    Passed,
    combine,
    next_pause_s,
    with_guessed_port,
)

BAD = Failed("answers 500")


def test_probing_starts_fast_and_slows_down_to_the_interval() -> None:
    pauses_s = [next_pause_s(None, 2.0)]
    while pauses_s[-1] < 2:
        pauses_s.append(next_pause_s(pauses_s[-1], 2.0))
    assert pauses_s[:3] == pytest.approx([0.02, 0.03, 0.045])
    assert pauses_s[-1] == next_pause_s(pauses_s[-1], 2.0) == 2
    assert sum(pauses_s) < 10


def test_a_short_interval_holds_from_the_first_pause_on() -> None:
    assert next_pause_s(None, 0.01) == 0.01
    assert next_pause_s(0.01, 0.01) == 0.01


ASKED = ReadyPlan(tcp=1)
LOGGED = ReadyPlan(log="up")
PLAIN = ReadyPlan()
GUESSED = ReadyPlan(guessed=True)


@pytest.mark.parametrize(
    ("ready", "port", "has_listened", "expected"),
    [
        pytest.param(PLAIN, 7, False, PLAIN, id="nothing tells"),
        pytest.param(PLAIN, 7, True, replace(GUESSED, tcp=7), id="it has listened before"),
        pytest.param(GUESSED, 7, False, replace(GUESSED, tcp=7), id="its script reads the port"),
        pytest.param(PLAIN, None, True, PLAIN, id="no port"),
        pytest.param(ASKED, 7, True, ASKED, id="it is asked anyway"),
        pytest.param(LOGGED, 7, True, LOGGED, id="its log tells"),
    ],
)
def test_a_listener_is_expected_where_nothing_else_shows_readiness(
    ready: ReadyPlan, port: int | None, has_listened: bool, expected: ReadyPlan
) -> None:
    assert with_guessed_port(ready, port, has_listened=has_listened) == expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([], Passed(), id="nothing asked"),
        pytest.param([Passed(), Passed()], Passed(), id="all pass"),
        pytest.param([Passed(), BAD], BAD, id="one fails"),
        pytest.param(
            [Failed("a"), Passed(), Failed("b")], Failed("a; b"), id="all bad answers are named"
        ),
    ],
)
def test_all_probes_must_pass(answers: list[Answer], expected: Answer) -> None:
    assert combine(answers) == expected
