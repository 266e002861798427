"""How tests follow logs."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli
from tests.support.log_files import (
    Follower,
    Spawn,
)


@pytest.fixture
def follow(cli: "Cli", spawned: Spawn) -> Callable[..., Follower]:
    """Follow logs beside the test: `follow(root, "web").wait_for("hello")`."""

    def start(root: Path, *args: str) -> Follower:
        argv = [*cli.argv, "logs", "-f", *args]
        return Follower(spawned(argv, cwd=root, env=cli.env(), stdout=subprocess.PIPE))

    return start
