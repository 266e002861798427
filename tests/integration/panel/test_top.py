"""`portweave top` in a real terminal: tmux."""

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Cli
from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.running_stacks import StartUp

Eventually = Callable[[Callable[[], object]], None]


class Tmux:
    """A terminal with 100 columns and 30 rows that runs one command."""

    def __init__(self, cli: Cli, cwd: Path, folder: Path) -> None:
        self._words = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._environ = cli.env({"LANG": "C.UTF-8", "TERM": "xterm-256color"})
        # tmux has its own environment; its server keeps that of its start.
        self._environ.pop("XDG_RUNTIME_DIR")
        kept = [f"{name}={text}" for name, text in cli.env({"LANG": "C.UTF-8"}).items()]
        command = shlex.join(["env", *kept, *cli.argv, "top"])
        command += "; echo ended with $?; exec sleep 1000"
        self.do("new-session", "-d", "-x", "100", "-y", "30", "-c", str(cwd), command)

    def do(self, *words: str) -> str:
        done = subprocess.run(
            [*self._words, *words],
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return done.stdout

    def screen(self) -> str:
        return self.do("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self.do("send-keys", *keys)

    def line_of(self, name: str) -> str:
        return next((x for x in self.screen().splitlines() if x.split()[:1] == [name]), "")


@pytest.fixture
def tmux(cli: Cli, tmp_path: Path, need: Callable[..., None]) -> "Iterator[Callable[[Path], Tmux]]":
    need("tmux")
    started: list[Tmux] = []

    def start(cwd: Path) -> Tmux:
        started.append(Tmux(cli, cwd, tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.do("kill-server")


@pytest.mark.slow
def test_services_are_shown_and_controlled(
    tmux: Callable[[Path], Tmux], up: "StartUp", project: Path, eventually: Eventually
) -> None:
    write(
        project,
        f"""
projectName: shop
services:
  talker: {{port: false, command: "echo hello from it; exec sleep 1000"}}
  web: {{command: "{SERVE}"}}
""",
    )
    stack = up(project)
    stack.wait_for("all ready")
    top = tmux(project)
    eventually(lambda: "ready" in top.line_of("web"))
    assert "portweave  1 stack  2 services" in top.screen()
    assert f"shop main  {project}"[:99] in top.screen()
    eventually(lambda: "hello from it" in top.screen())
    top.press("l")
    eventually(lambda: "hello from it" not in top.screen())
    top.press("Enter")
    eventually(lambda: "hello from it" in top.screen() and not top.line_of("web"))
    top.press("Enter")
    eventually(lambda: top.line_of("web"))
    top.press("Down")
    top.press("s")
    eventually(lambda: "stopped" in top.line_of("web"))
    top.press("s")
    eventually(lambda: "ready" in top.line_of("web"))
    old = stack.printed.count("Serving HTTP")
    top.press("r")
    eventually(lambda: stack.printed.count("Serving HTTP") > old)
    top.do("resize-window", "-x", "40", "-y", "6")
    eventually(lambda: "talker" in top.screen() or "web" in top.screen())
    assert stack.stop() == 130
    eventually(lambda: "0 stacks" in top.screen())
    top.press("q")
    eventually(lambda: "ended with 0" in top.screen())


def test_it_needs_a_terminal(cli: Cli, tmp_path: Path) -> None:
    done = cli("top", cwd=tmp_path)
    assert done.returncode == 1
    assert "top needs a terminal (PW0601)" in done.stderr
    assert os.listdir(tmp_path / "home") == ["run"]
