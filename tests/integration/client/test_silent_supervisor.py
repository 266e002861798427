"""Waits with a time limit, for a supervisor that does not answer."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import IDLE, write

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached


@pytest.mark.slow
def test_a_wait_for_a_stopped_supervisor_ends_near_its_time_limit(
    detached: "Detached", project: Path
) -> None:
    write(project, f"services: {{web: {IDLE}}}\n")
    detached.up()
    process = detached.supervisor()
    process.suspend()
    try:
        began_s = time.monotonic()
        done = detached("wait", "--timeout", "0.5", status=1)
        # Without the option it waits for up to 15 s until a supervisor answers.
        assert time.monotonic() - began_s < 10
        assert f"kill -CONT {process.pid}" in done.stderr
    finally:
        process.resume()
    detached.down()


def test_a_start_that_takes_too_long_is_a_timeout(detached: "Detached", project: Path) -> None:
    write(project, "services: {web: {command: sleep 1000, ready: {log: never}}}\n")
    # The supervisor does not even listen by then.
    done = detached("up", "-d", "--timeout", "0.001", status=124)
    assert "(PW1006)" in done.stderr
    detached.down()
