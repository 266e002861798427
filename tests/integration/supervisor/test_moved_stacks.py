"""Worktrees that are moved, replaced or removed while their stack runs."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.running_stacks import has_ended
from tests.support.stacks import (
    IDLE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.detached_stacks import Detached

SERVICES = f"services: {{web: {IDLE.replace('port: false, ', '')}, api: {IDLE}}}\n"


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


@pytest.fixture
def stack(
    linked: Path, detached_at: "Callable[[Path], Detached]", cli: "Cli", project: Path
) -> "Iterator[Detached]":
    """The stack of `linked`."""
    stack = detached_at(linked)
    stack.up()
    yield stack
    # From a working folder that exists.
    cli("down", "--all", cwd=project)


def moved(stack: "Detached", git: "Git", project: Path, how: str) -> Path:
    """The worktree, moved to another place."""
    root = stack.root.with_name("moved")
    if how == "git":
        git("worktree", "move", stack.root, root, cwd=project)
    else:
        stack.root.rename(root)
    return root


def rows_of(cli: "Cli", cwd: Path, *words: str) -> dict[str, dict[str, Any]]:
    """The services of a stack, by name."""
    rows = json.loads(cli("ps", "--json", *words, cwd=cwd).stdout)["services"]
    return {row["name"]: row for row in rows}


def pids(rows: dict[str, dict[str, Any]]) -> list[int]:
    return [row["pid"] for row in rows.values()]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["git", "mv"])
def test_a_moved_worktree_finds_its_stack(
    stack: "Detached",
    git: "Git",
    cli: "Cli",
    project: Path,
    home: Path,
    eventually: "Callable[[Callable[[], object]], None]",
    how: str,
) -> None:
    before, family = rows_of(cli, stack.root), stack.remember_processes()
    root = moved(stack, git, project, how)
    (root / "deep").mkdir()
    assert pids(rows_of(cli, root / "deep")) == pids(before)
    assert "up" in cli("logs", "web", cwd=root).stdout
    assert "already" in cli("up", "-d", cwd=root).stderr
    assert "nothing has changed" in cli("reload", cwd=root).stderr
    assert pids(rows_of(cli, root)) == pids(before)
    # Record and registry have the new path.
    [one] = json.loads(cli("ls", "--json", cwd=project).stdout)["stacks"]
    assert (one["worktreeRoot"], one["gone"]) == (str(root), False)
    eventually(lambda: f'"{root}"' in registry_of(home))
    assert f'"{stack.root}"' not in registry_of(home)
    # New starts are in the new folder.
    for words in (("restart", "--wait"), ("stop",), ("start", "--wait"), ("scale", "web=2")):
        done = cli(*words, cwd=root)
        assert done.returncode == 0, done.stderr
    rows = rows_of(cli, root)
    family += [psutil.Process(pid) for pid in pids(rows)]
    for pid in pids(rows):
        assert psutil.Process(pid).cwd() == str(root)
        assert psutil.Process(pid).environ()["PORTWEAVE_WORKTREE"] == str(root)
    new = "services: {new: {command: sleep 1000, port: false}, "
    write(root, SERVICES.replace("services: {", new))
    assert "new starts" in cli("reload", cwd=root).stderr
    assert cli("logs", "web", cwd=root).stdout.count("up") >= 3
    # It keeps its ports while it runs.
    port = before["web"]["port"]
    assert f"={port}\n" not in cli("run", "--", "env", cwd=project).stdout
    assert cli("down", cwd=root).returncode == 0
    assert all(has_ended(process) for process in family)
    assert cli("up", "-d", cwd=root).returncode == 0
    assert cli("down", cwd=root).returncode == 0


def registry_of(home: Path) -> str:
    return (home / "config/portweave/registry.json").read_text()


@pytest.mark.parametrize("how", ["git", pytest.param("mv", marks=pytest.mark.slow)])
def test_a_moved_worktree_has_the_ports_of_its_stack(
    stack: "Detached",
    git: "Git",
    cli: "Cli",
    project: Path,
    home: Path,
    eventually: "Callable[[Callable[[], object]], None]",
    how: str,
) -> None:
    before = rows_of(cli, stack.root)
    port, namespace = before["web"]["port"], before["web"]["fullName"].removeprefix("web-")
    # The ports of the folder before the stack ran do not matter.
    root = moved(stack, git, project, how)
    registry = registry_of(home)
    eventually(lambda: f'"{root}"' in registry_of(home))
    logged = cli("logs", "web", "--stack", namespace, cwd=project)
    assert logged.stdout == cli("logs", "web", cwd=root).stdout == "web | up\n"
    assert cli("port", "web", cwd=root).stdout == f"{port}\n"
    assert cli("url", "web", cwd=root).stdout.endswith((f":{port}\n", ":1355\n"))
    assert f"PORTWEAVE_NAMESPACE={namespace}\n" in cli("env", "web", cwd=root).stdout
    ran = cli("run", "--", "env", cwd=root)
    assert f"WEB_PORT={port}\n" in ran.stdout
    assert "reusing existing allocation" in ran.stderr
    assert "does not belong" not in ran.stderr
    assert json.loads(cli("show", "--json", cwd=root).stdout)["ports"]["web"] == port
    assert cli("exec", "web", "--", "pwd", cwd=root).stdout == f"{root}\n"
    assert registry_of(home).count(f'"{port}"') == registry.count(f'"{port}"')
    # An older npm portweave removes entries of missing folders.
    (home / "config/portweave/registry.json").write_text('{"entries": [], "version": 1}')
    assert cli("port", "web", cwd=root).stdout == f"{port}\n"
    assert cli("down", cwd=root).returncode == 0
    write(root, SERVICES)
    assert cli("port", "web", cwd=root).returncode == 0


def test_a_renamed_project_folder_changes_no_name_of_its_stack(
    project: Path, detached_at: "Callable[[Path], Detached]", cli: "Cli"
) -> None:
    write(project, f"services: {{api: {IDLE}}}\n")
    detached_at(project).up()
    other = project.rename(project.with_name("renamed"))
    # The name of a compose project is one of them, and its containers belong to that.
    said = cli("reload", cwd=other)
    assert (said.returncode, said.stderr) == (0, "[portweave] nothing has changed\n")
    cli("down", cwd=other)


def test_a_service_that_a_moved_stack_lacks_gets_a_port_behind_its_block(
    stack: "Detached",
    git: "Git",
    cli: "Cli",
    project: Path,
    home: Path,
    eventually: "Callable[[Callable[[], object]], None]",
) -> None:
    port = rows_of(cli, stack.root)["web"]["port"]
    root = moved(stack, git, project, "git")
    eventually(lambda: f'"{root}"' in registry_of(home))
    write(root, f"services: {{web: {IDLE}, new: {IDLE.replace('port: false, ', '')}}}\n")
    assert int(cli("port", "new", cwd=root).stdout) not in (0, port)
    assert cli("port", "web", cwd=root).returncode != 0
    assert registry_of(home).count('"worktreeRoot"') == 1


def test_another_worktree_in_its_place_is_not_taken_for_it(
    stack: "Detached", git: "Git", cli: "Cli", project: Path
) -> None:
    family = stack.remember_processes()
    moved(stack, git, project, "git")
    git("worktree", "add", "-q", "-b", "other", stack.root, cwd=project)
    for words in (("up", "-d"), ("port", "web"), ("run", "--", "true"), ("show",), ("env",)):
        refused = cli(*words, cwd=stack.root)
        assert "another folder lies in its place" in refused.stderr
        assert "(PW0906)" in refused.stderr
    assert "is another folder now" in cli("ps", cwd=stack.root).stderr
    assert all(process.is_running() for process in family)
    assert cli("down", cwd=stack.root).returncode == 0
    assert all(has_ended(process) for process in family)
    assert cli("up", "-d", cwd=stack.root).returncode == 0


def test_a_removed_worktree_keeps_its_ports_until_its_stack_has_ended(
    stack: "Detached", cli: "Cli", project: Path
) -> None:
    before = rows_of(cli, stack.root)
    shutil.rmtree(stack.root)
    port = before["web"]["port"]
    assert f"={port}\n" not in cli("run", "--", "env", cwd=project).stdout
    lost = cli("logs", "--stack", "shop/linked", cwd=project).stderr
    assert f"the folder {stack.root} was moved or removed" in lost
    refused = cli("restart", "--stack", "shop/linked", cwd=project)
    assert f"its folder was {stack.root}, which is there no longer" in refused.stderr
    assert pids(rows_of(cli, project, "--stack", "shop/linked")) == pids(before)
    assert cli("down", "--stack", "shop/linked", cwd=project).returncode == 0
