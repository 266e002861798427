"""Paths of a moved folder in plans and requests."""

import pytest

from portweave.supervisor.services.moved_plan import (
    moved_path,
    moved_plan,
    moved_request,
    moved_value,
)
from portweave.supervisor.services.plan import InstancePlan


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/old", "/new/place"),
        ("/old/bin/x", "/new/place/bin/x"),
        ("/older/bin", "/older/bin"),
        ("old", "old"),
        ("/code/old", "/code/old"),
        ("", ""),
    ],
)
def test_a_path_below_the_old_root_is_below_the_new_one(text: str, moved: str) -> None:
    assert moved_path(text, "/old", "/new/place") == moved


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/usr/bin:/old/bin:/old", "/usr/bin:/new/bin:/new"),
        ("postgres://localhost:1/old", "postgres://localhost:1/old"),
        ("a:b", "a:b"),
    ],
)
def test_a_list_of_paths_is_moved_path_by_path(text: str, moved: str) -> None:
    assert moved_value(text, "/old", "/new") == moved


def test_a_plan_has_the_new_root_wherever_a_path_stands() -> None:
    plan = InstancePlan(
        *("web", "web", 1, "web-main", ("/old/run", "x"), "/old/run x", "/old/app"),
        environment={"PORTWEAVE_WORKTREE": "/old", "A": "b"},
        watch=("/old/src", "/etc/x"),
    )
    moved = moved_plan(plan, "/old", "/new")
    assert moved.argv == ("/new/run", "x")
    assert moved.working_dir == "/new/app"
    assert moved.environment == {"PORTWEAVE_WORKTREE": "/new", "A": "b"}
    assert moved.watch == ("/new/src", "/etc/x")
    assert moved_plan(moved, "/new", "/old") == plan


def test_a_request_has_the_new_root_at_every_depth() -> None:
    request = {
        "workingDir": "/old/app",
        "count": None,
        "defined": {"files": ["/old/portweave.yaml"], "services": ["old"]},
        "others": [{"workingDir": "/old"}],
        "timeoutS": 60.0,
    }
    assert moved_request(request, "/old", "/new") == {
        "workingDir": "/new/app",
        "count": None,
        "defined": {"files": ["/new/portweave.yaml"], "services": ["old"]},
        "others": [{"workingDir": "/new"}],
        "timeoutS": 60.0,
    }
