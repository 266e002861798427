"""The state of one run: waiting for changes, and who sent the signal that ended it."""

import asyncio
import signal
import time

import pytest

from portweave.supervisor.services.run_state import Run

BY = "portweave kill has sent it"
GRACE_S = 10.0


def test_each_update_wakes_the_waiting_task_and_is_kept() -> None:
    async def update() -> None:
        run = Run()
        waiting = asyncio.ensure_future(run.wait_for_change())
        await asyncio.sleep(0)
        run.update(stop=True)
        await waiting
        run.update(exited=True)
        assert (run.stop, run.kill, run.exited) == (True, False, True)

    asyncio.run(update())


@pytest.mark.parametrize(
    ("number", "age_s", "status", "text"),
    [
        pytest.param(None, 0, 143, "", id="no signal was sent"),
        pytest.param(signal.SIGKILL, 99, 137, BY, id="it ended by the signal"),
        pytest.param(signal.SIGKILL, 0, 1, "", id="it ended otherwise"),
        pytest.param(signal.SIGTERM, 0, 3, BY, id="it caught a stop signal and ended soon"),
        pytest.param(signal.SIGTERM, 99, 3, "", id="it caught a stop signal and went on"),
        pytest.param(signal.SIGUSR1, 0, 3, "", id="it caught another signal"),
    ],
)
def test_a_run_that_a_signal_of_portweave_ended_names_the_sender(
    number: int | None, age_s: float, status: int, text: str
) -> None:
    run = Run()
    if number is not None:
        run.sent_signal = (number, time.monotonic() - age_s, BY)
    assert run.signalled(status, GRACE_S) == text
