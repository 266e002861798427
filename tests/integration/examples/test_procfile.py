"""examples/procfile, run as its README says."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.running_stacks import StartUp


def test_web_and_worker_run_and_what_is_for_request_does_not(
    example: Callable[..., list[Path]], up: "StartUp"
) -> None:
    [root] = example("procfile")
    (root / ".env.example").rename(root / ".env")
    stack = up(root)
    stack.wait_for("all ready in")
    assert stack.ask("WEB_PORT", "/") == (200, "Good morning from main\n")
    stack.wait_for("web says: Good morning from main")
    assert "nothing to migrate" not in stack.printed
    assert stack.stop() == 130
    assert "Traceback" not in stack.printed


def test_a_release_runs_when_it_is_named(example: Callable[..., list[Path]], up: "StartUp") -> None:
    [root] = example("procfile")
    stack = up(root, "release")
    assert stack.process.wait(20) == 0
    stack.wait_for("nothing to migrate")
    stack.wait_for("release completed (")
    assert "listening" not in stack.printed
