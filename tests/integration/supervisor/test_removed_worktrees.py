"""Worktrees that are removed while their stack runs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from portweave.supervisor.registry.stack_records import live_stacks
from tests.support.running_stacks import has_ended
from tests.support.stacks import SERVE, write

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import StartUp

SERVICES = f"services: {{web: {{command: {SERVE}}}, job: {{command: sleep 1000, port: false}}}}\n"


@pytest.fixture
def linked(project: Path, git: "Git", tmp_path: Path) -> Path:
    """A linked worktree of a repository with two services."""
    write(project, SERVICES)
    git("init", "-q", cwd=project)
    git("add", ".", cwd=project)
    git("commit", "-q", "-m", "first", cwd=project)
    root = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "linked", root, cwd=project)
    return root


def remove(root: Path, git: "Git", project: Path, how: str) -> None:
    match how:
        case "git":
            git("worktree", "remove", root, cwd=project)
        case "rm":
            shutil.rmtree(root)
        case "moved":
            root.rename(root.with_name("elsewhere"))
            shutil.rmtree(root.with_name("elsewhere"))
        case _:
            # The folder above disappears with it.
            shutil.rmtree(root.parent)


@pytest.mark.parametrize(
    "how", ["git", *(pytest.param(how, marks=pytest.mark.slow) for how in ("rm", "moved"))]
)
def test_a_stack_ends_with_its_worktree(
    detached_at: "Callable[[Path], Detached]",
    cli: "Cli",
    git: "Git",
    project: Path,
    home: Path,
    linked: Path,
    how: str,
) -> None:
    stack = detached_at(linked)
    stack.up()
    family = stack.remember_processes()
    remove(linked, git, project, how)
    # 2 s until the stop begins, and the time of the stop.
    psutil.wait_procs(family, timeout=15)
    assert all(has_ended(process) for process in family)
    assert not linked.exists()
    folder = home / "state/portweave/stacks"
    assert live_stacks(str(folder)) == []
    assert str(linked) not in (home / "config/portweave/registry.json").read_text()
    assert json.loads(cli("ls", "--json", cwd=project).stdout)["stacks"] == []


def test_a_stack_in_the_foreground_ends_with_its_worktree(
    up: "StartUp", git: "Git", project: Path, linked: Path
) -> None:
    stack = up(linked)
    stack.wait_for("all ready")
    shutil.rmtree(linked)
    assert stack.wait() == 0
    assert f"the folder {linked} was removed; the stack stops" in stack.said


@pytest.mark.slow
def test_a_new_worktree_in_its_place_is_another_one(
    detached_at: "Callable[[Path], Detached]", git: "Git", project: Path, linked: Path
) -> None:
    stack = detached_at(linked)
    stack.up()
    family = stack.remember_processes()
    git("worktree", "remove", linked, cwd=project)
    git("worktree", "add", "-q", linked, "linked", cwd=project)
    psutil.wait_procs(family, timeout=15)
    assert all(has_ended(process) for process in family)
    assert (linked / "portweave.yaml").exists()
    stack.up()
    stack.down()


@pytest.mark.slow
def test_a_folder_that_is_out_of_reach_stops_nothing(tmp_path: Path, cli: "Cli") -> None:
    """A file system is unmounted lazily, in a mount namespace of its own (unshare(1))."""
    script = f"""
set -e
mkdir -p {tmp_path}/disk && mount -t tmpfs none {tmp_path}/disk
mkdir {tmp_path}/disk/shop && cd {tmp_path}/disk/shop
printf 'services: {{job: {{command: sleep 1000, port: false}}}}' > portweave.yaml
{" ".join(cli.argv)} up -d
cd /
umount -l {tmp_path}/disk
sleep 3
{" ".join(cli.argv)} ls --json
{" ".join(cli.argv)} down --all
"""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no mount namespaces here")
    done = subprocess.run(
        [unshare, "--mount", "--map-root-user", "sh", "-c", script],
        env=cli.env({"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare:" in done.stderr:
        pytest.skip("no mount namespaces here")
    assert done.returncode == 0, done.stderr
    [stack] = json.loads(done.stdout[: done.stdout.rindex("}") + 1])["stacks"]
    assert stack["worktreeRoot"] == f"{tmp_path}/disk/shop"
