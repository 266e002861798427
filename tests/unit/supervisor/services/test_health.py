"""The health of a service after it was ready: when it is probed, and what the answers mean."""

import math

import pytest

from portweave.supervisor.services.health import (
    Health,
    after_answer,
    after_doubt,
    after_listener_finding,
    begin,
)
from portweave.supervisor.services.listener_rules import (
    HEALTHY,
    Finding,
)
from portweave.supervisor.services.readiness_rules import (
    Answer,
    Failed,
    Passed,
)

GOOD, BAD = Passed(), Failed("answers 500")
LOST = Finding("gone")


@pytest.mark.parametrize(
    ("answers", "reasons"),
    [
        pytest.param([GOOD], [""], id="well"),
        pytest.param([BAD, BAD], ["", ""], id="two bad ones"),
        pytest.param([BAD, BAD, BAD], ["", "", "answers 500"], id="three bad ones"),
        pytest.param([BAD, BAD, GOOD, BAD, BAD], [""] * 5, id="a good one ends the counting"),
        pytest.param(
            [BAD, BAD, BAD, BAD, GOOD, BAD],
            ["", "", "answers 500", "answers 500", "", ""],
            id="one good one ends ill health",
        ),
    ],
)
def test_three_bad_answers_in_a_row_make_a_service_unhealthy(
    answers: list[Answer], reasons: list[str]
) -> None:
    health, found = begin(30, 0), list[str]()
    for answer in answers:
        health = after_answer(health, answer, health.ask_at_s)
        found.append(health.reason)
    assert found == reasons


def times_of(health: Health, answers: list[Answer]) -> list[float]:
    """The times of the probes while nothing else happens."""
    found: list[float] = []
    for answer in answers:
        found.append(health.ask_at_s)
        health = after_answer(health, answer, health.ask_at_s)
    return [*found, health.ask_at_s]


@pytest.mark.parametrize(
    ("pause_s", "answers", "times"),
    [
        pytest.param(30, [GOOD, GOOD], [30, 60, 90], id="rarely while all is well"),
        pytest.param(30, [BAD, GOOD], [30, 31, 61], id="a bad answer is followed by a probe soon"),
        pytest.param(30, [BAD, BAD, BAD, BAD], [30, 31, 32, 62, 92], id="until it is certain"),
        pytest.param(0.2, [BAD, BAD], [0.2, 0.4, 0.6], id="a written interval may be shorter"),
        pytest.param(math.inf, [], [math.inf], id="nothing to ask"),
    ],
)
def test_the_next_probe_comes_in_time(
    pause_s: float, answers: list[Answer], times: list[float]
) -> None:
    assert times_of(begin(pause_s, 0), answers) == pytest.approx(times)


def test_signs_of_trouble_cause_a_probe_at_once_and_then_ever_more_rarely() -> None:
    health, now_s, asked = begin(30, 0), 5.0, list[float]()
    while now_s < 75:
        health = after_doubt(health, now_s)
        if health.ask_at_s <= now_s:
            asked.append(now_s)
            health = after_answer(health, GOOD, now_s)
        now_s += 0.25
    assert asked == [5, 7, 11, 19, 35, 65]


def test_the_next_sign_of_trouble_after_a_change_causes_a_probe_soon() -> None:
    health, now_s = begin(30, 0), 0.0
    for _ in range(4):
        health = after_doubt(health, now_s)
        now_s = health.ask_at_s
        health = after_answer(health, GOOD, now_s)
    for _ in range(3):
        health = after_answer(health, BAD, now_s)
    assert after_doubt(health, now_s + 1).ask_at_s == now_s + 1


def test_a_regular_probe_is_not_delayed_by_an_extra_one() -> None:
    health = begin(30, 0)
    assert after_doubt(health, 40).ask_at_s == 30
    assert after_doubt(begin(math.inf, 0), 40).ask_at_s == math.inf


def test_the_loss_of_a_listener_and_its_return_cause_a_probe_at_once() -> None:
    health = after_listener_finding(begin(30, 0), Finding("", is_quiet=True), 5)
    assert (health.ask_at_s, health.reason) == (30, "")
    health = after_listener_finding(health, LOST, 7)
    assert (health.ask_at_s, health.reason) == (7, "gone")
    health = after_listener_finding(after_answer(health, BAD, 7), HEALTHY, 9)
    assert (health.ask_at_s, health.reason) == (8, "")


def test_a_service_without_its_listener_is_unhealthy_even_if_its_probes_pass() -> None:
    health = after_listener_finding(begin(30, 0), LOST, 5)
    assert after_answer(health, GOOD, 5).reason == "gone"


def test_bad_answers_during_a_possible_reload_are_quiet() -> None:
    health = after_listener_finding(begin(30, 0), Finding("", is_quiet=True), 5)
    for now_s in (5, 6, 7):
        health = after_answer(health, BAD, now_s)
    assert (health.reason, health.is_quiet) == ("answers 500", True)
    assert not after_listener_finding(health, HEALTHY, 8).is_quiet
