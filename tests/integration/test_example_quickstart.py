"""examples/quickstart, run as its README says."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(90)


def jobs(stack: Any) -> dict[str, str]:
    """Text to status of each job, as the page gets them."""
    status, text = stack.ask("WEB_PORT", "/api/jobs")
    assert status == 200
    return {job["text"]: job["status"] for job in json.loads(text)["jobs"]}


def heading(stack: Any) -> str:
    status, page = stack.ask("WEB_PORT", "/")
    assert status == 200
    found = re.search("<h1>(.*?)</h1>", page)
    assert found is not None
    return found[1]


def test_three_worktrees_run_side_by_side_with_their_own_names_and_jobs(
    example: Callable[..., list[Path]],
    up: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    roots = example("quickstart", "blue", "green")
    stacks = [up(root) for root in roots]
    for stack in stacks:
        stack.wait_for("all ready in")
    assert [heading(stack) for stack in stacks] == ["quickstart", "blue", "green"]
    for stack in stacks:
        for number in (1, 2):
            text = json.dumps({"text": f"{stack.root.name} {number}"})
            assert stack.ask("WEB_PORT", "/api/jobs", text)[0] == 201
    done = [{f"{root.name} {number}": "done" for number in (1, 2)} for root in roots]
    eventually(lambda: [jobs(stack) for stack in stacks] == done)
    for stack in stacks:
        assert stack.stop() == 130
        assert "Traceback" not in stack.printed


def test_it_keeps_its_jobs_and_runs_from_the_root_of_a_larger_repository(
    example: Callable[..., list[Path]],
    up: Callable[..., Any],
    eventually: Callable[..., None],
) -> None:
    [root] = example("quickstart", folder="examples/quickstart")
    kept: dict[str, str] = {}
    for run in ("first", "second"):
        stack = up(root, "--file", "examples/quickstart/portweave.yaml")
        stack.wait_for("all ready in")
        assert heading(stack) == "quickstart"
        assert jobs(stack) == kept
        assert stack.ask("WEB_PORT", "/api/jobs", json.dumps({"text": run}))[0] == 201
        kept[run] = "done"
        eventually(lambda stack=stack: jobs(stack) == kept)
        assert stack.stop(signal.SIGTERM) == 143
    assert (root / "examples/quickstart/.data/main.db").exists()
