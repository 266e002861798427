"""The process that `--owner` names."""

import os

import pytest

from portweave.client.owners import find_owner, owner_of
from portweave.errors import UsageError
from portweave.system.processes import started_at


def test_a_live_process_of_the_user_is_an_owner() -> None:
    owner = owner_of(str(os.getpid()))
    assert (owner.pid, owner.start) == (os.getpid(), started_at(os.getpid()))
    assert owner.command


@pytest.mark.parametrize("text", ["", "0", "1", "-5", "x", "1.5", "٣", "99999999999", "999999999"])
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        owner_of(text)


def test_a_process_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    user_id = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user_id + 12_345)
    with pytest.raises(UsageError, match="belongs to another user"):
        owner_of(str(os.getpid()))
    assert find_owner() is None


def test_the_owner_that_is_found_is_an_ancestor() -> None:
    owner = find_owner()
    # Where only shells are around the tests, there is none.
    if owner is not None:
        assert owner.pid not in (1, os.getpid())
        assert owner.start == started_at(owner.pid)
