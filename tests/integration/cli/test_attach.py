"""`portweave attach` with a real terminal at both ends."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp

TIMEOUT_S = 20.0
PROMPT = """
import os, signal, sys
print("begun", os.get_terminal_size(0), flush=True)
signal.signal(signal.SIGWINCH, lambda *_: print("now", os.get_terminal_size(0), flush=True))
signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
while True:
    print("name? ", end="", flush=True)
    print("hello", sys.stdin.readline().strip(), flush=True)
"""


class Terminal:
    """A running command with its own terminal."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.fd, tty = pty.openpty()
        self.process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=tty, stdout=tty, stderr=tty, process_group=0
        )
        os.close(tty)
        self.seen = b""

    def wait_for(self, text: str) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline_s, f"no {text!r} in {self.seen!r}"
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 4096)
                except OSError:  # the command has closed its terminal
                    assert text.encode() in self.seen, f"no {text!r} in {self.seen!r}"

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.fd)


@pytest.fixture
def prompting(project: Path, up: "StartUp") -> Path:
    (project / "prompt.py").write_text(PROMPT)
    write(
        project,
        f"services: {{ask: {{command: '{sys.executable} prompt.py', port: false, tty: true}}, "
        "mute: {command: sleep 99, port: false, tty: false}}",
    )
    stack = up(project)
    stack.wait_for("name? ")
    stack.wait_for("ask ready")
    return project


def test_attach_shows_a_prompt_sends_keys_and_sizes_and_leaves_the_service_running(
    prompting: Path, cli: "Cli"
) -> None:
    import fcntl
    import struct
    import termios

    terminal = Terminal([*cli.argv, "attach", "ask"], prompting, cli.env())
    try:
        terminal.wait_for("Ctrl-] leaves")
        terminal.wait_for("name? ")
        terminal.type("Ann\r")
        terminal.wait_for("hello Ann\r\n")
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        terminal.process.send_signal(28)
        terminal.wait_for("columns=77, lines=33")
        terminal.type("\x03")
        terminal.wait_for("interrupted")
        terminal.type("\x1d")
        terminal.wait_for("left ask, which goes on")
        assert terminal.process.wait(TIMEOUT_S) == 0
    finally:
        terminal.close()
    # Its log went on meanwhile, and has the typed text.
    assert "hello Ann" in cli("logs", "ask", cwd=prompting).stdout
    assert "ask\tready" in cli("ps", cwd=prompting).stdout


def test_piped_input_reaches_the_terminal(prompting: Path, cli: "Cli") -> None:
    done = cli("attach", "ask", cwd=prompting, stdin="Bob\n")
    assert done.returncode == 0
    assert "hello Bob" in done.stdout


def test_attach_only_shows_a_service_without_a_terminal(prompting: Path, cli: "Cli") -> None:
    done = cli("attach", "mute", cwd=prompting, stdin="x")
    assert done.returncode == 0
    assert "mute has no terminal" in done.stderr


def test_typing_without_a_terminal_is_an_error(prompting: Path, cli: "Cli") -> None:
    refused = cli("ask", "/supervisor/type", '"mute"', '"eA=="', "--json", cwd=prompting)
    assert refused.returncode == 1
    assert "NoTerminalError: mute has no terminal to type at" in refused.stdout
    refused = cli("ask", "/supervisor/type", '"ask"', '"?"', cwd=prompting)
    assert "base64" in refused.stderr


def test_attaching_to_an_unknown_service_is_an_error(prompting: Path, cli: "Cli") -> None:
    refused = cli("attach", "asc", cwd=prompting)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "did you mean ask?" in refused.stderr
    assert cli("attach", "ask", "mute", cwd=prompting).returncode == 1


@pytest.mark.slow
def test_a_second_up_starts_missing_services_and_its_ctrl_c_leaves_the_stack_running(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write(project, "one: echo first; sleep 99\ntwo: echo second; sleep 99\n", "Procfile")
    first = up(project, "one")
    first.wait_for("one ready")
    second = up(project)
    second.wait_for("started: two")
    second.wait_for("two | second")
    second.wait_for("two ready")
    assert "first" not in second.printed
    second.send(2)
    assert second.wait() == 130, str(second)
    assert "the stack goes on" in second.said
    assert cli("ps", "--quiet", cwd=project).stdout == "one-main\ntwo-main\n"
    third = up(project)
    third.wait_for("with all that was asked for")
    assert first.stop() == 130
    third.wait_for("the stack has ended")
    assert third.wait() == 0
