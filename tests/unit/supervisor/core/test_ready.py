"""How often to ask, and what several answers come to."""

import pytest

from portweave.supervisor.core.ready import (
    Answer,
    Failed,
    Health,
    Passed,
    after_answer,
    combine,
    next_pause_s,
)

BAD = Failed("answers 500")


def test_asking_starts_fast_and_slows_down_to_the_interval() -> None:
    pauses_s = [next_pause_s(None, 2.0)]
    while pauses_s[-1] < 2:
        pauses_s.append(next_pause_s(pauses_s[-1], 2.0))
    assert pauses_s[:3] == pytest.approx([0.02, 0.03, 0.045])
    assert pauses_s[-1] == next_pause_s(pauses_s[-1], 2.0) == 2
    assert sum(pauses_s) < 10


def test_a_short_interval_holds_from_the_first_pause_on() -> None:
    assert next_pause_s(None, 0.01) == 0.01
    assert next_pause_s(0.01, 0.01) == 0.01


@pytest.mark.parametrize(
    ("answers", "healthy"),
    [
        pytest.param([Passed()], [True], id="well"),
        pytest.param([BAD, BAD], [True, True], id="two bad ones"),
        pytest.param([BAD, BAD, BAD], [True, True, False], id="three bad ones"),
        pytest.param([BAD, BAD, Passed(), BAD, BAD], [True] * 5, id="a good one ends the counting"),
        pytest.param(
            [BAD, BAD, BAD, BAD, Passed(), BAD],
            [True, True, False, False, True, True],
            id="one good one ends ill health",
        ),
    ],
)
def test_three_bad_answers_in_a_row_are_ill_health(
    answers: list[Answer], healthy: list[bool]
) -> None:
    health, found = Health(), list[bool]()
    for answer in answers:
        health = after_answer(health, answer)
        found.append(health.healthy)
    assert found == healthy


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([], Passed(), id="nothing asked"),
        pytest.param([Passed(), Passed()], Passed(), id="all pass"),
        pytest.param([Passed(), BAD], BAD, id="one fails"),
        pytest.param([Failed("a"), Passed(), Failed("b")], Failed("a; b"), id="all are told"),
    ],
)
def test_all_probes_must_pass(answers: list[Answer], expected: Answer) -> None:
    assert combine(answers) == expected
