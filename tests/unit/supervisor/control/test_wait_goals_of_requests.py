"""How long a request waits for an instance that does not answer."""

import pytest

from portweave.supervisor.control.wait_goals import patience_s
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)

LONG, SHORT = 10.0, 0.3


@pytest.mark.parametrize(
    ("life", "again", "elsewhere", "found_s"),
    [
        pytest.param(Life(Phase.WAITING, wanted=True), False, False, LONG, id="waiting"),
        pytest.param(Life(Phase.STARTING, wanted=True), False, False, LONG, id="starting"),
        pytest.param(Life(Phase.BACKOFF, wanted=True), False, False, LONG, id="backoff"),
        pytest.param(Life(Phase.STOPPING, wanted=True), False, False, LONG, id="wanted again"),
        pytest.param(Life(Phase.READY, wanted=True), True, False, LONG, id="about to restart"),
        pytest.param(Life(Phase.STARTING, wanted=True), False, True, 2.0, id="elsewhere"),
        pytest.param(Life(Phase.READY, wanted=True), False, False, SHORT, id="ready"),
        pytest.param(Life(Phase.UNHEALTHY, wanted=True), False, True, SHORT, id="unhealthy"),
        pytest.param(Life(Phase.STOPPING), False, False, 0.0, id="stopping"),
        pytest.param(Life(Phase.STOPPED), False, False, 0.0, id="stopped"),
        pytest.param(Life(Phase.FAILED, wanted=True), False, False, 0.0, id="failed"),
        pytest.param(Life(Phase.BLOCKED, wanted=True), False, False, 0.0, id="blocked"),
        pytest.param(Life(Phase.COMPLETED, wanted=True), False, False, 0.0, id="completed"),
    ],
)
def test_a_request_waits_for_what_is_coming(
    life: Life, again: bool, elsewhere: bool, found_s: float
) -> None:
    assert patience_s(life, again=again, elsewhere=elsewhere) == found_s
