"""Terminals of services, where the reader of `portweave up` has one, or a definition says so."""

import fcntl
import signal
import struct
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp
    from tests.support.terminals import StartTerminal

LOOK = """
import os, sys, time
print("terminals", *(os.isatty(n) for n in (0, 1, 2)))
print("colours", os.environ.get("FORCE_COLOR"), os.environ.get("CLICOLOR_FORCE"))
if os.isatty(1):
    print("size", *os.get_terminal_size(1), *os.get_terminal_size(2))
    print("controls", os.tcgetpgrp(os.open("/dev/tty", os.O_RDWR)) == os.getpid() == os.getsid(0))
print("descriptors", sorted(os.listdir("/proc/self/fd"))[:3], file=sys.stderr)
print("signals", [l.split()[1] for l in open("/proc/self/status") if l[:6] == "SigBlk"])
print("folder", os.path.basename(os.getcwd()), flush=True)
time.sleep(1000)
"""
RED = b"\x1b[31mred\x1b[0m"


def write_service(root: Path, program: str, more: str = "") -> None:
    (root / "api.py").write_text(program)
    text = f"services:\n  api: {{command: [{sys.executable}, -u, api.py], port: false{more}}}\n"
    (root / "portweave.yaml").write_text(text)


def test_a_service_has_a_terminal_that_controls_it_and_is_as_wide_as_the_room_beside_its_name(
    project: Path, terminal: "StartTerminal", cli: "Cli"
) -> None:
    write_service(project, LOOK)
    one = terminal(project)
    for text in (
        b"terminals True True True",
        b"colours None None",
        b"size 94 24 94 24",
        b"controls True",
        b"descriptors ['0', '1', '2']",
        b"signals ['0000000000000000']",
        b"folder shop",
    ):
        one.wait_for(text)
    one.process.send_signal(signal.SIGINT)
    assert one.end() == 130
    # Two terminals keep the streams apart, and neither adds carriage returns.
    assert cli("logs", "--stream", "err", "--no-prefix", cwd=project).stdout == (
        "descriptors ['0', '1', '2']\n"
    )
    assert b"\r" not in (project / ".portweave/logs/api.log").read_bytes()


@pytest.mark.parametrize("env", [{"CI": "true"}, {"CI": ""}])
def test_in_ci_there_are_pipes(
    project: Path, terminal: "StartTerminal", env: dict[str, str]
) -> None:
    write_service(project, LOOK)
    one = terminal(project, **env)
    one.wait_for(b"terminals " + (b"False False False" if env["CI"] else b"True True True"))


def test_a_definition_may_refuse_a_terminal_and_still_gets_colours_asked_for(
    project: Path, terminal: "StartTerminal"
) -> None:
    write_service(project, LOOK, ", tty: false")
    one = terminal(project)
    one.wait_for(b"terminals False False False")
    one.wait_for(b"colours 1 1")


def test_who_wants_no_colours_is_not_overridden(project: Path, terminal: "StartTerminal") -> None:
    write_service(project, LOOK, ", tty: false")
    terminal(project, NO_COLOR="1").wait_for(b"colours None None")


def test_a_definition_may_ask_for_a_terminal_where_nobody_has_one(
    project: Path, up: "StartUp"
) -> None:
    write_service(project, LOOK, ", tty: true")
    stack = up(project)
    stack.wait_for("terminals True True True")
    stack.wait_for("size 80 24 80 24")
    assert stack.stop() == 130


def test_a_change_of_size_reaches_the_services(project: Path, terminal: "StartTerminal") -> None:
    write_service(
        project,
        "import os, signal, time\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size(1)))\n"
        "print('set', flush=True)\n"
        "while True: time.sleep(0.05)\n",
    )
    one = terminal(project)
    one.wait_for(b"set")
    fcntl.ioctl(one.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
    # The kernel only tells the group in its foreground; this one has no controlling terminal.
    one.process.send_signal(signal.SIGWINCH)
    one.wait_for(b"now 126 50")


def test_all_that_a_service_prints_at_its_end_is_read(project: Path, up: "StartUp") -> None:
    write_service(
        project,
        "import sys\nsys.stdout.write(''.join(f'{n:099d}\\n' for n in range(20_000)))\n"
        "print('last words', file=sys.stderr)\n",
        ", tty: true",
    )
    stack = up(project)
    assert stack.wait() == 0
    lines = stack.lines_of("api")
    assert [line for line in lines if line != "last words"] == [f"{n:099d}" for n in range(20_000)]
    assert "last words" in lines


def test_colours_and_the_last_state_of_a_progress_bar_come_through(
    project: Path, terminal: "StartTerminal"
) -> None:
    write_service(
        project,
        "import sys, time\n"
        "print('\\x1b[31mred\\x1b[0m' if sys.stdout.isatty() else 'plain')\n"
        "for n in range(0, 101, 10): print(f'\\r{n}%', end='', flush=True)\n"
        "print()\nprint('\\x1b[2J\\x1b[?1049hcleared?')\nprint('open> ', end='', flush=True)\n"
        "time.sleep(1000)\n",
        ", ready: {log: 'clear.d'}",
    )
    one = terminal(project)
    one.wait_for(b"open> ")
    one.wait_for(b"all ready in")
    assert RED in one.seen
    assert b"100%\r\n" in one.seen
    assert b"cleared?\r\n" in one.seen
    assert b"\x1b[2J" not in one.seen
    assert b"\x1b[?1049h" not in one.seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("[/nonexistent/thing]", "command not found"),
        ("[no-such-command-anywhere]", "command not found"),
        ("[./data]", "not executable"),
        ("[/]", "not executable"),
    ],
)
def test_what_cannot_be_started_on_a_terminal_is_told_as_without_one(
    project: Path, up: "StartUp", command: str, reason: str
) -> None:
    (project / "data").write_text("no program")
    said: list[str] = []
    for tty in ("true", "false"):
        (project / "portweave.yaml").write_text(
            f"services:\n  api: {{command: {command}, port: false, tty: {tty}}}\n"
        )
        stack = up(project)
        assert stack.wait() == 1
        said.append(stack.said[stack.said.index("api failed") :])
    assert reason in said[0]
    assert said[0].partition("\n")[0] == said[1].partition("\n")[0]


def test_a_service_is_ended_with_all_that_its_terminal_has(project: Path, up: "StartUp") -> None:
    write_service(
        project,
        "import subprocess, time\n"
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "subprocess.Popen(['sh', '-c', 'trap \"\" HUP; sleep 1000'])\n"
        "print('set', flush=True)\ntime.sleep(1000)\n",
        ", tty: true",
    )
    stack = up(project)
    stack.wait_for("set")
    assert stack.stop() == 130
