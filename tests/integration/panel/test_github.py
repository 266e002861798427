"""Pull requests in the panel, with programs that replace GitHub's `gh`."""

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from portweave.panel.npm_snapshot import Facts
from portweave.panel.worktree_facts import FactFinder

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.panels import StartPanel

URL = "https://github.com/shop/shop/pull/42"
MERGED: dict[str, object] = {
    "number": 42,
    "state": "MERGED",
    "url": URL,
    "title": "Sell more",
    "isDraft": False,
    "reviewDecision": "APPROVED",
    "statusCheckRollup": [],
}
LOGGED_IN = 'test "$1" = auth && exit 0'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A linked worktree without uncommitted changes."""
    main = tmp_path / "shop"
    linked = tmp_path / "fix"
    main.mkdir()
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(tmp_path)}
    for words in (
        ["init", "-q", "-b", "main"],
        ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "x"],
        ["worktree", "add", "-q", "-b", "fix", str(linked)],
    ):
        subprocess.run(
            ["/usr/bin/env", "git", *words], cwd=main, env=environ, check=True, timeout=20
        )
    return linked


class Gh:
    """A program called gh that runs a script, and records its calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def does(self, script: str) -> dict[str, str]:
        """Return an environment in which this `gh` is found first."""
        program = self._folder / "gh"
        notes = shlex.quote(str(self._folder / "calls"))
        program.write_text(f'#!/bin/sh\necho "$PWD $*" >> {notes}\n{script}\n')
        program.chmod(0o755)
        return {**os.environ, "PATH": f"{self._folder}:{os.environ['PATH']}"}

    @property
    def calls(self) -> list[str]:
        """Return the folder and the words of each call."""
        return (self._folder / "calls").read_text().splitlines()


@pytest.fixture
def gh(tmp_path: Path) -> Gh:
    return Gh(tmp_path / "programs")


def saying(text: str, *, status: int = 0) -> str:
    return f"{LOGGED_IN}\nprintf %s {shlex.quote(text)}; exit {status}"


def found(environ: dict[str, str], root: Path, *, github_s: float = 15.0) -> Facts:
    async def find() -> Facts:
        finder = FactFinder(environ, github_s=github_s)
        return await finder.of(str(root), str(root.parent / "shop/.git"))

    return anyio.run(find)


def test_the_pull_request_of_a_branch_is_told(gh: Gh, repository: Path) -> None:
    facts = found(gh.does(saying(json.dumps(MERGED))), repository)
    assert facts.pull_request is not None
    assert facts.pull_request.as_npm_json() == {"number": 42, "state": "merged", "url": URL}
    assert facts.is_safe_to_prune
    auth, view = gh.calls
    assert auth == "/ auth status"
    assert view.startswith(f"{repository} pr view --json state,number,url,")


@pytest.mark.parametrize(
    ("script", "asked"),
    [
        pytest.param("exit 1", False, id="not logged in"),
        pytest.param("exit 4", False, id="authentication is required"),
        pytest.param(f"{LOGGED_IN}\necho 'no pull requests found' >&2; exit 1", True, id="none"),
        pytest.param(saying(json.dumps(MERGED), status=4), True, id="logged out meanwhile"),
        pytest.param(saying("<html>502</html>"), True, id="garbage"),
        pytest.param(saying('{"number": 42'), True, id="half an answer"),
        pytest.param(f"{LOGGED_IN}\nhead -c 3000000 /dev/zero", True, id="zeros"),
        pytest.param(f"{LOGGED_IN}\nkill -9 $$", True, id="killed"),
    ],
)
def test_facts_that_gh_does_not_know_are_left_out(
    gh: Gh, repository: Path, script: str, asked: bool
) -> None:
    facts = found(gh.does(script), repository)
    # All other facts are there.
    assert (facts.branch, facts.clean, facts.pull_request) == ("fix", True, None)
    assert not facts.is_safe_to_prune
    assert len(gh.calls) == 1 + asked


def test_without_gh_nothing_is_asked(repository: Path, tmp_path: Path) -> None:
    programs = tmp_path / "few"
    programs.mkdir()
    for name in ("git", "du"):
        path = subprocess.run(
            ["/bin/sh", "-c", f"command -v {name}"], capture_output=True, check=True
        )
        (programs / name).symlink_to(path.stdout.decode().strip())
    facts = found({**os.environ, "PATH": str(programs)}, repository)
    assert (facts.branch, facts.pull_request) == ("fix", None)
    assert facts.is_whole


def test_only_one_request_waits_for_a_gh_that_hangs(gh: Gh, tmp_path: Path) -> None:
    """Callers that need only facts about files do not wait."""
    environ = gh.does(f"{LOGGED_IN}\nexec sleep 1000")

    async def find() -> list[Facts]:
        finder = FactFinder(environ, github_s=1.0)
        roots = [tmp_path / f"tree-{number}" for number in range(20)]
        for root in roots:
            root.mkdir()
        facts: list[Facts] = []

        async def ask(root: Path) -> None:
            facts.append(await finder.of(str(root), "/x/.git"))

        async with anyio.create_task_group() as tasks:
            for root in roots:
                tasks.start_soon(ask, root)
            soon = await finder.of(str(tmp_path / "tree-0"), "/x/.git", whole=False)
            assert not soon.is_whole
        assert (await finder.of(str(tmp_path / "tree-0"), "/x/.git", whole=False)).is_whole
        return facts

    assert [one.pull_request for one in anyio.run(find)] == [None] * 20
    # They run at the same time, not twenty in sequence.
    assert len(gh.calls) <= 1 + 4


def test_after_a_later_login_pull_requests_are_shown(
    gh: Gh, repository: Path, tmp_path: Path
) -> None:
    logged_in = tmp_path / "logged-in"
    environ = gh.does(f"test -e {logged_in} || exit 1\n{saying(json.dumps(MERGED))}")

    async def find() -> list[tuple[bool, bool]]:
        finder = FactFinder(environ)
        found: list[tuple[bool, bool]] = []

        async def ask(*, again: bool, whole: bool) -> None:
            facts = await finder.of(str(repository), "/x/.git", again=again, whole=whole)
            found.append((facts.pull_request is not None, facts.is_whole))

        await ask(again=False, whole=False)
        await ask(again=False, whole=True)
        logged_in.touch()
        await ask(again=False, whole=False)
        await ask(again=True, whole=False)
        await ask(again=False, whole=True)
        return found

    assert anyio.run(find) == [
        (False, False),
        (False, True),
        (False, True),
        (False, False),
        (True, True),
    ]


def test_few_gh_processes_run_at_a_time_and_answers_are_cached(gh: Gh, tmp_path: Path) -> None:
    running = tmp_path / "running"
    running.mkdir()
    environ = gh.does(
        f"{LOGGED_IN}\ntouch {running}/$$; ls {running} | wc -l >> {tmp_path}/most; sleep 0.1\n"
        f"rm {running}/$$; printf %s {shlex.quote(json.dumps(MERGED))}"
    )

    async def find() -> None:
        finder = FactFinder(environ)
        roots = [tmp_path / f"tree-{number}" for number in range(10)]
        for root in roots:
            root.mkdir()
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                for root in roots * 2:
                    tasks.start_soon(finder.of, str(root), "/x/.git")

    anyio.run(find)
    assert len(gh.calls) == 1 + 10
    assert max(map(int, (tmp_path / "most").read_text().split())) <= 4


def test_facts_without_github_come_first_and_keep_npms_shape(
    panel: "StartPanel",
    gh: Gh,
    repository: Path,
    cli: "Cli",
) -> None:
    (repository / "Procfile").write_text("web: exec sleep 1000\n")
    assert cli("run", "--", "true", cwd=repository).returncode == 0
    go = repository.parent / "go"
    os.mkfifo(go)
    slow = f"{LOGGED_IN}\nread x < {go}; printf %s {shlex.quote(json.dumps(MERGED))}"
    one = panel(PATH=gh.does(slow)["PATH"])
    path = f"/api/v1/facts?worktree={one.worktree(repository)['id']}"
    before = one.get(path)
    assert (before["branch"], before["pullRequest"], before["isWhole"]) == ("fix", None, False)
    # Opened for reading and writing: no process reads from it yet.
    writer = os.open(go, os.O_RDWR)
    os.write(writer, b"now\n")
    after = one.get(f"{path}&whole=1")
    os.close(writer)
    assert after["pullRequest"] == {
        "number": 42, "state": "merged", "url": URL,
        "title": "Sell more", "isDraft": False, "review": None, "checks": None,
    }  # fmt: skip
    assert one.get(path)["pullRequest"] == after["pullRequest"]
    (worktree,) = one.get("/api/allocations")["projects"][0]["worktrees"]
    assert worktree["prStatus"] == {"number": 42, "state": "merged", "url": URL}
    # One file is not committed.
    assert worktree["safeToPrune"] is False
    assert len(gh.calls) == 2
