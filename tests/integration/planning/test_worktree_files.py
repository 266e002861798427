"""Files that git does not carry, in new worktrees."""

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import IDLE

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git

IGNORED = ".env*\nsecret/\nnode_modules\n*.local\n"


class Shop:
    """A repository with a main worktree and a linked one, in which commands run."""

    def __init__(self, cli: "Cli", git: "Git", folder: Path) -> None:
        self._cli, self.git = cli, git
        self.main, self.linked = folder / "shop", folder / "red"
        self.main.mkdir()
        git("init", "-q", "-b", "main", cwd=self.main)
        (self.main / ".gitignore").write_text(IGNORED)
        self.define("")

    def define(self, more: str) -> None:
        (self.main / "portweave.yaml").write_text(f"services: {{web: {IDLE}}}\n{more}")
        self.git("add", ".", cwd=self.main)
        self.git("commit", "-q", "-m", "x", cwd=self.main)

    def add_worktree(self) -> None:
        self.git("worktree", "add", "-q", "-b", "red", self.linked, cwd=self.main)

    def setup(self, *words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        done = self._cli("setup", *words, cwd=self.linked)
        assert done.returncode == status, done.stderr
        return done

    def files(self) -> set[str]:
        found = {
            os.path.relpath(os.path.join(folder, name), self.linked)
            for folder, _, names in os.walk(self.linked)
            for name in names
        }
        own = {path for path in found if path.startswith(".portweave/")}
        return found - own - {".git", ".gitignore", "portweave.yaml", ".worktreeinclude"}


@pytest.fixture
def shop(cli: "Cli", git: "Git", tmp_path: Path) -> Shop:
    return Shop(cli, git, tmp_path)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_ignored_files_that_match_are_copied_once(shop: Shop) -> None:
    (shop.main / ".worktreeinclude").write_text(".env\nsecret/\ntracked\nuntracked\n")
    (shop.main / "tracked").write_text("git carries it")
    shop.define("worktree: {copy: ['*.local', '!b.local']}\n")
    files = {".env": "A=1\n", "secret/key": "k", "untracked": "u", "a.local": "a", "b.local": "b"}
    write(shop.main, files)
    (shop.main / "secret/link").symlink_to("/etc/passwd")
    shop.add_worktree()
    (shop.linked / "a.local").write_text("mine")
    said = shop.setup().stderr
    assert f"copied from {shop.main}: .env, secret/key" in said
    assert shop.files() == {".env", "secret/key", "a.local", "tracked"}
    assert (shop.linked / "a.local").read_text() == "mine"
    # What the user removes stays away.
    (shop.linked / ".env").unlink()
    assert "copied" not in shop.setup().stderr
    found = json.loads(shop.setup("--force", "--json").stdout)
    assert found == {"schemaVersion": 1, "setup": "none", "copied": [".env"], "linked": []}


def test_ports_of_the_other_worktree_are_left_out(shop: Shop, cli: "Cli") -> None:
    (shop.main / ".worktreeinclude").write_text(".env\n")
    (shop.main / "portweave.yaml").write_text("services: {web: {command: 'sleep 1000'}}\n")
    shop.git("add", ".", cwd=shop.main)
    shop.git("commit", "-q", "-m", "y", cwd=shop.main)
    port = cli("port", "web", cwd=shop.main).stdout.strip()
    (shop.main / ".env").write_text(f"A=1\nWEB_PORT={port}\nURL=http://localhost:{port}\n")
    shop.add_worktree()
    said = shop.setup().stderr
    assert f".env: left out WEB_PORT, ports of {shop.main}" in said
    assert f".env: URL contains a port of {shop.main}" in said
    assert (shop.linked / ".env").read_text() == f"A=1\nURL=http://localhost:{port}\n"


def test_paths_are_linked_if_git_ignores_the_link(shop: Shop) -> None:
    shop.define("worktree: {link: [node_modules, gone]}\n")
    write(shop.main, {"node_modules/a": "1"})
    (shop.main / ".env.d").mkdir()
    shop.add_worktree()
    said = shop.setup().stderr
    assert f"linked from {shop.main}: node_modules" in said
    assert "gone was not linked" in said
    assert (shop.linked / "node_modules").readlink() == shop.main / "node_modules"
    assert (shop.linked / "node_modules/a").read_text() == "1"


def test_what_is_linked_is_not_copied_too(shop: Shop) -> None:
    shop.define("worktree: {copy: ['*'], link: [node_modules/]}\n")
    write(shop.main, {"node_modules/x/index.js": "x", "a.local": "a"})
    shop.add_worktree()
    shop.setup()
    assert (shop.linked / "node_modules").readlink() == shop.main / "node_modules"
    assert shop.files() == {"a.local"}


def test_what_a_killed_copy_left_goes_and_never_stops_a_removal(shop: Shop) -> None:
    shop.define("worktree: {copy: ['*.local'], link: [secret]}\n")
    write(shop.main, {"a.local": "a", "secret/key": "k"})
    shop.add_worktree()
    write(shop.linked, {".portweave/incoming/left": "half", ".portweave/.gitignore": "*\n"})
    write(shop.linked, {"secret/own": "o"})
    said = shop.setup().stderr
    assert "secret was not linked: this worktree has its own" in said
    assert shop.files() == {"a.local", "secret/own"}
    assert not (shop.linked / ".portweave/incoming").exists()
    shop.git("worktree", "remove", shop.linked, cwd=shop.main)


def test_a_link_that_git_would_show_is_refused(shop: Shop) -> None:
    (shop.main / ".gitignore").write_text("node_modules/\n")
    shop.define("worktree: {link: [node_modules]}\n")
    write(shop.main, {"node_modules/a": "1"})
    shop.add_worktree()
    done = shop.setup(status=1)
    assert "git would show the link as untracked" in done.stderr
    assert "PW0909" in done.stderr
    assert "add the line /node_modules to .gitignore" in done.stderr
    assert not (shop.linked / "node_modules").is_symlink()


def test_a_link_that_leads_out_is_refused(shop: Shop) -> None:
    shop.define("worktree: {link: [node_modules]}\n")
    (shop.main / "node_modules").symlink_to("/etc")
    shop.add_worktree()
    assert "leads out of" in shop.setup(status=1).stderr


def test_files_of_other_worktrees_within_are_not_copied(shop: Shop) -> None:
    shop.define("worktree: {copy: ['.env']}\n")
    write(shop.main, {".env": "main"})
    shop.linked = shop.main / "trees/red"
    other = shop.main / "trees/blue"
    shop.git("worktree", "add", "-q", "-b", "blue", other, cwd=shop.main)
    write(other, {".env": "blue"})
    shop.add_worktree()
    shop.setup()
    assert shop.files() == {".env"}
    assert (shop.linked / ".env").read_text() == "main"


def test_a_bare_repository_gives_files_of_its_default_branch(
    shop: Shop, git: "Git", cli: "Cli", tmp_path: Path
) -> None:
    (shop.main / ".worktreeinclude").write_text(".env\n")
    shop.define("")
    bare = tmp_path / "bare.git"
    git("clone", "-q", "--bare", shop.main, bare, cwd=tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    git("worktree", "add", "-q", first, "main", cwd=bare)
    git("worktree", "add", "-q", "-b", "two", second, cwd=bare)
    (first / ".env").write_text("A=1")
    shop.linked = second
    assert f"copied from {first}: .env" in shop.setup().stderr


def test_up_brings_files_before_it_reads_them(shop: Shop, cli: "Cli") -> None:
    shop.define("worktree: {copy: ['.env']}\n")
    write(shop.main, {".env": "GREETING=hello\n"})
    shop.add_worktree()
    done = cli("env", "web", "--format", "json", cwd=shop.linked)
    assert "GREETING" not in json.loads(done.stdout)
    try:
        done = cli("up", "-d", cwd=shop.linked)
        assert f"copied from {shop.main}: .env" in done.stderr
        done = cli("exec", "web", "--", "printenv", "GREETING", cwd=shop.linked)
        assert done.stdout == "hello\n"
    finally:
        cli("down", cwd=shop.linked)
