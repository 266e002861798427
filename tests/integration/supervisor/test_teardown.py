"""The hook `teardown`: after a worktree was removed, by its stack or by a later command."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.running_stacks import has_ended
from tests.support.stacks import IDLE, write

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.detached_stacks import Detached

HOOK = """
services: {{web: {idle}}}
hooks:
  teardown:
    command: ['cat script >> {out}', 'echo $PORTWEAVE_NAMESPACE $KIND $SECRET. >> {out}']
    files: [script]
    environment: {{KIND: test}}
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """What a teardown writes to."""
    return tmp_path / "out"


@pytest.fixture
def linked(project: Path, git: "Git", tmp_path: Path, out: Path) -> Path:
    """A linked worktree of a repository with a `teardown`."""
    write(project, HOOK.format(idle=IDLE, out=out))
    (project / "script").write_text("kept\n")
    git("init", "-q", cwd=project)
    git("add", ".", cwd=project)
    git("commit", "-q", "-m", "first", cwd=project)
    root = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "linked", root, cwd=project)
    return root


def is_gone(pid: int) -> bool:
    try:
        return has_ended(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def kept(home: Path) -> list[Path]:
    return list((home / "state/portweave/worktrees").glob("*/teardown.json"))


@pytest.mark.parametrize("how", ["git", pytest.param("rm", marks=pytest.mark.slow)])
def test_a_stack_runs_the_teardown_of_its_removed_worktree(
    detached_at: "Callable[[Path], Detached]",
    git: "Git",
    project: Path,
    home: Path,
    linked: Path,
    out: Path,
    eventually: "Callable[[Callable[[], object]], None]",
    how: str,
) -> None:
    stack = detached_at(linked)
    stack.up()
    family = stack.remember_processes()
    assert len(kept(home)) == 1
    if how == "git":
        git("worktree", "remove", linked, cwd=project)
    else:
        shutil.rmtree(linked)
    eventually(lambda: not stack.record())
    psutil.wait_procs(family, timeout=15)
    first, second = out.read_text().splitlines()
    assert first == "kept"
    assert second.startswith("linked-")
    assert second.endswith(" test .")
    assert kept(home) == []


@pytest.mark.parametrize("hook", ["setup", "afterDown"])
def test_a_worktree_that_is_removed_while_another_hook_runs_has_its_teardown(
    detached_at: "Callable[[Path], Detached]",
    home: Path,
    linked: Path,
    out: Path,
    eventually: "Callable[[Callable[[], object]], None]",
    hook: str,
) -> None:
    with (linked / "portweave.yaml").open("a") as definition:
        definition.write(f"  {hook}: 'rm -rf {linked}; exec sleep 1000'\n")
    stack = detached_at(linked)
    if hook == "setup":
        said = stack("up", "-d", status=1).stderr
        assert f"the folder {linked} was removed" in said
        assert "portweave start" not in said
    else:
        stack.up()
        stack("down", cwd=linked)
    eventually(lambda: not stack.record())
    assert kept(home) == []
    assert out.read_text().startswith("kept\n")


def test_nothing_runs_while_the_worktree_exists(
    detached_at: "Callable[[Path], Detached]",
    cli: "Cli",
    git: "Git",
    project: Path,
    linked: Path,
    out: Path,
) -> None:
    stack = detached_at(linked)
    stack.up()
    refused = stack("teardown", status=1).stderr
    assert "may use what teardown removes (PW0951)" in refused
    assert "hint: portweave down stops it first" in refused
    stack.down()
    moved = linked.with_name("moved")
    git("worktree", "move", linked, moved, cwd=project)
    for words in (("down",), ("doctor", "--fix"), ("teardown", "--pending")):
        cli(*words, cwd=project)
    assert not out.exists()
    done = cli("teardown", cwd=moved, env={"SECRET": "inherited"})
    assert done.returncode == 0, done.stderr
    assert out.read_text().splitlines()[1].endswith(" test .")


def test_a_later_command_runs_what_is_pending_and_looking_does_not(
    detached_at: "Callable[[Path], Detached]",
    cli: "Cli",
    git: "Git",
    project: Path,
    home: Path,
    linked: Path,
    out: Path,
) -> None:
    stack = detached_at(linked)
    stack.up()
    stack.down()
    git("worktree", "remove", "--force", linked, cwd=project)
    for words in (("ps",), ("ls",), ("logs",), ("port", "web"), ("show",), ("doctor",)):
        cli(*words, cwd=project)
    assert not out.exists()
    assert "PW0315" in cli("doctor", cwd=project).stdout
    assert "cat script" in cli("teardown", "--list", cwd=project).stdout
    assert str(linked) in (home / "config/portweave/registry.json").read_text()
    said = cli("down", cwd=project).stderr
    assert "running teardown of the removed worktree shop/linked" in said
    assert out.read_text().startswith("kept\n")
    assert kept(home) == []
    assert str(linked) not in (home / "config/portweave/registry.json").read_text()


def test_a_teardown_that_fails_three_times_waits_for_the_user(
    detached_at: "Callable[[Path], Detached]",
    cli: "Cli",
    git: "Git",
    project: Path,
    home: Path,
    linked: Path,
    tmp_path: Path,
) -> None:
    command = f"teardown: 'echo tried >> {tmp_path}/tries; test -e {tmp_path}/mended'"
    write(linked, f"services: {{web: {IDLE}}}\nhooks: {{{command}}}\n")
    stack = detached_at(linked)
    stack.up()
    stack.down()
    git("worktree", "remove", "--force", linked, cwd=project)
    for _ in range(4):
        cli("down", cwd=project)
    tries = tmp_path / "tries"
    assert tries.read_text().count("tried") == 3
    assert "failed 3 times" in cli("doctor", cwd=project).stdout
    done = cli("teardown", "--pending", cwd=project)
    assert done.returncode == 1
    assert "PW0910" in done.stderr
    (tmp_path / "mended").touch()
    assert cli("teardown", "--pending", cwd=project).returncode == 0
    assert tries.read_text().count("tried") == 5
    assert kept(home) == []


def test_what_a_teardown_leaves_running_ends_with_it(
    cli: "Cli",
    linked: Path,
    out: Path,
    eventually: "Callable[[Callable[[], object]], None]",
) -> None:
    hook = f"seq 1 500; sleep 1000 & echo $! > {out}; echo the end"
    write(linked, f"services: {{web: {IDLE}}}\nhooks: {{teardown: '{hook}'}}\n")
    done = cli("teardown", cwd=linked)
    assert done.returncode == 0, done.stderr
    eventually(lambda: is_gone(int(out.read_text())))
    assert "teardown | 199\n[portweave] teardown | … and 302 more lines\n" in done.stderr


def test_a_damaged_copy_is_told_and_a_lost_file_is_named(
    detached_at: "Callable[[Path], Detached]",
    cli: "Cli",
    project: Path,
    home: Path,
    linked: Path,
    out: Path,
) -> None:
    stack = detached_at(linked)
    stack.up()
    stack.down()
    shutil.rmtree(linked)
    [teardown] = kept(home)
    [files] = teardown.parent.glob("files-*")
    shutil.rmtree(files)
    said = cli("down", cwd=project).stderr
    assert f"failed: its kept files are gone: {files} does not exist" in said
    teardown.write_text("{")
    said = cli("doctor", cwd=project).stdout
    assert f"the kept teardown in {teardown.parent} is damaged" in said
    assert not out.exists()


def test_a_definition_without_a_teardown_keeps_none(
    detached_at: "Callable[[Path], Detached]", home: Path, linked: Path
) -> None:
    stack = detached_at(linked)
    stack.up()
    stack.down()
    assert len(kept(home)) == 1
    write(linked, f"services: {{web: {IDLE}}}\n")
    stack.up()
    stack.down()
    assert kept(home) == []


def test_too_many_bytes_are_refused(
    detached_at: "Callable[[Path], Detached]", linked: Path
) -> None:
    (linked / "script").write_bytes(b"x" * 11_000_000)
    done = detached_at(linked)("up", "-d", status=1)
    assert "the files of teardown have 11,000,000 bytes" in done.stderr
    assert "PW0909" in done.stderr
