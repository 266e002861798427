"""When it is proven that nothing of a service is left."""

import pytest

from portweave.supervisor.processes.end_proof import (
    Look,
    is_gone,
)

STRANGER, OTHER = (5, 1.0), (6, 1.0)
EMPTY = Look(present=False)
ALIVE = Look(present=True)
PASSED = Look(present=False, passed=True)
PARTIAL = Look(present=False, complete=False)


@pytest.mark.parametrize(
    ("before", "now", "gone"),
    [
        pytest.param(None, EMPTY, True, id="no child of ours is left"),
        pytest.param(ALIVE, EMPTY, True, id="the last one has gone"),
        pytest.param(EMPTY, ALIVE, False, id="one is alive"),
        pytest.param(EMPTY, PASSED, False, id="one has ended just now, and may have gone on"),
        pytest.param(PASSED, EMPTY, True, id="nothing came of the one that had ended"),
        pytest.param(None, PARTIAL, False, id="one look at all processes"),
        pytest.param(PARTIAL, PARTIAL, True, id="two looks at all processes"),
        pytest.param(ALIVE, PARTIAL, False, id="only one of two looks has found nothing"),
        pytest.param(
            None, Look(present=False, unknown=[STRANGER]), False, id="one look with a stranger"
        ),
        pytest.param(
            Look(present=False, unknown=[STRANGER, OTHER]),
            Look(present=False, unknown=[STRANGER]),
            True,
            id="the same stranger twice, another one has ended",
        ),
        pytest.param(
            Look(present=False, unknown=[STRANGER]),
            Look(present=False, unknown=[STRANGER, OTHER]),
            False,
            id="a stranger was handed to us between two looks",
        ),
        pytest.param(
            Look(present=True, unknown=[STRANGER]),
            Look(present=False, unknown=[STRANGER]),
            False,
            id="the stranger may come from what was alive",
        ),
        pytest.param(
            Look(present=False, unknown=[(5, 1.0)]),
            Look(present=False, unknown=[(5, 2.0)]),
            False,
            id="a number was used again",
        ),
    ],
)
def test_nothing_is_left_when_two_looks_prove_it(
    before: Look | None, now: Look, *, gone: bool
) -> None:
    assert is_gone(before, now) == gone
