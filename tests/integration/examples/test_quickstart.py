"""examples/quickstart, run as its README says."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import FLAGS
from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from tests.support.running_stacks import Stack, StartUp

pytestmark = pytest.mark.timeout(90)


def jobs(stack: "Stack") -> dict[str, str]:
    """Text to status of each job, as the page gets them."""
    status, text = stack.ask("WEB_PORT", "/api/jobs")
    assert status == 200
    return {job["text"]: job["status"] for job in json.loads(text)["jobs"]}


def heading(stack: "Stack") -> str:
    status, page = stack.ask("WEB_PORT", "/")
    assert status == 200
    found = re.search("<h1>(.*?)</h1>", page)
    assert found is not None
    return found[1]


@pytest.mark.slow
def test_three_worktrees_run_side_by_side_with_their_own_names_and_jobs(
    example: Callable[..., list[Path]],
    up: "StartUp",
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


@pytest.mark.slow
def test_it_keeps_its_jobs_and_runs_from_the_root_of_a_larger_repository(
    example: Callable[..., list[Path]],
    up: "StartUp",
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


@pytest.mark.browser
@pytest.mark.timeout(180)
def test_a_browser_shows_each_worktrees_own_page(
    example: Callable[..., list[Path]],
    up: "StartUp",
    need: Callable[..., None],
    eventually: Callable[[Callable[[], object]], None],
    tmp_path: Path,
) -> None:
    need("chromium")
    roots = example("quickstart", "blue")
    stacks = [up(root) for root in roots]
    for stack in stacks:
        stack.wait_for("all ready in")
        job = json.dumps({"text": f"of {stack.root.name}"})
        assert stack.ask("WEB_PORT", "/api/jobs", job)[0] == 201
    eventually(lambda: all(set(jobs(stack).values()) == {"done"} for stack in stacks))
    for stack, other in zip(stacks, reversed(stacks), strict=True):
        page = browse(stack, tmp_path)
        assert f"<h1>{stack.root.name}</h1>" in page
        # The list is filled by the page's own script, through the API.
        assert f"of {stack.root.name}" in page
        assert f"of {other.root.name}" not in page
        assert stack.stop() == 130


def browse(stack: "Stack", folder: Path) -> str:
    """The page as a browser has it once its script has run; a picture of it is kept."""
    url = f"http://127.0.0.1:{stack.port('WEB_PORT')}/"
    pictures = REPOSITORY / "test-output"
    pictures.mkdir(exist_ok=True)
    flags = [*FLAGS, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000"]
    picture = pictures / f"quickstart-{stack.root.name}.png"
    outputs = [["--dump-dom"], [f"--screenshot={picture}", "--window-size=900,700"]]
    pages = [
        subprocess.run(
            ["chromium", *flags, *output, url],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for output in outputs
    ]
    assert picture.stat().st_size > 0
    return pages[0]
