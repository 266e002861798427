"""The worktree read from files is the one that git names."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.allocator import worktree
from portweave.allocator.naming import namespace_of
from portweave.errors import BrokenWorktreeError
from tests.support.commands import Git

DROPPED = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_GLOBAL"}


def as_git_says(folder: Path, environ: dict[str, str]) -> tuple[str, str | None, str]:
    """Root, repository and namespace, by three git processes."""
    env = {name: value for name, value in environ.items() if name not in DROPPED}
    answers: list[str] = []
    for words in (
        "rev-parse --show-toplevel",
        "rev-parse --path-format=absolute --git-common-dir",
        "worktree list --porcelain",
    ):
        done = subprocess.run(
            ["git", *words.split()],  # noqa: S607
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not done.stdout:
            return str(folder), None, "main"
        answers.append(done.stdout.strip())
    root, common_dir, listed = answers
    main_root = listed.split("\n")[0].removeprefix("worktree ")
    return root, common_dir, namespace_of(root, main_root)


def check(folder: Path, environ: dict[str, str]) -> None:
    found = worktree.locate(str(folder), environ)
    expected = as_git_says(folder, environ)
    assert (found.root, found.git_common_dir, found.namespace) == expected


def is_read(folder: Path, environ: dict[str, str]) -> bool:
    """Whether the worktree was found without git."""
    try:
        worktree._read(str(folder), environ)  # pyright: ignore[reportPrivateUsage]
    except worktree._UnsureError:  # pyright: ignore[reportPrivateUsage]
        return False
    return True


def plain(base: Path, git: Git) -> Path:
    main = base / "Shop"
    main.mkdir()
    git("init", "-q", cwd=main)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=main)
    return main


def subfolder(base: Path, git: Git) -> Path:
    folder = plain(base, git) / "a" / "b"
    folder.mkdir(parents=True)
    return folder


def linked(base: Path, git: Git) -> Path:
    git("worktree", "add", "-q", "-b", "new", base / "My Feature", cwd=plain(base, git))
    return base / "My Feature"


def moved(base: Path, git: Git) -> Path:
    git("worktree", "move", linked(base, git), base / "moved", cwd=base / "Shop")
    return base / "moved"


def detached(base: Path, git: Git) -> Path:
    folder = linked(base, git)
    git("checkout", "-q", "--detach", cwd=folder)
    return folder


def separate(base: Path, git: Git) -> Path:
    folder = base / "work"
    git("init", "-q", "--separate-git-dir", base / "store", folder, cwd=base)
    return folder


def submodule(base: Path, git: Git) -> Path:
    main = plain(base, git)
    other = base / "other"
    other.mkdir()
    git("init", "-q", cwd=other)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=other)
    git("submodule", "add", "-q", other, "sub", cwd=main)
    return main / "sub"


def bare(base: Path, git: Git) -> Path:
    git("clone", "-q", "--bare", plain(base, git), base / "bare.git", cwd=base)
    return base / "bare.git"


def linked_to_bare(base: Path, git: Git) -> Path:
    git("worktree", "add", "-q", base / "feature", cwd=bare(base, git))
    return base / "feature"


def linked_to_dot_bare(base: Path, git: Git) -> Path:
    folder = base / "project"
    folder.mkdir()
    git("clone", "-q", "--bare", plain(base, git), folder / ".bare", cwd=base)
    (folder / ".git").write_text("gitdir: ./.bare\n")
    git("worktree", "add", "-q", folder / "feature", cwd=folder)
    return folder / "feature"


def beside_dot_bare(base: Path, git: Git) -> Path:
    return linked_to_dot_bare(base, git).parent


def inside_git(base: Path, git: Git) -> Path:
    return plain(base, git) / ".git" / "refs"


def outside(base: Path, _: Git) -> Path:
    return base


def empty_dot_git(base: Path, git: Git) -> Path:
    folder = plain(base, git) / "inner"
    (folder / ".git").mkdir(parents=True)
    return folder


def broken_dot_git(base: Path, git: Git) -> Path:
    folder = plain(base, git) / "inner"
    folder.mkdir()
    (folder / ".git").write_text("gitdir: /nowhere\n")
    return folder


def nonsense_dot_git(base: Path, git: Git) -> Path:
    folder = plain(base, git) / "inner"
    folder.mkdir()
    (folder / ".git").write_text("nonsense")
    return folder


def symlinked_dot_git(base: Path, git: Git) -> Path:
    main = plain(base, git)
    (main / ".git").rename(base / "elsewhere")
    (main / ".git").symlink_to(base / "elsewhere")
    return main


def dangling_dot_git(base: Path, git: Git) -> Path:
    folder = plain(base, git) / "inner"
    folder.mkdir()
    (folder / ".git").symlink_to("/nowhere")
    return folder


def core_worktree(base: Path, git: Git) -> Path:
    main = plain(base, git)
    (base / "tree").mkdir()
    git("config", "core.worktree", base / "tree", cwd=main)
    return main


def core_bare(base: Path, git: Git) -> Path:
    main = plain(base, git)
    git("config", "core.bare", "true", cwd=main)
    return main


def linked_to_core_bare(base: Path, git: Git) -> Path:
    folder = linked(base, git)
    git("config", "core.bare", "true", cwd=base / "Shop")
    return folder


def sparse(base: Path, git: Git) -> Path:
    folder = linked(base, git)
    git("sparse-checkout", "set", "x", cwd=folder)
    return folder


def bad_config(base: Path, git: Git) -> Path:
    main = plain(base, git)
    (main / ".git" / "config").write_text("[core\nnonsense = = [")
    return main


def future_format(base: Path, git: Git) -> Path:
    main = plain(base, git)
    git("config", "core.repositoryformatversion", "9", cwd=main)
    return main


def bad_head(base: Path, git: Git) -> Path:
    main = plain(base, git)
    (main / ".git" / "HEAD").write_text("nonsense\n")
    return main


def others(base: Path, git: Git) -> Path:
    main = plain(base, git)
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(main, 12345, 12345)
    return main


READ = (
    plain,
    subfolder,
    linked,
    moved,
    detached,
    separate,
    submodule,
    linked_to_bare,
    linked_to_dot_bare,
    linked_to_core_bare,
    symlinked_dot_git,
    dangling_dot_git,
    outside,
)
ASKED = (
    bare,
    beside_dot_bare,
    inside_git,
    empty_dot_git,
    core_worktree,
    core_bare,
    sparse,
    bad_config,
    future_format,
    bad_head,
    others,
)


@pytest.mark.parametrize("layout", [*READ, *ASKED], ids=lambda layout: layout.__name__)
def test_the_worktree_is_the_one_that_git_names(
    layout: Callable[[Path, Git], Path], tmp_path: Path, git: Git, environ: dict[str, str]
) -> None:
    folder = layout(tmp_path.resolve(), git)
    check(folder, environ)


@pytest.mark.parametrize("layout", [broken_dot_git, nonsense_dot_git])
def test_a_worktree_that_git_finds_broken_is_an_error(
    layout: Callable[[Path, Git], Path], tmp_path: Path, git: Git, environ: dict[str, str]
) -> None:
    with pytest.raises(BrokenWorktreeError):
        worktree.locate(str(layout(tmp_path.resolve(), git)), environ)


@pytest.mark.parametrize("layout", READ, ids=lambda layout: layout.__name__)
def test_git_is_not_started_where_its_files_say_enough(
    layout: Callable[[Path, Git], Path], tmp_path: Path, git: Git, environ: dict[str, str]
) -> None:
    assert is_read(layout(tmp_path.resolve(), git), environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "/nowhere"),
        ("GIT_WORK_TREE", "/"),
        ("GIT_CEILING_DIRECTORIES", "{main}"),
        ("GIT_COMMON_DIR", "/nowhere"),
        ("GIT_SSL_CAINFO", "/x"),
        ("PWD", "/nowhere"),
    ],
)
def test_variables_mean_what_they_mean_to_git(
    name: str, value: str, tmp_path: Path, git: Git, environ: dict[str, str]
) -> None:
    folder = subfolder(tmp_path.resolve(), git)
    check(folder, environ | {name: value.format(main=folder.parent)})


def test_a_linked_folder_of_the_repository_is_the_same_worktree(
    tmp_path: Path, git: Git, environ: dict[str, str]
) -> None:
    main = plain(tmp_path.resolve(), git)
    alias = tmp_path / "alias"
    alias.symlink_to(main)
    assert worktree.locate(str(alias), environ).root == str(main)


def test_without_git_there_is_no_worktree(
    tmp_path: Path, git: Git, environ: dict[str, str]
) -> None:
    main = plain(tmp_path.resolve(), git)
    found = worktree.locate(str(main), environ | {"PATH": str(tmp_path)})
    assert (found.root, found.git_common_dir) == (str(main), None)


def test_a_folder_that_has_gone_is_outside_git(tmp_path: Path, environ: dict[str, str]) -> None:
    gone = str(tmp_path / "gone")
    found = worktree.locate(gone, environ)
    assert (found.root, found.git_common_dir, found.namespace) == (gone, None, "main")
