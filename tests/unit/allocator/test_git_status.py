"""Git's status output as values."""

import pytest

from portweave.allocator.git_status import (
    BranchState,
    Status,
    filtered,
    read_branch,
    read_status,
)

HEAD = "# branch.oid 1234\0# branch.head main\0"
ONE = "N... 100644 100644 100644 1234 1234"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param(HEAD, Status("main", True, ()), id="clean"),
        pytest.param("# branch.head (detached)\0", Status(None, True, ()), id="no branch"),
        pytest.param(f"{HEAD}1 .M {ONE} a b\0", Status("main", True, ("a b",)), id="content"),
        pytest.param(f"{HEAD}1 M. {ONE} a\0", Status("main", False, ()), id="staged"),
        pytest.param(f"{HEAD}1 .D {ONE} a\0", Status("main", False, ()), id="removed"),
        pytest.param(f"{HEAD}? new\0", Status("main", False, ()), id="not known to git"),
        pytest.param(f"{HEAD}u UU {ONE} 1 a\0", Status("main", False, ()), id="in conflict"),
        pytest.param(
            f"{HEAD}2 R. {ONE} R100 new\0? old\0", Status("main", False, ()), id="renamed"
        ),
        pytest.param(f"{HEAD}1 .M {ONE} a\nb\0", Status("main", True, ("a\nb",)), id="newline"),
    ],
)
def test_a_changed_worktree_is_read(text: str, status: Status) -> None:
    assert read_status(text) == status


def test_paths_with_a_filter_are_found() -> None:
    text = "a\0filter\0lfs\0b\0filter\0unspecified\0c\0filter\0unset\0d\0filter\0set\0"
    assert filtered(text) == {"a"}
    assert filtered("") == set()


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (HEAD, BranchState("1234", 0)),
        (f"{HEAD}# branch.upstream origin/main\0# branch.ab +3 -1\0", BranchState("1234", 3)),
        (f"{HEAD}# branch.upstream origin/gone\0", BranchState("1234", 0)),
        ("# branch.oid (initial)\0# branch.head main\0", BranchState("", 0)),
    ],
)
def test_what_is_not_pushed_is_read(text: str, state: BranchState) -> None:
    assert read_branch(text) == state
