"""What many tests need: a home and ports of their own, real worktrees, the command itself."""

import fcntl
import gc
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.forks import (
    FORKS,
    PORTWEAVE,
    may_fork,
)

# Outside the ephemeral ports of Linux and macOS, and outside portweave's own pool.
FIRST_PORT, LAST_PORT = 20000, 30000
PORTS_PER_TEST = 40

# The variables that a test inherits; all others would make it depend on who runs it.
KEPT = (
    "LANG",
    "LC_ALL",
    "PATH",
    "SYSTEMROOT",
    "TMPDIR",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
)


# An example that is slow because the machine is busy says nothing. The everyday tests try few
# examples; `make slow` tries many.
settings.register_profile("everyday", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile("everyday")


def pytest_configure() -> None:
    """Have the processes of tests end by SIGINT, also where a script runs the tests by `&`.

    There the shell has it ignored, and all processes would inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Have no later look for garbage go through the thousands of tests that were collected."""
    gc.collect()
    gc.freeze()


class Pool:
    """The ports from `start` on, before `end`, that no other test uses meanwhile."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"


def take_ports(size: int) -> Pool:
    """Take `size` ports for one test, also where several test runs share the machine.

    The next free port is counted in a file; after the last one it begins again, long after those
    tests have ended.
    """
    path = Path(tempfile.gettempdir(), f"portweave-tests-{os.getuid()}.next-port")
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        start = int(file.read() or FIRST_PORT)
        if start + size > LAST_PORT:
            start = FIRST_PORT
        file.truncate(0)
        file.write(str(start + size))
    return Pool(start, start + size)


@pytest.fixture
def pool() -> Pool:
    """Ports that no other test uses."""
    return take_ports(PORTS_PER_TEST)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory; configuration, state and runtime folders lie in it."""
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def environ(home: Path, pool: Pool) -> dict[str, str]:
    """The environment of a command: nothing of the user's own, `home`, and the ports of `pool`."""
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
        # Tests of names take this away.
        "PORTWEAVE_PROXY": "0",
    }


class Cli:
    """Runs the `portweave` command.

    Attributes:
        argv: The words before the arguments.
        environ: Its environment, unless a call adds to it.
        may_fork: Whether it may do without an interpreter of its own, as a child of another process
            than ours.
    """

    def __init__(self, environ: dict[str, str]) -> None:
        self.argv = list(PORTWEAVE)
        self.environ = environ
        self.may_fork = True

    def __call__(
        self,
        *args: str | Path,
        cwd: Path,
        env: Mapping[str, str | None] | None = None,
        timeout_s: float = 20,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; `env` adds variables, and removes those that are None."""
        words = [str(word) for word in args]
        if self.may_fork and may_fork(self.argv, self.env(env)):
            return FORKS.run(words, stdin, timeout_s, cwd=cwd, env=self.env(env))
        return subprocess.run(
            [*self.argv, *words],
            cwd=cwd,
            env=self.env(env),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout_s,
            check=False,
        )

    def env(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The environment with `changes`; None removes a variable."""
        merged = {**self.environ, **(changes or {})}
        return {name: value for name, value in merged.items() if value is not None}


@pytest.fixture
def cli(environ: dict[str, str]) -> Cli:
    """The command in a clean environment: `cli("show", "--json", cwd=root)`."""
    return Cli(environ)


class Git:
    """Runs git without the user's own configuration."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = {
            **environ,
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@localhost",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@localhost",
        }

    def __call__(self, *args: str | Path, cwd: Path) -> str:
        """Run it and return what it prints, without the newline at the end."""
        done = subprocess.run(
            [  # noqa: S607
                "git",
                "-c",
                "init.defaultBranch=main",
                "-c",
                "protocol.file.allow=always",
                *map(str, args),
            ],
            cwd=cwd,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout.rstrip("\n")


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
