"""Which worktrees `prune --all` chooses."""

import pytest

from portweave.encoding.value import replace
from portweave.maintenance.prune_rules import (
    Choice,
    Decision,
    MergeFacts,
    PruneFacts,
    age_of,
    decide,
    has_own_commit,
)

DAY_S = 86_400.0
NOW_S = 1_000 * DAY_S
GONE = PruneFacts(exists=False)
MERGED = MergeFacts("fix", "main", has_own_commit=True, is_clean=True, is_contained=True)
ALL = Choice(gone=True, merged=True, older_s=14 * DAY_S)


def merged(**changes: object) -> PruneFacts:
    return PruneFacts(exists=True, merge=replace(MERGED, **changes))


def used(days_ago: float) -> PruneFacts:
    return PruneFacts(exists=True, used_s=NOW_S - days_ago * DAY_S)


CASES: dict[str, tuple[PruneFacts, Choice, Decision]] = {
    "gone": (GONE, Choice(), Decision(("its folder is gone",))),
    "gone, but not chosen": (GONE, Choice(gone=False, merged=True), Decision()),
    "gone and locked": (
        PruneFacts(exists=False, is_locked=True),
        Choice(),
        Decision(kept="its folder is gone, but git has it locked"),
    ),
    "not to be seen": (
        PruneFacts(exists=False, trouble="Input/output error"),
        ALL,
        Decision(kept="its folder cannot be seen: Input/output error"),
    ),
    "there": (PruneFacts(exists=True), ALL, Decision()),
    "merged": (merged(), ALL, Decision(("fix is merged into main",))),
    "merged, but not chosen": (merged(), Choice(), Decision()),
    "merged by a request": (
        merged(is_contained=False, request=12),
        ALL,
        Decision(("fix is merged by request 12",)),
    ),
    "not merged": (merged(is_contained=False), ALL, Decision()),
    "the default branch": (merged(branch="main"), ALL, Decision()),
    "no branch": (merged(branch=None), ALL, Decision()),
    "no default branch": (merged(default=""), ALL, Decision()),
    "no commit of its own": (merged(has_own_commit=False), ALL, Decision()),
    "uncommitted": (
        merged(is_clean=False),
        ALL,
        Decision(kept="fix is merged, but has uncommitted changes"),
    ),
    "unpushed": (
        merged(ahead=2),
        ALL,
        Decision(kept="fix is merged, but has 2 commits that are not pushed"),
    ),
    "old": (used(15), ALL, Decision(("not used for 15 days",))),
    "just old enough": (used(14), ALL, Decision(("not used for 14 days",))),
    "young": (used(13.9), ALL, Decision()),
    "old by hours": (used(0.25), Choice(older_s=3600), Decision(("not used for 6h",))),
    "old, but not chosen": (used(99), Choice(), Decision()),
    "old and dirty": (
        replace(merged(is_clean=False), used_s=NOW_S - 20 * DAY_S),
        ALL,
        Decision(("not used for 20 days",)),
    ),
    "old and merged": (
        replace(merged(), used_s=0.0),
        ALL,
        Decision(("fix is merged into main", "not used for 1000 days")),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_worktree_is_pruned_for_a_reason(case: str) -> None:
    facts, choice, expected = CASES[case]
    assert decide(facts, choice, NOW_S) == expected


HEAD = "0" * 40 + " " + "1" * 40 + " A <a@b> 1700000000 +0000\t"


@pytest.mark.parametrize(
    ("messages", "is_own"),
    [
        ((), False),
        (("branch: Created from HEAD",), False),
        (("branch: Created from HEAD", "merge main: Fast-forward"), False),
        (("branch: Created from HEAD", "reset: moving to origin/main"), False),
        (("pull: Fast-forward", "rebase (finish): refs/heads/fix onto 12"), False),
        (("branch: Created from HEAD", "commit: committed"), True),
        (("commit (amend): x",), True),
        (("commit (initial): x",), True),
        (("cherry-pick: x",), True),
        (("merge commit: x",), False),
    ],
)
def test_a_branch_has_a_commit_of_its_own(messages: tuple[str, ...], is_own: bool) -> None:
    assert has_own_commit("".join(f"{HEAD}{one}\n" for one in messages)) == is_own


@pytest.mark.parametrize(
    ("text", "age_s"),
    [
        ("14d", 14 * DAY_S),
        ("0d", 0.0),
        ("12h", 43_200.0),
        ("90", 90.0),
        ("d", None),
        ("1.5d", None),
        ("1d2h", None),
        ("soon", None),
    ],
)
def test_an_age_may_be_in_days(text: str, age_s: float | None) -> None:
    assert age_of(text) == age_s
