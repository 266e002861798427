"""Services restart when their files change, with real files and git's own rules."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.commands import Cli, Git
    from tests.support.running_stacks import StartUp

SAY = f"{sys.executable} -u -c \"import sys, time; print(open('said').read()); time.sleep(99)\""


@pytest.mark.slow
def test_a_burst_of_changes_is_one_restart_and_ignored_files_cause_none(
    repo: "Callable[[int], list[Path]]",
    up: "StartUp",
    cli: "Cli",
    eventually: "Callable[[Callable[[], object]], None]",
) -> None:
    [root] = repo(0)
    (root / "said").write_text("one")
    (root / "src").mkdir()
    (root / ".gitignore").write_text("*.log\n")
    write(
        root,
        f"""
        services:
          web:
            command: {SAY}
            port: false
            watch: [said, "src/**/*.py"]
          other: {{command: sleep 99, port: false}}
        """,
    )
    stack = up(root)
    stack.wait_for("all ready")
    # The watch begins after the start, and sees nothing before that.
    (root / "src/first.py").write_text("")
    stack.wait_for("first.py changed; restarts web")
    eventually(lambda: stack.lines_of("web") == ["one", "one"])
    (root / "src/noise.log").write_text("")
    (root / "src/.a.py.swp").write_text("")
    for number in range(20):
        (root / f"src/{number}.py").write_text("")
    (root / "said").write_text("two")
    eventually(lambda: stack.lines_of("web") == ["one", "one", "two"])
    assert stack.said.count("restarts web") == 2
    assert "other starts" not in stack.said
    assert "noise.log" not in stack.said
    # A service that the user stopped stays stopped.
    assert cli("stop", "web", cwd=root).returncode == 0
    (root / "said").write_text("three")
    assert cli("restart", "other", cwd=root).returncode == 0
    assert cli("wait", "other", cwd=root).returncode == 0
    assert "three" not in stack.printed
    assert stack.stop() == 130


@pytest.mark.slow
def test_up_watch_watches_the_folders_of_services_without_a_watch_key(
    project: Path, up: "StartUp"
) -> None:
    (project / "said").write_text("one")
    write(project, f"page: {SAY}\n", "Procfile")
    stack = up(project, "--watch")
    stack.wait_for("all ready")
    (project / "said").write_text("two")
    stack.wait_for("said changed; restarts page")
    stack.wait_for("| two")
    assert stack.stop() == 130


def test_a_missing_path_is_a_warning(project: Path, up: "StartUp") -> None:
    write(project, "services: {web: {command: sleep 99, port: false, watch: nosuch}}")
    stack = up(project)
    stack.wait_for(f"watch: there is no {project}/nosuch")
    assert stack.stop() == 130


@pytest.mark.slow
def test_a_file_in_a_worktree_below_restarts_nothing(
    repo: "Callable[[int], list[Path]]", git: "Git", up: "StartUp"
) -> None:
    [root] = repo(0)
    write(root, "services: {web: {command: sleep 99, port: false, watch: ['**/*.py']}}")
    git("worktree", "add", "-q", ".claude/worktrees/old", "-b", "old", cwd=root)
    inner = root / ".claude/worktrees/old"
    (inner / "old.py").write_text("")
    stack = up(root)
    stack.wait_for("all ready")
    # The watch begins after the start, and sees nothing before that.
    (root / "first.py").write_text("")
    stack.wait_for("first.py changed; restarts web")
    (inner / "new.py").write_text("")
    git("worktree", "add", "-q", ".claude/worktrees/new", "-b", "new", cwd=root)
    (root / ".claude/worktrees/new/new.py").write_text("")
    git("worktree", "remove", "--force", ".claude/worktrees/old", cwd=root)
    (root / "last.py").write_text("")
    stack.wait_for("last.py changed; restarts web")
    assert stack.said.count("restarts web") == 2
    assert stack.stop() == 130


@pytest.mark.slow
def test_a_service_that_writes_files_that_it_watches_is_a_warning_with_the_file(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    (project / "data").mkdir()
    command = "sleep 0.3; date +%N > data/state; sleep 99"
    write(project, f"services: {{web: {{command: '{command}', port: false, watch: [data]}}}}")
    stack = up(project)
    stack.wait_for("data/state changes again and again")
    assert "data/state changes again and again" in cli("why", "web", cwd=project).stdout
    stack.wait_for("data/state changed; restarts web in 0.5 s")
    assert stack.stop() == 130


def test_a_missing_path_is_a_warning_of_up_in_the_background(project: Path, cli: "Cli") -> None:
    write(project, "services: {web: {command: sleep 99, port: false, watch: nosuch}}")
    done = cli("up", "--detach", cwd=project)
    try:
        assert done.returncode == 0
        assert f"watch: there is no {project}/nosuch" in done.stderr
    finally:
        assert cli("down", cwd=project).returncode == 0
