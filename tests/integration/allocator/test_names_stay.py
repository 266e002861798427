"""Ports and names that stay when folders are renamed or replaced."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Cli, Git
from tests.support.proxies import UsersProxy
from tests.support.stacks import (
    IDLE,
    write,
)

RUN = ("run", "--count", "1", "--", "sh", "-c", "echo $PORT_1")
SHOP = f"services: {{web: {IDLE.replace('port: false, ', '')}}}\n"


@pytest.fixture
def entries(home: Path) -> Callable[[], list[dict[str, Any]]]:
    """The entries of the registry."""

    def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            (home / "config/portweave/registry.json").read_text()
        )["entries"]
        return found

    return read


def repository(root: Path, git: Git) -> Path:
    root.mkdir(parents=True)
    git("init", "-q", "-b", "trunk", cwd=root)
    write(root, SHOP)
    git("add", ".", cwd=root)
    git("commit", "-q", "-m", "first", cwd=root)
    return root


def url(cli: Cli, cwd: Path) -> str:
    """The URL of a worktree's service `web`."""
    done = cli("run", "--name", "web", "--", "sh", "-c", "echo $PORTWEAVE_URL", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_repaired_worktree_keeps_its_block(
    cli: Cli, git: Git, tmp_path: Path, entries: Callable[[], list[dict[str, Any]]]
) -> None:
    main, tree = repository(tmp_path / "old", git), tmp_path / "wt"
    git("worktree", "add", "-q", tree, cwd=main)
    port = cli(*RUN, cwd=tree).stdout
    main = main.rename(tmp_path / "new")
    for words in (RUN, ("up", "-d"), ("port", "web"), ("logs",)):
        refused = cli(*words, cwd=tree)
        assert refused.returncode == 1
        assert "it was moved or removed (PW0306)" in refused.stderr
        assert f"git -C MAIN worktree repair {tree}\n" in refused.stderr
    assert "PW0306" in cli("doctor", cwd=tree).stdout
    # Another repository is moved to the old place.
    other = repository(tmp_path / "old", git)
    assert "does not know this worktree" in cli(*RUN, cwd=tree).stderr
    git("worktree", "repair", tree, cwd=main)
    assert cli("show", "--count", "1", cwd=tree).returncode == 0
    done = cli(*RUN, cwd=tree)
    # A reader of these files would mistake the worktree for another one's.
    assert f"was a worktree of {other}/.git before, and is one of {main}/.git now" in done.stderr
    assert done.stdout == port
    assert [entry["key"]["gitCommonDir"] for entry in entries()] == [f"{main}/.git"]


def test_a_running_stack_keeps_its_block_where_the_folder_becomes_another_worktree(
    cli: Cli, git: Git, tmp_path: Path
) -> None:
    main, tree = repository(tmp_path / "shop", git), tmp_path / "wt"
    git("worktree", "add", "-q", tree, cwd=main)
    assert cli("up", "-d", cwd=tree).returncode == 0
    try:
        port = cli("port", "web", cwd=tree).stdout
        (programs := tmp_path / "programs").mkdir()
        # Without git the folder is a project of its own, with another namespace and stack.
        assert cli("port", "web", cwd=tree, env={"PATH": str(programs)}).stdout != port
        assert cli("port", "web", cwd=tree).stdout == port
    finally:
        cli("down", cwd=tree)


def test_a_worktree_of_another_repository_in_its_place_is_reported(
    cli: Cli, git: Git, tmp_path: Path, entries: Callable[[], list[dict[str, Any]]]
) -> None:
    one, two = (repository(tmp_path / name, git) for name in ("one", "two"))
    tree = tmp_path / "wt"
    git("worktree", "add", "-q", tree, cwd=one)
    port = cli(*RUN, cwd=tree).stdout
    git("worktree", "remove", tree, cwd=one)
    git("worktree", "add", "-q", tree, cwd=two)
    done = cli(*RUN, cwd=tree)
    assert f"was a worktree of {one}/.git before, and is one of {two}/.git now" in done.stderr
    assert done.stdout == port
    assert len(entries()) == 1
    assert "before" not in cli(*RUN, cwd=tree).stderr


def test_the_first_clone_keeps_its_name(cli: Cli, git: Git, tmp_path: Path, home: Path) -> None:
    first = repository(tmp_path / "shop", git)
    fix = tmp_path / "fix"
    git("worktree", "add", "-q", fix, cwd=first)
    before = [url(cli, first), url(cli, fix)]
    assert [text.partition("localhost")[0] for text in before] == [
        "http://web.shop.",
        "http://web.fix.shop.",
    ]
    second = tmp_path / "review/shop"
    git("clone", "-q", first, second, cwd=tmp_path)
    write(second, "services: {web: {command: 'true', oneshot: true, hostname: false}}\n")
    told = cli("up", cwd=second, env=UsersProxy(home).env).stderr
    assert f"the name shop belongs to {first}/.git, which had it first; here it is shop-" in told
    theirs = url(cli, second)
    assert theirs.startswith("http://web.shop-")
    assert [url(cli, first), url(cli, fix)] == before
    # The name stays while one worktree of the repository has ports.
    assert cli("prune", cwd=first).returncode == 0
    assert url(cli, second) == theirs
    assert url(cli, first) == before[0]


def test_the_folder_around_a_bare_repository_is_of_its_project(
    cli: Cli, git: Git, tmp_path: Path
) -> None:
    source, shop = repository(tmp_path / "source", git), tmp_path / "shop"
    git("clone", "-q", "--bare", source, shop / ".bare", cwd=tmp_path)
    (shop / ".git").write_text("gitdir: ./.bare\n")
    git("worktree", "add", "-q", "feat", cwd=shop)
    write(shop, SHOP)
    for _ in range(2):
        assert url(cli, shop / "feat").startswith("http://web.feat.shop.localhost:")
        assert url(cli, shop).startswith("http://web.shop.localhost:")


def test_a_submodule_and_a_folder_without_letters_have_names(
    cli: Cli, git: Git, tmp_path: Path
) -> None:
    main = repository(tmp_path / "shop", git)
    part = repository(tmp_path / "part", git)
    git("-c", "protocol.file.allow=always", "submodule", "-q", "add", part, "sub", cwd=main)
    assert url(cli, main / "sub").startswith("http://web.sub.localhost:")
    tree = tmp_path / "\u529f\u80fd"
    git("worktree", "add", "-q", "-b", "x", tree, cwd=main)
    namespace = json.loads(cli("show", "--json", cwd=_with_ports(cli, tree)).stdout)["namespace"]
    assert namespace.startswith("main-")
    assert url(cli, tree).startswith(f"http://web.{namespace}.shop.localhost:")


def _with_ports(cli: Cli, root: Path) -> Path:
    assert cli("port", "web", cwd=root).returncode == 0
    return root
