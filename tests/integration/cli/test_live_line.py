"""What commands show while they wait: on a terminal, without one, and with --quiet."""

import contextlib
import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.detached_stacks import Detached
from tests.support.running_stacks import StartUp
from tests.support.stacks import IDLE, STUBBORN, write
from tests.support.terminals import Terminal

CLEAR = b"\r\x1b[K"
SPINNER = tuple(sign.encode() for sign in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
# Ready when the file `go` is there.
GATED = "{command: 'echo up; exec sleep 1000', port: false, ready: {exec: test -e go}}"
PROJECT = f"services: {{db: {GATED}, web: {IDLE[:-1]}, dependsOn: [db]}}}}"

Start = Callable[..., Terminal]


@pytest.fixture
def start(cli: Cli, project: Path) -> Iterator[Start]:
    """Start commands on terminals of their own: `start("wait")`."""
    started: list[Terminal] = []

    def make(*words: str, **env: str) -> Terminal:
        environ = cli.env({"TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", **env})
        started.append(Terminal([*cli.argv, *words], project, environ))
        return started[-1]

    yield make
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.end()
        one.process.kill()
        one.process.wait()
        os.close(one.master)


def live_lines(one: Terminal) -> list[str]:
    """The live lines in the order in which they were drawn; each must have been erased alone."""
    found: list[str] = []
    for piece in one.seen.split(CLEAR):
        if piece.startswith(SPINNER):
            assert b"\n" not in piece, one.seen
            found.append(piece.decode())
    return found


def left_over(one: Terminal) -> str:
    """What is left on the terminal: all but the live lines, which are erased."""
    *pieces, last = one.seen.split(CLEAR)
    kept = [piece for piece in pieces if not piece.startswith(SPINNER)]
    assert not last.startswith(SPINNER), "a live line is left"
    return b"".join([*kept, last]).decode().replace("\r\n", "\n")


def test_up_shows_what_it_waits_for_below_the_output(project: Path, start: Start) -> None:
    write(project, PROJECT)
    one = start("up")
    one.wait_for("waiting 1 s: db (exec: exit 1) · web waits for db".encode())
    (project / "go").touch()
    one.wait_for(b"all ready")
    one.process.send_signal(signal.SIGINT)
    assert one.end() == 130
    assert re.search(
        r"up\n.* ready .*all ready in .*stopped 2 services in ", left_over(one), re.DOTALL
    )
    # While nothing but the seconds changes, it is drawn once a second.
    drawn = [line for line in live_lines(one) if "waiting 1 s" in line]
    assert len(drawn) <= 2, drawn
    assert b"\x1b[?25l" not in one.seen


def test_up_shows_what_is_still_being_stopped(project: Path, start: Start) -> None:
    stubborn = STUBBORN.replace("20s", "600ms")
    write(project, f"services: {{web: {stubborn}, db: {IDLE}}}")
    one = start("up")
    one.wait_for(b"all ready")
    one.process.send_signal(signal.SIGINT)
    one.wait_for(b"stopping: web (Ctrl-C again to kill)")
    assert one.end() == 130
    assert re.search(r"stopped 2 services in 0\.\d s; killed web\n$", left_over(one))
    assert live_lines(one)


def test_a_prompt_of_a_service_is_left_alone(project: Path, start: Start) -> None:
    ask = "{command: 'printf \"name? \"; exec sleep 1000', port: false, ready: {exec: test -e go}}"
    later = "{command: 'sleep 0.8; echo later; exec sleep 1000', port: false}"
    write(project, f"services: {{ask: {ask}, later: {later}}}")
    one = start("up")
    one.wait_for(b"name? ")
    begun = len(one.seen)
    one.wait_for(b"later | later")
    assert CLEAR not in one.seen[begun:]
    # Then it comes back.
    one.wait_for(b"waiting 1 s: ask (exec: exit 1)")


def test_commands_of_a_running_stack_show_what_they_wait_for(
    project: Path, start: Start, detached: Detached
) -> None:
    write(project, PROJECT)
    up = start("up", "-d")
    up.wait_for(b"db (exec: exit 1)")
    wait, cut, ascii_only = start("wait"), start("wait"), start("wait", LC_ALL="C")
    cut.wait_for("db (exec: exit 1) · web waits for db".encode())
    ascii_only.wait_for(b"db (exec: exit 1) - web waits for db")
    fcntl.ioctl(cut.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 44, 0, 0))
    cut.process.send_signal(signal.SIGWINCH)
    cut.wait_for("db (exec: exit 1) · 1 more".encode())
    # Ctrl-C and SIGTERM leave nothing behind.
    for one, number in ((cut, signal.SIGINT), (ascii_only, signal.SIGTERM)):
        one.process.send_signal(number)
        assert one.end() == 128 + number
        assert one.seen.endswith(CLEAR)
    # Nor does Ctrl-Z, after which the line comes back. Nothing stops a group without a shell.
    wait.wait_for(b"db (exec: exit 1)")
    drawn = len(live_lines(wait))
    wait.process.send_signal(signal.SIGTSTP)
    while len(live_lines(wait)) <= drawn:
        assert wait.read(10)
    (project / "go").touch()
    assert (up.end(), wait.end()) == (0, 0)
    assert re.search(r"all ready in .*\n$", left_over(up))
    assert left_over(wait).count("is ready") == 2
    (project / "go").unlink()
    restart = start("restart", "--wait", "db")
    restart.wait_for(b"db (exec: exit 1)")
    (project / "go").touch()
    assert restart.end() == 0
    assert left_over(restart) == "[portweave] restarting db\n[portweave] db is ready\n"
    detached.remember_processes()


def test_down_shows_what_it_waits_for(project: Path, start: Start, detached: Detached) -> None:
    write(project, f"services: {{web: {STUBBORN}, db: {IDLE}}}")
    detached.up()
    down = start("down", "-t", "1s")
    down.wait_for(b"stopping: web")
    assert down.end() == 0
    assert re.fullmatch(
        r"\[portweave\] shop/main stopped 2 services in 1\.\d s; killed web\n", left_over(down)
    )


def test_quiet_commands_print_errors_alone(project: Path, up: StartUp, detached: Detached) -> None:
    write(project, f"services: {{web: {IDLE}}}")
    said = [detached(*words).stderr for words in (("up", "-d", "-q"), ("restart", "-q"))]
    detached.remember_processes()
    said.append(detached("down", "--quiet").stderr)
    assert said == ["", "", ""]
    assert detached("restart", "--quiet", status=1).stderr.startswith("[portweave] error: no stack")
    failing = "{command: 'echo hello; exit 3', port: false, restart: 'no'}"
    write(project, f"services: {{web: {failing}}}")
    one = up(project, "-q")
    assert one.wait() == 1
    assert one.printed == "web | hello\n"
    assert "web failed: exited with status 3" in one.said
    assert not any(word in one.said for word in ("allocat", "all ready", "worktree"))


@pytest.mark.slow
def test_without_a_terminal_a_plain_line_comes_after_five_seconds(
    project: Path, up: StartUp, detached: Detached
) -> None:
    write(project, PROJECT)
    one = up(project)
    expected = "[portweave] still waiting after 5 s: db (exec: exit 1)"
    one.wait_for(f"{expected} · web waits for db\n" if os.environ.get("LANG") else expected)
    wait = detached("wait", "--timeout", "6", status=124)
    assert expected in wait.stderr
    as_json = detached("wait", "--timeout", "6", "--json", status=124)
    assert "still waiting" not in as_json.stderr + as_json.stdout
