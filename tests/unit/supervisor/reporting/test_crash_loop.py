"""Crashes in a row are reported in each phase."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.reporting.crash_loop import (
    crash_text,
    crashes,
    reason_of,
)
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.restart_policy import RestartStreak

LOOP = Life(streak=RestartStreak(3, 2.0), crash="exited with status 1: no SECRET", restarts=3)
TOLD = "it crashed 3 times in a row, the last: exited with status 1: no SECRET"


@pytest.mark.parametrize(
    ("life", "text"),
    [
        (replace(LOOP, phase=Phase.STARTING), f"{TOLD}; nothing listens"),
        (
            replace(LOOP, phase=Phase.READY, ready_s=99.0, reason="no listener"),
            f"{TOLD}; no listener",
        ),
        (replace(LOOP, phase=Phase.BACKOFF, reason=LOOP.crash), TOLD),
        (replace(LOOP, phase=Phase.FAILED, reason="gave up"), "gave up"),
        (
            replace(LOOP, phase=Phase.STARTING, streak=RestartStreak(1, 0.5)),
            f"it crashed: {LOOP.crash}; nothing listens",
        ),
        (replace(LOOP, phase=Phase.READY, streak=RestartStreak(1, 0.5), ready_s=99.0), ""),
        (Life(Phase.STARTING), "nothing listens"),
        (Life(Phase.BACKOFF, reason="exited with status 3"), "exited with status 3"),
    ],
)
def test_the_reason_names_the_last_crash_and_the_number_of_them(life: Life, text: str) -> None:
    assert reason_of(life, 100.0, "nothing listens") == text


def test_crashes_count_until_it_has_been_ready_for_long() -> None:
    ready = replace(LOOP, phase=Phase.READY, ready_s=90.0)
    assert crashes(ready, 99.0) == 3
    assert crashes(ready, 101.0) == 0
    assert crash_text(ready, 101.0) == ""
