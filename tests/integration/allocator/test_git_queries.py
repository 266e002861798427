"""Reading a repository runs no program that its configuration names."""

import os
import subprocess
from pathlib import Path

import anyio
import pytest

from portweave.panel.npm_snapshot import Facts
from portweave.panel.worktree_facts import FactFinder


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@y", "-c", "protocol.file.allow=always")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["/usr/bin/env", "git", *identity, *words]
    subprocess.run(command, cwd=folder, env=environ, check=True, timeout=20, capture_output=True)


def make(folder: Path) -> None:
    folder.mkdir()
    (folder / "plain").write_text("a\n")
    (folder / "file").write_text("a\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


def arm(folder: Path, repository: Path, ran: Path) -> None:
    """Configure a program in the repository wherever git could run one."""
    script = ran.parent / "run"
    script.write_text(f"#!/bin/sh\necho $0 >> '{ran}'\ncat\n")
    script.chmod(0o755)
    for key in ("filter.x=y.clean", "filter.x=y.smudge", "core.fsmonitor", "diff.x.textconv"):
        git(folder, "config", key, str(script))
    git(folder, "config", "filter.x=y.required", "true")
    (repository / "info").mkdir(exist_ok=True)
    (repository / "info/attributes").write_text("file filter=x=y diff=x\n")
    (repository / "hooks").mkdir(exist_ok=True)
    (repository / "hooks/post-index-change").symlink_to(script)
    # Its time and its size differ from what git remembers.
    (folder / "file").write_text("another\n")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    make(tmp_path / "inner")
    make(tmp_path / "shop")
    git(tmp_path / "shop", "submodule", "add", "-q", str(tmp_path / "inner"), "sub")
    git(tmp_path / "shop", "commit", "-q", "-m", "sub")
    return tmp_path / "shop"


def found(root: Path) -> Facts:
    async def find() -> Facts:
        finder = FactFinder({**os.environ, "PATH": "/usr/bin:/bin"})
        return await finder.of(str(root), f"{root}/.git", whole=False)

    return anyio.run(find)


def test_changes_that_a_filter_decides_are_not_counted_and_no_filter_is_run(
    repository: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    arm(repository, repository / ".git", ran)
    arm(repository / "sub", repository / ".git/modules/sub", ran)
    facts = found(repository)
    assert not ran.exists()
    assert (facts.branch, facts.clean) == ("main", True)


def test_changes_without_a_filter_are_counted(repository: Path, tmp_path: Path) -> None:
    arm(repository, repository / ".git", tmp_path / "ran")
    (repository / "plain").write_text("another\n")
    assert found(repository).clean is False
