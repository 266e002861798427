"""The `portweave` and `git` commands in a clean environment."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.forks import FORKS, PORTWEAVE, may_fork


class Cli:
    """Run the `portweave` command.

    Attributes:
        argv: The words before the arguments.
        environ: Its environment.
        may_fork: Whether a forked process may run it, without starting an interpreter.
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
        """Run the command to its end; `env` adds variables, and removes those that are None."""
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
        """Return the environment with `changes`; None removes a variable."""
        merged = {**self.environ, **(changes or {})}
        return {name: value for name, value in merged.items() if value is not None}


class Git:
    """Run git without the user's configuration."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = {
            **environ,
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@localhost",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@localhost",
        }

    def __call__(self, *args: str | Path, cwd: Path) -> str:
        """Run git; return its output without the last newline."""
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
