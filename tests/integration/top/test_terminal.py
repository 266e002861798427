"""`portweave top` in real terminals: tmux, and a pseudo-terminal that a signal leaves behind."""

import os
import shlex
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Cli
from tests.support.stacks import (
    SERVE,
    write,
)
from tests.support.terminals import Terminal

if TYPE_CHECKING:
    from tests.support.running_stacks import StartUp

Eventually = Callable[[Callable[[], object]], None]
SHOP = f"""
projectName: shop
services:
  talker: {{port: false, command: "echo hello from it; exec sleep 1000"}}
  quiet: {{port: false, command: "exec sleep 1000"}}
  web: {{command: "{SERVE}"}}
"""


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
        return next((x for x in self.screen().splitlines() if x.split()[1:2] == [name]), "")


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
    write(project, SHOP)
    stack = up(project)
    stack.wait_for("all ready")
    top = tmux(project)
    eventually(lambda: "ready" in top.line_of("web"))
    assert "portweave  1 stack, 3 services" in top.screen()
    # A long path has its end.
    assert "shop/main  " in top.screen()
    assert f"/{project.name}" in top.screen()
    # The log below the list has the lines of all services, then those of one.
    eventually(lambda: "talker │ hello from it" in top.screen())
    top.press("/")
    top.press("-l", "web")
    top.press("Enter")
    eventually(lambda: not top.line_of("talker"))
    top.press("x")
    eventually(lambda: "stopped" in top.line_of("web"))
    top.press("x")
    eventually(lambda: "ready" in top.line_of("web"))
    old = stack.printed.count("Serving HTTP")
    top.press("r")
    eventually(lambda: stack.printed.count("Serving HTTP") > old)
    top.press("w")
    eventually(lambda: "why web" in top.screen() and "ready" in top.screen())
    top.press("Escape")
    eventually(lambda: "why web" not in top.screen())
    top.press("Escape")
    eventually(lambda: top.line_of("quiet"))
    # The command takes the terminal, and gives it back. Ctrl-C is for it alone.
    top.press("Home")
    top.press("Down", "Down")
    eventually(lambda: "shop/main · talker" in top.screen())
    top.press("a")
    eventually(lambda: "talker has no terminal" in top.screen())
    top.press("C-c")
    eventually(lambda: top.line_of("talker"))
    top.press("l")
    eventually(lambda: "following" in top.screen() and "hello from it" in top.screen())
    top.press("q")
    top.do("resize-window", "-x", "40", "-y", "6")
    eventually(lambda: top.line_of("talker"))
    top.do("resize-window", "-x", "100", "-y", "30")
    top.press("d")
    eventually(lambda: "Stop shop/main?" in top.screen())
    top.press("y")
    eventually(lambda: "0 stacks" in top.screen())
    assert stack.wait() == 0
    top.press("q")
    eventually(lambda: "ended with 0" in top.screen())


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_a_terminal_that_can_be_used(
    cli: Cli, tmp_path: Path, number: signal.Signals
) -> None:
    terminal = Terminal([*cli.argv, "top"], tmp_path, cli.env({"TERM": "xterm-256color"}))
    try:
        before = termios.tcgetattr(terminal.master)
        terminal.wait_for(b"No stack is running")
        assert termios.tcgetattr(terminal.master) != before
        terminal.process.send_signal(number)
        assert terminal.end() == 128 + number
        assert termios.tcgetattr(terminal.master) == before
        # The main screen, the cursor, no mouse.
        rest = terminal.seen.rpartition(b"\x1b[?1049l")
        assert rest[1]
        assert b"\x1b[?25h" in rest[2]
        assert terminal.seen.rindex(b"\x1b[?1003l") > terminal.seen.rindex(b"\x1b[?1003h")
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


def test_it_needs_a_terminal(cli: Cli, tmp_path: Path) -> None:
    done = cli("top", cwd=tmp_path)
    assert done.returncode == 1
    assert "top needs a terminal (PW0601)" in done.stderr
    assert os.listdir(tmp_path / "home") == ["run"]
