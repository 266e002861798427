"""Where a `.git` leads, in folders made by hand."""

from pathlib import Path

import pytest

from portweave.allocator.git_links import (
    branch_of,
    check_link,
    repository_of,
    worktree_slug,
)
from portweave.allocator.naming import namespace_of
from portweave.errors import BrokenWorktreeError

REPAIR = "git -C MAIN worktree repair"


def repository(path: Path) -> Path:
    """A folder that looks like a repository."""
    for name in ("objects", "refs"):
        (path / name).mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    return path


def linked(root: Path, repository: Path) -> Path:
    """A linked worktree of the repository."""
    admin = repository / "worktrees" / root.name
    admin.mkdir(parents=True)
    (admin / "HEAD").write_text("ref: refs/heads/x\n")
    (admin / "commondir").write_text("../..\n")
    root.mkdir(parents=True)
    (root / ".git").write_text(f"gitdir: {admin}\n")
    return root


@pytest.mark.parametrize(
    ("link", "why", "hint"),
    [
        (
            "gitdir: {}/gone/.git/worktrees/wt",
            "was moved or removed",
            "git -C MAIN worktree repair",
        ),
        (
            "gitdir: ../gone/.git/worktrees/wt",
            "was moved or removed",
            "git -C MAIN worktree repair",
        ),
        ("gitdir: {}/shop/.git/worktrees/wt", "does not know this", REPAIR),
        ("gitdir: ../gone/.git/modules/wt", "the submodule's", "git submodule update --init"),
        ("gitdir: {}/shop/.git/worktrees/wt/modules/x", "the submodule's", "git submodule"),
        ("gitdir: {}/gone", "/gone does not exist", ""),
        ("garbage", "does not begin with 'gitdir: '", REPAIR),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error(
    tmp_path: Path, link: str, why: str, hint: str
) -> None:
    repository(tmp_path / "shop/.git")
    root = tmp_path / "wt"
    (root / "deep").mkdir(parents=True)
    (root / ".git").write_text(link.format(tmp_path))
    with pytest.raises(BrokenWorktreeError, match=why) as caught:
        check_link(str(root / "deep"))
    assert "".join(caught.value.hints[:1]).startswith(hint)


def test_a_symbolic_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    root = tmp_path / "wt"
    (root / "deep").mkdir(parents=True)
    (root / ".git").symlink_to("../gone")
    with pytest.raises(BrokenWorktreeError, match=r"a link to ../gone, which") as caught:
        check_link(str(root / "deep"))
    assert "or remove it" in caught.value.hints[0]
    repository(tmp_path / "gone")
    check_link(str(root))


def test_a_link_to_a_removed_repository_is_an_error(tmp_path: Path) -> None:
    root = linked(tmp_path / "wt", repository(tmp_path / "shop/.git"))
    (tmp_path / "shop/.git/worktrees/wt/commondir").write_text("/nowhere\n")
    with pytest.raises(BrokenWorktreeError, match="/nowhere does not exist"):
        check_link(str(root))


def test_a_valid_link_is_no_error(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop/.git")
    for folder in (tmp_path, tmp_path / "shop", linked(tmp_path / "wt", shop), Path("/nowhere")):
        check_link(str(folder))


@pytest.mark.parametrize("bare", [".bare", ".git", "shop.git"])
def test_the_folder_around_a_bare_repository_is_its_project(tmp_path: Path, bare: str) -> None:
    around = tmp_path / "shop"
    path = repository(around / bare)
    if bare == ".bare":
        (around / ".git").write_text("gitdir: ./.bare\n")
    assert repository_of(str(around), None) == str(path)
    assert repository_of(str(around / "feat"), str(path)) == str(path)


def test_a_plain_folder_is_a_project_of_its_own(tmp_path: Path) -> None:
    assert repository_of(str(tmp_path), None) == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "namespace", "slug"),
    [
        ("fix-login", None, "fix-login"),
        ("main", None, "main"),
        ("b\u00e4", None, "b"),
        # No letter of such a name is usable, so npm portweave calls it `main`.
        ("\u529f\u80fd", None, "main-{}"),
        ("\u043c\u043e\u0439-\u043f\u0440\u043e\u0435\u043a\u0442", None, "main-{}"),
        ("fix", "demo", "demo"),
        ("fix", "main", ""),
    ],
)
def test_a_linked_worktree_has_a_slug(
    tmp_path: Path, name: str, namespace: str | None, slug: str
) -> None:
    shop = repository(tmp_path / "shop/.git")
    root = str(linked(tmp_path / name, shop))
    own = namespace_of(root, str(tmp_path / "shop"))
    found = worktree_slug(root, str(shop), namespace or own)
    assert found == slug.format(own.rpartition("-")[2])


def test_a_submodule_is_its_project_s_main_worktree(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop/.git")
    modules = repository(shop / "modules/sub")
    root = tmp_path / "shop/sub"
    root.mkdir()
    (root / ".git").write_text(f"gitdir: {modules}\n")
    namespace = namespace_of(str(root), str(modules))
    assert namespace.startswith("sub-")
    assert worktree_slug(str(root), str(modules), namespace) == ""
    # In a linked worktree of the project above, it has that worktree's slug.
    inner = repository(shop / "worktrees/fix/modules/sub")
    there = tmp_path / "fix/sub"
    there.mkdir(parents=True)
    (there / ".git").write_text(f"gitdir: {inner}\n")
    own = namespace_of(str(there), str(inner))
    assert worktree_slug(str(there), str(inner), own) == "fix"
    assert repository_of(str(there), str(inner)) == str(modules)


def test_the_branch_is_read_from_the_head_of_each_worktree(tmp_path: Path) -> None:
    main = tmp_path / "shop"
    git_dir = repository(main / ".git")
    assert branch_of(str(main)) == "main"
    (git_dir / "HEAD").write_text("ref: refs/heads/feature/login\n")
    assert branch_of(str(main)) == "feature/login"
    assert branch_of(str(linked(tmp_path / "fix", git_dir))) == "x"


def test_a_detached_head_and_a_plain_folder_have_no_branch(tmp_path: Path) -> None:
    git_dir = repository(tmp_path / "shop/.git")
    (git_dir / "HEAD").write_text("0123456789012345678901234567890123456789\n")
    assert branch_of(str(tmp_path / "shop")) is None
    assert branch_of(str(tmp_path)) is None
