import os

import pytest

from portweave.system.processes import has_pending_kill, is_being_killed

STATUS = "Name:\tpython\nSigQ:\t1/95000\nSigPnd:\t{}\nShdPnd:\t{}\nSigBlk:\t0000000000000100\n"


@pytest.mark.parametrize(
    ("own", "shared", "killed"),
    [
        ("0000000000000000", "0000000000000000", False),
        ("0000000000000000", "0000000000000100", True),
        ("0000000000000100", "0000000000000000", True),
        ("0000000000000000", "0000000000004000", False),
        ("0000000000004100", "0000000000000000", True),
    ],
)
def test_a_pending_sigkill_is_seen(own: str, shared: str, killed: bool) -> None:
    assert has_pending_kill(STATUS.format(own, shared).encode()) is killed


def test_a_process_that_lives_or_is_gone_is_not_being_killed() -> None:
    assert not is_being_killed(os.getpid())
    assert not is_being_killed(1 << 30)
    assert not has_pending_kill(b"")
