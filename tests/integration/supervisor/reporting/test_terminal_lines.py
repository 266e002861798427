"""What portweave itself says on a terminal while a stack runs."""

import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.terminals import StartTerminal, Terminal

SGR = re.compile(r"\x1b\[[0-9;]*m")


def lines_of(one: "Terminal") -> list[str]:
    """The lines that stay on the terminal, without colours."""
    lines = SGR.sub("", one.seen.decode()).replace("\r", "").split("\n")
    # The live line is erased before another line.
    return [line.rpartition("\x1b[K")[2] for line in lines if not line.endswith("\x1b[K")]


@pytest.fixture
def failing(project: Path) -> Path:
    """A stack in which a service fails that two others need."""
    (project / "portweave.yaml").write_text(
        """
        services:
          db: {command: "echo 'fatal: no data' >&2; exit 3", restart: "no", port: false}
          web: {command: sleep 1000, dependsOn: [db], port: false}
          long-service-name-1: {command: sleep 1000, dependsOn: [web], port: false}
        """
    )
    return project


def test_a_failure_is_told_once(failing: Path, terminal: "StartTerminal") -> None:
    one = terminal(failing)
    assert one.end() == 1
    title, *lines = filter(None, lines_of(one))
    assert title.startswith("[portweave] shop · main")
    assert lines[:3] == ["  db                -", "  web               -", "  long-ser…-name-1  -"]
    assert lines[3:] == [
        "db               | fatal: no data",
        "db               ✗ exited (3): fatal: no data · blocks web, long-service-name-1",
        "[portweave] error: 3 services failed or are blocked: portweave why db (PW0903)",
    ]
    assert b"\x1b[2m[portweave]\x1b[0m \x1b[1;31merror:\x1b[0m 3 services" in one.seen


def test_a_detached_start_tells_a_failure_once(failing: Path, terminal: "StartTerminal") -> None:
    one = terminal(failing, "--detach")
    assert one.end() == 1
    assert [line for line in lines_of(one) if line][4:] == [
        "db               ✗ exited (3): fatal: no data",
        (
            "error: not all ready: failed db; blocked web, long-service-name-1;"
            " portweave why db (PW1007)"
        ),
    ]


def test_a_crash_and_the_return_are_a_line_each(project: Path, terminal: "StartTerminal") -> None:
    (project / "api.py").write_text(
        "import os, time\n"
        "if not os.path.exists('crashed'):\n"
        "    open('crashed', 'w').close()\n"
        "    {}['x']\n"
        "print('runs')\n"
        "time.sleep(1000)\n"
    )
    (project / "portweave.yaml").write_text(
        "services: {api: {command: python3 -u api.py, port: false, ready: {log: runs}}}"
    )
    one = terminal(project, LC_ALL="C", NO_COLOR="1")
    one.wait_for(b"all ready in")
    one.process.send_signal(signal.SIGINT)
    assert one.end() == 130
    assert "\x1b[" not in one.seen.decode().replace("\x1b[K", "")
    shown = [line for line in lines_of(one) if line and not line.startswith("api | ")]
    assert shown[2] == "api x exited (1): KeyError 'x', api.py:4 - restart 1 in 0.5 s"
    assert re.fullmatch(r"api \+ ready again \(\d\.\d s\)", shown[3])


def test_a_service_has_the_same_colour_in_up_and_in_logs(
    project: Path, cli: "Cli", terminal: "StartTerminal"
) -> None:
    # By the order of the file, in which the first is the last by its letters.
    (project / "Procfile").write_text("web: echo one\napi: echo two\n")
    environment = {"TERM": "xterm-256color"}
    one = terminal(project, **environment)
    assert one.end() == 0
    api = b"\x1b[38;5;164mapi | \x1b[0mtwo"
    assert api in one.seen
    done = cli("logs", cwd=project, env={**environment, "FORCE_COLOR": "1"})
    assert api.decode() in done.stdout


def test_a_pipe_behind_up_gets_whole_names_and_the_terminal_short_ones(
    project: Path, cli: "Cli"
) -> None:
    (project / "Procfile").write_text("long-service-name-1: echo one\n")
    master, slave = pty.openpty()
    done = subprocess.run(
        [*cli.argv, "up"],
        cwd=project,
        env=cli.env({"TERM": "xterm", "FORCE_COLOR": None}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        check=False,
    )
    os.close(slave)
    seen = SGR.sub("", os.read(master, 65_536).decode())
    os.close(master)
    assert done.returncode == 0
    assert done.stdout == b"long-service-name-1 | one\n"
    assert "long-ser…-name-1 ▸ exited (0)" in seen


def test_a_secret_in_a_reason_is_hidden(project: Path, terminal: "StartTerminal") -> None:
    (project / "portweave.yaml").write_text(
        """
        services:
          api:
            command: >-
              echo "fatal: $DB_PASSWORD" >&2; exit 1
            restart: "no"
            port: false
            environment: {DB_PASSWORD: hunter2  hunter3}
        """
    )
    one = terminal(project)
    assert one.end() == 1

    (line,) = [line for line in lines_of(one) if line.startswith("api ✗ ")]
    assert line == "api ✗ exited (1): fatal: ***"
