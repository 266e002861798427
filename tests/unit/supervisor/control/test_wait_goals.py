"""Whether an instance has reached what a client waits for, in each phase."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.control.wait_goals import (
    Goal,
    Verdict,
    describe,
    is_settled,
    judge,
    wait_limit_s,
)
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)

REACHED, PENDING, UNREACHABLE = Verdict.REACHED, Verdict.PENDING, Verdict.UNREACHABLE

# The verdicts of a wait for `ready`, and of one for `exit`.
VERDICTS: dict[Phase, tuple[Verdict, Verdict]] = {
    Phase.WAITING: (PENDING, PENDING),
    Phase.STARTING: (PENDING, PENDING),
    Phase.READY: (REACHED, PENDING),
    Phase.UNHEALTHY: (PENDING, PENDING),
    Phase.BACKOFF: (PENDING, PENDING),
    Phase.STOPPING: (PENDING, PENDING),
    Phase.STOPPED: (UNREACHABLE, REACHED),
    Phase.EXITED: (UNREACHABLE, REACHED),
    Phase.COMPLETED: (REACHED, REACHED),
    Phase.FAILED: (UNREACHABLE, REACHED),
    Phase.BLOCKED: (UNREACHABLE, REACHED),
}


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_a_verdict(phase: Phase) -> None:
    life = Life(phase=phase)
    assert (judge(Goal.READY, life), judge(Goal.EXIT, life)) == VERDICTS[phase]


def test_the_last_look_does_not_wait_for_the_end_of_a_late_instance() -> None:
    late = Life(phase=Phase.STOPPING, failure="not ready after 1 s")
    assert judge(Goal.READY, late) is PENDING
    assert judge(Goal.READY, late, last=True) is UNREACHABLE
    assert judge(Goal.READY, Life(phase=Phase.STOPPING), last=True) is PENDING


PENDING_START = (PENDING, Phase.STARTING)
UNHEALTHY = (PENDING, Phase.UNHEALTHY)
READY = (REACHED, Phase.READY)
FAILED = (UNREACHABLE, Phase.FAILED)
REMOVED = (UNREACHABLE, None)


@pytest.mark.parametrize(
    ("verdicts", "at_first", "over_all"),
    [
        pytest.param([], True, True, id="nothing to wait for"),
        pytest.param([READY, READY], True, True, id="all are ready"),
        pytest.param([READY, PENDING_START], False, False, id="one starts"),
        pytest.param([READY, UNHEALTHY], False, False, id="one is unhealthy"),
        pytest.param([FAILED, PENDING_START], True, False, id="one failed, one starts"),
        pytest.param([FAILED, PENDING_START, UNHEALTHY], True, False, id="and one is unhealthy"),
        pytest.param([FAILED, UNHEALTHY], True, True, id="one failed, one is unhealthy"),
        pytest.param([FAILED, READY], True, True, id="one failed, one is ready"),
        pytest.param([REMOVED, PENDING_START], True, False, id="one was removed"),
    ],
)
def test_a_wait_ends_when_nothing_can_change_its_result(
    verdicts: list[tuple[Verdict, Phase | None]], at_first: bool, over_all: bool
) -> None:
    assert is_settled(verdicts, over_all=False) == at_first
    assert is_settled(verdicts, over_all=True) == over_all


def test_an_unhealthy_instance_is_not_ready() -> None:
    unhealthy = Life(phase=Phase.UNHEALTHY, ready_s=1.0)
    assert judge(Goal.READY, unhealthy) is PENDING


@pytest.mark.parametrize(
    ("life", "text"),
    [
        (Life(phase=Phase.READY), "ready"),
        (Life(phase=Phase.READY, reason="no listener"), "ready: no listener"),
        (Life(phase=Phase.EXITED, exit_status=3), "exited: exited with status 3"),
        (Life(phase=Phase.STARTING, exit_status=3), "starting"),
        (Life(phase=Phase.FAILED, exit_status=3, reason="why"), "failed: why"),
        (Life(phase=Phase.STOPPED), "stopped"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_state_is_described_in_words(life: Life, text: str) -> None:
    assert describe(life, 0.0) == text
    assert describe(replace(life, restarts=3), 0.0) == text


def test_the_last_probe_tells_why_an_instance_is_not_ready() -> None:
    assert describe(Life(phase=Phase.STARTING), 0.0, "nobody listens") == "starting: nobody listens"
    assert (
        describe(Life(phase=Phase.STARTING, reason="loads"), 0.0, "no answer") == "starting: loads"
    )
    assert describe(Life(phase=Phase.BACKOFF), 0.0, "nobody listens") == "backoff"


# Seconds that a request waits.
LONG, SHORT = 10.0, 0.3


@pytest.mark.parametrize(
    ("life", "again", "elsewhere", "found_s"),
    [
        pytest.param(Life(Phase.WAITING, wanted=True), False, False, LONG, id="waiting"),
        pytest.param(Life(Phase.STARTING, wanted=True), False, False, LONG, id="starting"),
        pytest.param(Life(Phase.BACKOFF, wanted=True), False, False, LONG, id="backoff"),
        pytest.param(Life(Phase.STOPPING, wanted=True), False, False, LONG, id="wanted again"),
        pytest.param(Life(Phase.READY, wanted=True), True, False, LONG, id="about to restart"),
        pytest.param(Life(Phase.STARTING, wanted=True), False, True, 2.0, id="listens elsewhere"),
        pytest.param(Life(Phase.READY, wanted=True), False, False, SHORT, id="ready"),
        pytest.param(Life(Phase.UNHEALTHY, wanted=True), False, True, SHORT, id="unhealthy"),
        pytest.param(Life(Phase.STOPPING), False, False, 0.0, id="stopping"),
        pytest.param(Life(Phase.STOPPED), False, False, 0.0, id="stopped"),
        pytest.param(Life(Phase.FAILED, wanted=True), False, False, 0.0, id="failed"),
        pytest.param(Life(Phase.BLOCKED, wanted=True), False, False, 0.0, id="blocked"),
        pytest.param(Life(Phase.COMPLETED, wanted=True), False, False, 0.0, id="completed"),
    ],
)
def test_a_request_waits_for_an_instance_that_is_starting(
    life: Life, again: bool, elsewhere: bool, found_s: float
) -> None:
    assert wait_limit_s(life, again=again, elsewhere=elsewhere) == found_s
