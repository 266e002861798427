"""Fixtures for whole stacks: `portweave up` beside the test, and the examples."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.detached_stacks import Detached
from tests.support.locked_packages import STRICT
from tests.support.repository import EXAMPLES
from tests.support.running_stacks import Stack, StartUp
from tests.support.terminals import StartTerminal, Terminal

if TYPE_CHECKING:
    from tests.support.browser import Pages
    from tests.support.commands import Cli, Git
    from tests.support.panels import StartPanel

PAUSE_S = 0.05


@pytest.fixture
def up(cli: "Cli") -> Iterator[StartUp]:
    """Start stacks that are stopped when the test ends: `up(root, "web").wait_for("ready")`."""
    stacks: list[Stack] = []

    def start(
        root: Path,
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> Stack:
        # A service's python3 is the interpreter of the tests.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        argv = [*cli.argv, "up", *map(str, args)]
        stacks.append(
            Stack(argv, cwd=cwd or root, root=root, env=cli.env({"PATH": path, **(env or {})}))
        )
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.end()


@pytest.fixture
def detached_at(cli: "Cli") -> Iterator[Callable[[Path], Detached]]:
    """Detached stacks that are stopped when the test ends: `detached_at(root).up()`."""
    stacks: list[Detached] = []

    def make(root: Path) -> Detached:
        stacks.append(Detached(cli, root))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.end()


@pytest.fixture
def detached(detached_at: Callable[[Path], Detached], project: Path) -> Detached:
    """The detached stack of `project`."""
    return detached_at(project)


@pytest.fixture
def example(tmp_path: Path, git: "Git") -> Callable[..., list[Path]]:
    """Make a repository from an example, with linked worktrees: `example("shop", "red")`."""

    def make(name: str, *linked: str, folder: str = "") -> list[Path]:
        main = tmp_path / "code" / name
        shutil.copytree(
            EXAMPLES / name,
            main / folder,
            # Manual runs leave these files.
            ignore=shutil.ignore_patterns(".data", ".venv", ".portweave", "__pycache__"),
        )
        git("init", "-q", cwd=main)
        git("add", ".", cwd=main)
        git("commit", "-q", "-m", "first", cwd=main)
        for other in linked:
            git("worktree", "add", "-q", "-b", other, main.with_name(other), cwd=main)
        return [main, *(main.with_name(other) for other in linked)]

    return make


@pytest.fixture
def need() -> Callable[..., None]:
    """Skip the test where a program is missing, and fail it in CI: `need("node")`."""

    def check(program: str, *places: str) -> None:
        if shutil.which(program) or any(glob(place) for place in places):
            return
        (pytest.fail if STRICT else pytest.skip)(f"{program} is not installed")

    return check


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Ask until the answer is true, for up to 10 s: `eventually(lambda: done())`."""

    def check(question: Callable[[], object]) -> None:
        until_s = time.monotonic() + 10
        while not question():
            assert time.monotonic() < until_s, "it did not become so within 10 s"
            time.sleep(PAUSE_S)

    return check


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project outside git."""
    path = tmp_path / "shop"
    path.mkdir()
    return path


@pytest.fixture
def terminal(cli: "Cli") -> Iterator[StartTerminal]:
    """Start `portweave up` on a terminal."""
    started: list[Terminal] = []
    detached: list[Path] = []

    def start(root: Path, *args: str, **env: str) -> Terminal:
        one = Terminal([*cli.argv, "up", *args], root, cli.env({"TERM": "xterm", **env}))
        started.append(one)
        if "--detach" in args:
            detached.append(root)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.end()
        one.process.kill()
        one.process.wait()
        os.close(one.master)
    for root in detached:
        # The supervisor is not a child of this process, and outlives a failed `up`.
        assert cli("down", cwd=root).returncode == 0


@pytest.fixture
def panel(cli: "Cli", tmp_path: Path) -> Iterator["StartPanel"]:
    """Start panels that are stopped when the test ends: `panel().get("/api/v1/worktrees")`."""
    from tests.support.panels import Panel

    def down() -> None:
        for root in [*tmp_path.iterdir(), *tmp_path.glob("code/*")]:
            # Stacks that a page started are not children of this process.
            if (root / ".portweave").is_dir():
                cli("down", "--all", cwd=root)
                break

    # End each panel, even if another one fails to end.
    with contextlib.ExitStack() as started:
        started.callback(down)

        def start(*args: str, **env: str) -> Panel:
            # A service that a panel starts uses the interpreter of the tests.
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            one = Panel(cli, tmp_path, *args, **{"PATH": path, **env})
            started.callback(one.end)
            return one

        yield start


@pytest.fixture
def pages(tmp_path: Path, need: Callable[..., None]) -> Iterator["Pages"]:
    """Tabs of one browser; the test fails if one reported a problem."""
    need("chromium")
    from tests.support.browser import Pages

    folder = tmp_path / "browser"
    folder.mkdir()
    made = Pages(folder)
    yield made
    problems = [problem for page in made.made for problem in page.problems]
    made.browser.close()
    assert not problems


@pytest.fixture
def shop(project: Path, up: StartUp) -> Path:
    """A project with a running stack whose services have reached their final states."""
    from tests.support.panels import SHOP

    (project / "portweave.yaml").write_text(SHOP)
    up(project).wait_for("failed")
    return project
