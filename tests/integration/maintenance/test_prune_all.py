"""`portweave prune --all` with real repositories."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portweave.maintenance.merged_branches import merge_facts
from tests.support.running_stacks import has_ended
from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.detached_stacks import Detached

SERVICES = "services: {job: {command: 'echo up; exec sleep 1000', ready: {log: up}}}\n"


class Shop:
    """A repository with worktrees that have ports."""

    def __init__(self, project: Path, git: "Git", cli: "Cli") -> None:
        self.main = project
        self.git, self.cli = git, cli
        write(project, SERVICES)
        git("init", "-q", "-b", "main", cwd=project)
        git("add", ".", cwd=project)
        git("commit", "-q", "-m", "first", cwd=project)

    def add(self, branch: str, *, own: bool = True, merged: bool = True) -> Path:
        root = self.main.parent / branch
        self.git("worktree", "add", "-q", "-b", branch, root, cwd=self.main)
        if own:
            (root / branch).write_text("x")
            self.git("add", ".", cwd=root)
            self.git("commit", "-q", "-m", branch, cwd=root)
        if own and merged:
            self.git("merge", "-q", "--no-edit", branch, cwd=self.main)
        return root

    def take_ports(self, *roots: Path) -> None:
        for root in roots:
            assert self.cli("run", "true", cwd=root).returncode == 0

    def prune(self, *words: str, status: int = 0) -> dict[str, Any]:
        done = self.cli("prune", "--all", *words, "--json", cwd=self.main)
        assert done.returncode == status, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def roots(self) -> set[str]:
        rows = json.loads(self.cli("ls", "--all", "--json", cwd=self.main).stdout)["stacks"]
        return {Path(row["worktreeRoot"]).name for row in rows if row["ports"]}


@pytest.fixture
def shop(project: Path, git: "Git", cli: "Cli") -> Shop:
    return Shop(project, git, cli)


def names(found: dict[str, Any]) -> dict[str, list[str]]:
    return {Path(one["worktreeRoot"]).name: one["reasons"] for one in found["pruned"]}


def test_merged_and_gone_worktrees_are_pruned(
    shop: Shop, detached_at: "Callable[[Path], Detached]", cli: "Cli"
) -> None:
    done, lost, dirty = shop.add("done"), shop.add("lost"), shop.add("dirty")
    fresh, open_ = shop.add("fresh", own=False), shop.add("open", merged=False)
    shop.take_ports(lost, dirty, fresh, open_)
    detached_at(done).up()
    guardian = detached_at(done).guardian()
    shutil.rmtree(lost)
    (dirty / "new").write_text("x")
    reasons = {"done": ["done is merged into main"], "lost": ["its folder is gone"]}
    would = shop.prune("--gone", "--merged", "--dry-run")
    assert names(would) == reasons
    assert [one["why"] for one in would["kept"]] == ["dirty is merged, but has uncommitted changes"]
    assert names(shop.prune("--dry-run")) == {"lost": reasons["lost"]}
    refused = cli("prune", "--all", "--merged", cwd=shop.main)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "(PW0614)" in refused.stderr
    assert guardian.is_running()
    assert names(shop.prune("--gone", "--merged", "--yes")) == reasons
    assert has_ended(guardian)
    assert shop.roots() == {"dirty", "fresh", "open"}
    # Nothing but ports and stack is touched.
    assert (done / "done").read_text() == "x"
    assert shop.git("branch", "--list", "done", cwd=shop.main).strip() == "+ done"
    said = cli("prune", "--all", cwd=shop.main)
    assert (said.returncode, said.stderr) == (0, "[portweave] there is nothing to prune\n")


def test_a_teardown_is_shown_before_it_runs(
    shop: Shop, detached_at: "Callable[[Path], Detached]", cli: "Cli", tmp_path: Path
) -> None:
    lost, mark = shop.add("lost"), tmp_path / "torn-down"
    write(lost, f"{SERVICES}hooks: {{teardown: 'echo done >> {mark}; exit 1'}}\n")
    stack = detached_at(lost)
    stack.up()
    stack.down()
    shop.git("worktree", "remove", "--force", lost, cwd=shop.main)
    would = cli("prune", "--all", "--dry-run", cwd=shop.main).stderr
    assert f"[portweave]   teardown of shop/{lost.name}" in would.replace(shop.main.name, "shop")
    assert f"echo done >> {mark}" in would
    # Without a consent nothing runs.
    assert cli("prune", "--all", cwd=shop.main).returncode == 1
    assert not mark.exists()
    assert names(shop.prune("--yes")) == {"lost": ["its folder is gone"]}
    # It fails, and is not tried again by the same command.
    assert mark.read_text() == "done\n"


def test_a_locked_worktree_is_kept(shop: Shop) -> None:
    away = shop.add("away")
    shop.git("worktree", "lock", away, cwd=shop.main)
    shop.take_ports(away)
    away.rename(away.with_name("elsewhere"))
    found = shop.prune("--yes")
    assert found["pruned"] == []
    assert [one["why"] for one in found["kept"]] == ["its folder is gone, but git has it locked"]


def test_old_worktrees_are_pruned(shop: Shop) -> None:
    old = shop.add("old", own=False)
    shop.take_ports(old, shop.main)
    assert names(shop.prune("--older", "1h", "--yes")) == {}
    assert names(shop.prune("--older", "1ms", "--yes")).keys() == {"old", shop.main.name}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--merged",), "--merged needs --all"),
        (("--dry-run",), "--dry-run needs --all"),
        (("--all", "--force"), "--all excludes --path and --force"),
        (("--all", "--older", "old"), "--older takes an age such as 14d or 12h"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    cli: "Cli", project: Path, words: tuple[str, ...], text: str
) -> None:
    done = cli("prune", *words, cwd=project)
    assert done.returncode == 1
    assert text in done.stderr
    assert "(PW0601)" in done.stderr


def fake_gh(folder: Path, answer: str) -> dict[str, str]:
    folder.mkdir()
    program = folder / "gh"
    program.write_text(f"#!/bin/sh\necho \"$@\" > {folder}/asked\necho '{answer}'\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_github_tells_of_a_request_with_exactly_this_head(
    shop: Shop, tmp_path: Path, environ: dict[str, str]
) -> None:
    squashed = shop.add("squashed", merged=False)
    tip = shop.git("rev-parse", "HEAD", cwd=squashed).strip()
    common_dir = f"{shop.main}/.git"
    for number, (head, request) in enumerate(((tip, 7), ("0" * 40, 0))):
        answer = json.dumps([{"number": 7, "headRefOid": head}])
        gh = fake_gh(tmp_path / f"gh{number}", answer)
        facts = merge_facts(str(squashed), common_dir, environ | gh)
        assert (facts.is_contained, facts.request) == (False, request)
        asked = (tmp_path / f"gh{number}" / "asked").read_text()
        assert "--state merged --head squashed" in asked
    # What is not clean is not asked about.
    (squashed / "new").write_text("x")
    gh = fake_gh(tmp_path / "gh3", "[]")
    assert not merge_facts(str(squashed), common_dir, environ | gh).is_clean
    assert not (tmp_path / "gh3" / "asked").exists()


def test_looking_runs_nothing_of_the_repository(
    shop: Shop, tmp_path: Path, environ: dict[str, str]
) -> None:
    root, mark = shop.add("evil"), tmp_path / "ran"
    run = f'{sys.executable} -c \'open("{mark}", "w")\''
    for key in ("core.fsmonitor", "gpg.program", "filter.x.clean", "filter.x.smudge"):
        shop.git("config", key, run, cwd=shop.main)
    for key, text in (("log.showSignature", "true"), ("core.pager", run)):
        shop.git("config", key, text, cwd=shop.main)
    (root / ".gitattributes").write_text("* filter=x\n")
    (root / "evil").write_text("changed")
    facts = merge_facts(str(root), f"{shop.main}/.git", environ)
    assert (facts.branch, facts.is_clean) == ("evil", False)
    assert not mark.exists()
