"""Hooks of `portweave integrate`, each against a stand-in that runs them as documented."""

import json
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portweave.agents.tool_files import EVENTS, HOOK_S
from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.detached_stacks import Detached

Repo = Callable[..., list[Path]]
Eventually = Callable[[Callable[[], object]], None]
WRONG_INPUT: list[object] = [
    None,
    [1],
    {"cwd": 7},
    {"cwd": "/nosuch", "worktree_path": "/nosuch"},
]
STACK = """
services:
  web: {command: "exec sleep 95", port: false}
hooks:
  setup: {command: "echo done > was-set-up"}
"""


@pytest.fixture
def run_hook(cli: "Cli", tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command of a hook as tools do: by a shell, with the time limit of hooks."""
    programs = tmp_path / "bin"
    programs.mkdir()
    words = " ".join(map(shlex.quote, cli.argv))
    (programs / "portweave").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (programs / "portweave").chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    cli.environ["PATH"] = path

    def run(command: str, cwd: Path, told: object = None) -> subprocess.CompletedProcess[str]:
        began_s = time.monotonic()
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=cwd,
            env=cli.env({"PATH": path}),
            input="" if told is None else json.dumps(told),
            capture_output=True,
            text=True,
            check=False,
            timeout=HOOK_S,
        )
        assert time.monotonic() - began_s < HOOK_S
        assert done.returncode == 0, done.stderr
        return done

    return run


def log_of(cli: "Cli") -> str:
    return Path(cli.environ["XDG_STATE_HOME"], "portweave/hooks.log").read_text()


def claude_hooks(root: Path) -> dict[str, str]:
    """The command of each event, as Claude Code reads its settings."""
    settings: dict[str, Any] = json.loads((root / ".claude/settings.json").read_text())
    found: dict[str, str] = {}
    for event, groups in settings["hooks"].items():
        for group in groups:
            for hook in group["hooks"]:
                assert hook["type"] == "command"
                assert hook["timeout"] == HOOK_S
                found[event] = hook["command"]
    return found


def test_a_session_of_claude_has_a_stack_that_ends_with_it(
    project: Path,
    cli: "Cli",
    run_hook: Callable[..., subprocess.CompletedProcess[str]],
    detached: "Detached",
    eventually: Eventually,
) -> None:
    write(project, STACK)
    assert cli("integrate", "claude", "--write", cwd=project).returncode == 0
    hooks = claude_hooks(project)
    assert set(hooks) == {"SessionStart", "SessionEnd", "WorktreeRemove"}
    told = {"cwd": str(project), "hook_event_name": "SessionStart", "source": "startup"}
    done = run_hook(hooks["SessionStart"], project, told)
    assert "portweave starts the services" in done.stdout
    eventually(lambda: detached.record() and detached.ps()["web"]["state"] == "ready")
    detached.remember_processes()
    assert (project / "was-set-up").exists()
    # The session goes on after /clear.
    run_hook(hooks["SessionEnd"], project, {"cwd": str(project), "reason": "clear"})
    assert detached.ps()["web"]["state"] == "ready"
    run_hook(hooks["SessionEnd"], project, {"cwd": str(project), "reason": "other"})
    eventually(lambda: not detached.record())
    assert "claude end" in log_of(cli)


@pytest.mark.slow
def test_the_end_of_a_session_leaves_a_stack_that_ran_before(
    project: Path,
    cli: "Cli",
    run_hook: Callable[..., subprocess.CompletedProcess[str]],
    detached: "Detached",
) -> None:
    write(project, STACK)
    detached.up()
    assert cli("integrate", "claude", "--write", cwd=project).returncode == 0
    run_hook(claude_hooks(project)["SessionEnd"], project, {"cwd": str(project)})
    assert detached.ps()["web"]["state"] == "ready"
    assert "the stack goes on" in log_of(cli)
    # A worktree that is removed needs no stack, whatever has started it.
    removed = {"cwd": "/", "worktree_path": str(project)}
    run_hook(claude_hooks(project)["WorktreeRemove"], project, removed)
    assert not detached.record()


@pytest.mark.slow
def test_a_hook_never_fails(
    project: Path, cli: "Cli", run_hook: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for event, told in zip(EVENTS, WRONG_INPUT, strict=True):
        done = run_hook(f"portweave integrate claude --hook {event}", project, told)
        assert done.stdout == done.stderr == ""
    assert "no definition file" in log_of(cli)
    # Without portweave a hook does nothing.
    write(project, STACK)
    assert cli("integrate", "claude", "--write", cwd=project).returncode == 0
    run_hook(f"PATH=/nosuch; {claude_hooks(project)['SessionStart']}", project)


def test_git_sets_up_a_new_worktree(
    repo: Repo,
    cli: "Cli",
    git: "Git",
    run_hook: object,
    tmp_path: Path,
    eventually: Eventually,
) -> None:
    (root,) = repo()
    write(root, STACK)
    git("add", ".", cwd=root)
    git("commit", "-q", "-m", "services", cwd=root)
    assert cli("integrate", "git", "--write", cwd=root).returncode == 0
    git.environ["PATH"] = cli.environ["PATH"]
    git("switch", "-q", "-c", "other", cwd=root)  # a change of branches is no new worktree
    assert not (root / "was-set-up").exists()
    new = tmp_path / "code/new"
    git("worktree", "add", "-q", "-b", "new", new, cwd=root)
    eventually((new / "was-set-up").exists)
    eventually(lambda: "setup" in log_of(cli))


@pytest.mark.slow
def test_cursor_conductor_and_worktrunk_run_the_commands_that_are_written(
    project: Path,
    cli: "Cli",
    run_hook: Callable[..., subprocess.CompletedProcess[str]],
    detached: "Detached",
    eventually: Eventually,
) -> None:
    write(project, STACK)
    for tool in ("cursor", "conductor", "worktrunk"):
        assert cli("integrate", tool, "--write", cwd=project).returncode == 0
    for command in json.loads((project / ".cursor/worktrees.json").read_text())["setup-worktree"]:
        run_hook(command, project)
    assert (project / "was-set-up").exists()
    scripts = json.loads((project / "conductor.json").read_text())["scripts"]
    run_hook(scripts["setup"], project)
    detached.up()
    run_hook(scripts["archive"], project)
    assert not detached.record()
    detached.up()
    hooks = tomllib.loads((project / ".config/wt.toml").read_text())
    run_hook(hooks["post-start"]["portweave"], project)
    run_hook(hooks["pre-remove"]["portweave"], project)
    eventually(lambda: not detached.record())
