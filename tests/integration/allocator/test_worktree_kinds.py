"""Every kind of worktree that git makes, through the command: keys, moves, ends."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Cli, Git

pytestmark = pytest.mark.slow

RUN = ("run", "--count", "1", "--", "true")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def run(cli: Cli, cwd: Path, **env: str | None) -> tuple[dict[str, Any], bool]:
    """The worktree's entry, and whether it had it before."""
    done = cli(*RUN, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    shown = json.loads(cli("show", "--json", "--count", "1", cwd=cwd, env=env).stdout)
    for entry in entries(cli):
        found = entry["key"]["worktreeRoot"], entry["namespace"], entry["ports"]
        if found == (shown["worktreeRoot"], shown["namespace"], shown["ports"]):
            return entry, "reusing existing allocation" in done.stderr
    raise AssertionError(shown)


def entries(cli: Cli) -> list[dict[str, Any]]:
    path = Path(cli.environ["XDG_CONFIG_HOME"], "portweave", "registry.json")
    found: list[dict[str, Any]] = json.loads(path.read_text())["entries"]
    return found


def port(entry: dict[str, Any]) -> int:
    found: int = entry["ports"]["port-1"]
    return found


def commit(git: Git, root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    git("init", "-q", cwd=root)
    git("commit", "-q", "--allow-empty", "-m", "first", cwd=root)
    return root


def linked(main: Path, git: Git) -> tuple[Path, str | None]:
    git("worktree", "add", "-q", "--detach", "../other", cwd=main)
    return main.with_name("other"), str(main / ".git")


def on_a_branch(main: Path, git: Git) -> tuple[Path, str | None]:
    git("worktree", "add", "-q", "-b", "topic", "../topic", cwd=main)
    return main.with_name("topic"), str(main / ".git")


def with_blanks_and_letters(main: Path, git: Git) -> tuple[Path, str | None]:
    git("worktree", "add", "-q", "--detach", "../größe ☃ x", cwd=main)
    return main.with_name("größe ☃ x"), str(main / ".git")


def locked(main: Path, git: Git) -> tuple[Path, str | None]:
    git("worktree", "add", "-q", "--detach", "--lock", "../other", cwd=main)
    return main.with_name("other"), str(main / ".git")


def of_a_bare_repository(main: Path, git: Git) -> tuple[Path, str | None]:
    bare = main.with_name("bare.git")
    git("clone", "-q", "--bare", main, bare, cwd=main)
    git("worktree", "add", "-q", "--detach", "../of-bare", cwd=bare)
    return main.with_name("of-bare"), str(bare)


def submodule(main: Path, git: Git) -> tuple[Path, str | None]:
    part = commit(git, main.with_name("part"))
    git("submodule", "--quiet", "add", part, "sub", cwd=main)
    return main / "sub", str(main / ".git" / "modules" / "sub")


def separate(main: Path, git: Git) -> tuple[Path, str | None]:
    git("clone", "-q", "--separate-git-dir", "../apart.git", main, "../apart", cwd=main)
    return main.with_name("apart"), str(main.with_name("apart.git"))


KINDS = (
    linked,
    on_a_branch,
    with_blanks_and_letters,
    locked,
    of_a_bare_repository,
    submodule,
    separate,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_of_worktree_has_a_block_and_a_name_of_its_own(
    kind: Callable[[Path, Git], tuple[Path, str | None]], cli: Cli, git: Git, tmp_path: Path
) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    root, common_dir = kind(main, git)
    first, _ = run(cli, main)
    entry, reused = run(cli, root)
    assert not reused
    assert first["namespace"] == "main"
    assert entry["key"]["worktreeRoot"] == str(root)
    assert entry["key"]["gitCommonDir"] == common_dir
    assert entry["namespace"] not in {"main", ""}
    assert port(entry) != port(first)
    # The worktree is the same through a link, and from a subfolder.
    alias = tmp_path / "alias"
    alias.symlink_to(root)
    (root / "below").mkdir()
    for folder in (alias, root / "below"):
        assert run(cli, folder) == (entry, True)
    # The checked-out branch does not matter.
    git("checkout", "-q", "--detach", cwd=root)
    assert run(cli, root) == (entry, True)
    assert cli("prune", "--path", alias, cwd=tmp_path).returncode == 0
    assert entries(cli) == [first]


def test_a_moved_worktree_is_another_one(cli: Cli, git: Git, tmp_path: Path) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    root, _ = linked(main, git)
    before, _ = run(cli, root)
    git("worktree", "move", root, main.with_name("moved"), cwd=main)
    after, reused = run(cli, main.with_name("moved"))
    assert not reused
    assert after["namespace"].startswith("moved-")
    # Its former block was released, so the same port was assigned again.
    assert port(after) == port(before)
    assert entries(cli) == [after]


def test_a_locked_worktree_that_is_absent_loses_its_block(
    cli: Cli, git: Git, tmp_path: Path
) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    root, _ = locked(main, git)
    run(cli, root)
    root.rename(tmp_path / "unplugged")
    run(cli, main)
    assert [entry["namespace"] for entry in entries(cli)] == ["main"]
    (tmp_path / "unplugged").rename(root)
    entry, reused = run(cli, root)
    assert not reused
    assert len({port(entry) for entry in entries(cli)}) == 2
    assert run(cli, root) == (entry, True)


def test_a_worktree_that_git_removed_releases_its_block(cli: Cli, git: Git, tmp_path: Path) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    root, _ = linked(main, git)
    run(cli, root)
    # git ignores portweave's files, and can remove the worktree.
    git("worktree", "remove", root, cwd=main)
    assert not root.exists()
    done = cli("prune", "--path", root, cwd=main)
    assert done.returncode == 0
    assert done.stderr == f"[portweave] pruned allocation for {root}\n"


@pytest.mark.parametrize("place", ["bare", ".git"])
def test_the_inside_of_a_repository_is_outside_git(
    place: str, cli: Cli, git: Git, tmp_path: Path
) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    folder = main / ".git"
    if place == "bare":
        folder = main.with_name("bare.git")
        git("clone", "-q", "--bare", main, folder, cwd=main)
    entry, _ = run(cli, folder)
    assert entry["key"] == {
        "gitCommonDir": None,
        "namespace": "main",
        "worktreeRoot": str(folder),
    }


def test_without_git_a_folder_is_the_only_worktree(cli: Cli, git: Git, tmp_path: Path) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("true", "env"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    entry, _ = run(cli, main, PATH=str(programs))
    assert entry["key"]["gitCommonDir"] is None
    # With git the key is another one, and the folder keeps its block.
    other, reused = run(cli, main)
    assert reused
    assert other["key"]["gitCommonDir"] == str(main / ".git")
    assert port(other) == port(entry)
    assert len(entries(cli)) == 1


@needs_root
def test_a_repository_that_git_refuses_is_a_plain_folder(
    cli: Cli, git: Git, tmp_path: Path
) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    os.chown(main, 12345, 12345)
    try:
        entry, _ = run(cli, main)
        assert entry["key"]["gitCommonDir"] is None
        git("config", "--global", "--add", "safe.directory", main, cwd=tmp_path)
        trusted, _ = run(cli, main)
        assert trusted["key"]["gitCommonDir"] == str(main / ".git")
    finally:
        os.chown(main, os.geteuid(), os.getegid())


def test_a_copy_of_a_linked_worktree_does_not_share_its_block(
    cli: Cli, git: Git, tmp_path: Path
) -> None:
    main = commit(git, tmp_path.resolve() / "shop")
    root, _ = linked(main, git)
    first, _ = run(cli, root)
    copy = main.with_name("copy")
    shutil.copytree(root, copy, symlinks=True)
    second, reused = run(cli, copy)
    assert not reused
    assert port(first) != port(second)
