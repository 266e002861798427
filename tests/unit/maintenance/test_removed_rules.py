"""What counts as the removal of a worktree."""

import pytest

from portweave.encoding.value import replace
from portweave.maintenance.removed_rules import WorktreeFacts, is_removed

GONE = WorktreeFacts(False, "", 1, 1, is_linked=True)

CASES: dict[str, tuple[WorktreeFacts, bool]] = {
    "a linked worktree is gone, and git has forgotten it": (GONE, True),
    "git lists it still, but nothing is there": (replace(GONE, is_listed=True), True),
    "something is at its root": (replace(GONE, exists=True), False),
    "its root cannot be looked at": (replace(GONE, trouble="Permission denied"), False),
    "the disk is not mounted": (replace(GONE, device=2), False),
    "it is locked": (replace(GONE, is_listed=True, is_locked=True), False),
    "it was moved": (replace(GONE, is_listed=True, listed_exists=True), False),
    "it is no linked worktree": (replace(GONE, is_linked=False), False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_worktree_is_removed_only_if_all_facts_say_so(name: str) -> None:
    facts, removed = CASES[name]
    assert is_removed(facts) is removed
