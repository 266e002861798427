"""Fixtures for all tests: a home, ports, real worktrees and the command."""

import gc
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.commands import Cli, Git
from tests.support.ports import Pool, reserve_ports

PORTS_PER_TEST = 40
# The variables that a test inherits. All others could change its result.
KEPT = (
    "LANG",
    "LC_ALL",
    "PATH",
    "SYSTEMROOT",
    "TMPDIR",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
)

# A slow example on a busy machine is no failure. Everyday tests try few examples, `make slow` many.
settings.register_profile("everyday", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile("everyday")


def pytest_configure() -> None:
    """Let SIGINT end processes of tests, even if a shell script runs the tests with `&`.

    Such a shell ignores SIGINT, and all processes inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Exclude the thousands of collected tests from later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def pool() -> Pool:
    """Ports that no other test uses."""
    return reserve_ports(PORTS_PER_TEST)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory; it contains the configuration, state and runtime folders."""
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def environ(home: Path, pool: Pool) -> dict[str, str]:
    """The environment of a command: no variables of the user, `home`, and the ports of `pool`."""
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_RUNTIME_DIR": str(runtime),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PORTWEAVE_POOL_RANGE": str(pool),
        # Tests of names remove this variable.
        "PORTWEAVE_PROXY": "0",
    }


@pytest.fixture
def cli(environ: dict[str, str]) -> Cli:
    """The command in a clean environment: `cli("show", "--json", cwd=root)`."""
    return Cli(environ)


@pytest.fixture
def git(environ: dict[str, str]) -> Git:
    """Git: `git("status", cwd=root)`."""
    return Git(environ)


@pytest.fixture
def repo(tmp_path: Path, git: Git) -> Callable[[int], list[Path]]:
    """Make a git repository with linked worktrees: `main, *linked = repo(2)`."""

    def make(linked: int = 0) -> list[Path]:
        main = tmp_path / "code" / "shop"
        main.mkdir(parents=True)
        git("init", "-q", cwd=main)
        git("commit", "-q", "--allow-empty", "-m", "first", cwd=main)
        worktrees = [main]
        for number in range(1, linked + 1):
            worktree = main.with_name(f"shop-{number}")
            git("worktree", "add", "-q", "--detach", worktree, cwd=main)
            worktrees.append(worktree)
        return worktrees

    return make


@pytest.fixture
def spawned() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start processes that are killed and reaped when the test ends: `spawned([...], cwd=root)`."""
    processes: list[subprocess.Popen[bytes]] = []

    def spawn(argv: Sequence[str | Path], **options: object) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = subprocess.Popen([str(word) for word in argv], **options)  # type: ignore[call-overload]
        processes.append(process)
        return process

    yield spawn
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
