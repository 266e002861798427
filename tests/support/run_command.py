"""Definitions for tests of `portweave run`, and the environment of its command."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Repo = Callable[[int], list[Path]]
TWO = {"services": {"web": {"envVar": "WEB_PORT"}, "api": {"envVar": "API_PORT"}}}
ENV = ("env", "-0")


def define(root: Path, definitions: dict[str, object] | None = None) -> None:
    (root / "portweave.config.json").write_text(json.dumps(definitions or TWO))


def child_env(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
