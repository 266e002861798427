"""What clients wait for, in each phase."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.control.wait_goals import (
    Goal,
    Verdict,
    describe,
    is_settled,
    judge,
)
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)

COME, PENDING, IN_VAIN = Verdict.COME, Verdict.PENDING, Verdict.IN_VAIN

# The verdicts of a wait for `ready`, and of one for `exit`.
VERDICTS: dict[Phase, tuple[Verdict, Verdict]] = {
    Phase.WAITING: (PENDING, PENDING),
    Phase.STARTING: (PENDING, PENDING),
    Phase.READY: (COME, PENDING),
    Phase.UNHEALTHY: (PENDING, PENDING),
    Phase.BACKOFF: (PENDING, PENDING),
    Phase.STOPPING: (PENDING, PENDING),
    Phase.STOPPED: (IN_VAIN, COME),
    Phase.EXITED: (IN_VAIN, COME),
    Phase.COMPLETED: (COME, COME),
    Phase.FAILED: (IN_VAIN, COME),
    Phase.BLOCKED: (IN_VAIN, COME),
}


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_a_verdict(phase: Phase) -> None:
    life = Life(phase=phase)
    assert (judge(Goal.READY, life), judge(Goal.EXIT, life)) == VERDICTS[phase]


def test_the_end_of_what_was_not_ready_in_time_is_not_waited_for() -> None:
    late = Life(phase=Phase.STOPPING, failure="not ready after 1 s")
    assert judge(Goal.READY, late) is PENDING
    assert judge(Goal.READY, late, last=True) is IN_VAIN
    assert judge(Goal.READY, Life(phase=Phase.STOPPING), last=True) is PENDING


PENDING_START = (PENDING, Phase.STARTING)
PENDING_ILL = (PENDING, Phase.UNHEALTHY)
READY = (COME, Phase.READY)
FAILED = (IN_VAIN, Phase.FAILED)
REMOVED = (IN_VAIN, None)


@pytest.mark.parametrize(
    ("stands", "at_first", "over_all"),
    [
        pytest.param([], True, True, id="nothing to wait for"),
        pytest.param([READY, READY], True, True, id="all are ready"),
        pytest.param([READY, PENDING_START], False, False, id="one starts"),
        pytest.param([READY, PENDING_ILL], False, False, id="one is unhealthy"),
        pytest.param([FAILED, PENDING_START], True, False, id="one failed, one starts"),
        pytest.param([FAILED, PENDING_START, PENDING_ILL], True, False, id="and one is unhealthy"),
        pytest.param([FAILED, PENDING_ILL], True, True, id="one failed, one is unhealthy"),
        pytest.param([FAILED, READY], True, True, id="one failed, one is ready"),
        pytest.param([REMOVED, PENDING_START], True, False, id="one was removed"),
    ],
)
def test_a_wait_is_over_when_nothing_can_change_it(
    stands: list[tuple[Verdict, Phase | None]], at_first: bool, over_all: bool
) -> None:
    assert is_settled(stands, over_all=False) == at_first
    assert is_settled(stands, over_all=True) == over_all


def test_what_has_been_ready_and_is_unhealthy_is_not_ready() -> None:
    ill = Life(phase=Phase.UNHEALTHY, ready_s=1.0)
    assert judge(Goal.READY, ill) is PENDING


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
def test_where_it_stands_in_words(life: Life, text: str) -> None:
    assert describe(life, 0.0) == text
    assert describe(replace(life, restarts=3), 0.0) == text


def test_what_its_probes_said_last_tells_why_it_is_not_ready() -> None:
    assert describe(Life(phase=Phase.STARTING), 0.0, "nobody listens") == "starting: nobody listens"
    assert (
        describe(Life(phase=Phase.STARTING, reason="loads"), 0.0, "no answer") == "starting: loads"
    )
    assert describe(Life(phase=Phase.BACKOFF), 0.0, "nobody listens") == "backoff"
