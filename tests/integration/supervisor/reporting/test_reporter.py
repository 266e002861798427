"""How `portweave up` shows the output of services, on a pipe and on a terminal."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp
    from tests.support.terminals import StartTerminal

Spawn = Callable[..., "subprocess.Popen[bytes]"]

PATIENCE_S = 20.0


def write_program(root: Path, text: str) -> None:
    """A Procfile whose one process, `api`, runs a Python program."""
    (root / "api.py").write_text(text)
    (root / "Procfile").write_text(f"api: {sys.executable} -u api.py\n")


def test_names_are_aligned_and_plain_on_a_pipe(project: Path, up: "StartUp") -> None:
    (project / "Procfile").write_text("a: echo one\nlonger: echo two\n")
    stack = up(project, env={"FORCE_COLOR": None})
    assert stack.wait() == 0
    assert sorted(stack.printed.splitlines()) == ["a      | one", "longer | two"]


def test_a_last_line_without_a_newline_is_shown(project: Path, up: "StartUp") -> None:
    write_program(project, "print('first'); print('last', end='')")
    stack = up(project)
    assert stack.wait() == 0
    assert stack.printed == "api | first\napi | last\n"


def test_every_byte_of_a_line_reaches_a_pipe(project: Path, up: "StartUp") -> None:
    write_program(
        project,
        "import sys\n"
        "line = bytes(b for b in range(256) if b != 10) + b'\\n'\n"
        "sys.stdout.buffer.write(line * 1000)\n",
    )
    stack = up(project)
    assert stack.wait() == 0
    line = b"api | " + bytes(b for b in range(256) if b != 10) + b"\n"
    assert stack.printed_bytes == line * 1000


def test_sequences_that_clear_the_screen_do_not_reach_a_pipe(project: Path, up: "StartUp") -> None:
    write_program(project, r"print('\x1b[2J\x1b[H\x1b[?1049hkept \x1b[31mred\x1b[0m')")
    stack = up(project)
    assert stack.wait() == 0
    assert stack.printed == "api | kept \x1b[31mred\x1b[0m\n"


def test_megabyte_lines_stay_whole(
    project: Path, up: "StartUp", eventually: Callable[[Callable[[], object]], None]
) -> None:
    for name in "ab":
        os.mkfifo(project / name)
    program = 'for line in open("{0}"): print("{0}" * (1 << 20), flush=True)'
    (project / "Procfile").write_text(
        "".join(f"{name}: {sys.executable} -c '{program.format(name)}'\n" for name in "ab")
    )
    stack = up(project)

    def has_printed(lines: int) -> bool:
        return stack.printed_bytes.count(b"\n") == lines

    with (project / "a").open("w", 1) as a, (project / "b").open("w", 1) as b:
        # Not more at a time than is kept for a slow reader: this machine may be busy.
        for count in range(1, 6):
            for fifo in (a, b):
                fifo.write("go\n")
            eventually(partial(has_printed, 2 * count))
    assert stack.wait() == 0
    for name in "ab":
        assert stack.lines_of(name) == [name * (1 << 20)] * 5


def test_a_prompt_is_shown_while_its_line_is_open(project: Path, up: "StartUp") -> None:
    write_program(project, "import time; print('(Pdb) ', end=''); time.sleep(1000)")
    stack = up(project)
    stack.wait_for("api | (Pdb) ")
    assert stack.stop() == 130


@pytest.mark.slow
def test_output_that_remains_in_the_pipe_at_the_end_is_shown(project: Path, up: "StartUp") -> None:
    write_program(
        project,
        "import sys\n"
        "for n in range(200_000): print(f'{n:099d}')\n"
        "print('boom', file=sys.stderr); sys.exit(1)",
    )
    stack = up(project, "--restart", "no")
    assert stack.wait() == 1
    lines = stack.lines_of("api")
    assert [line for line in lines if line != "boom"] == [f"{n:099d}" for n in range(200_000)]
    assert "  api | boom" in stack.said


FLOOD = """
import os, time
line = b"x" * 99 + b"\\n"
end = time.monotonic() + 3
sent = 0
while time.monotonic() < end:
    sent += os.write(1, line * 600)
with open("sent", "w") as file:
    file.write(str(sent))
time.sleep(1000)
"""


@pytest.mark.slow
def test_a_stuck_reader_neither_stops_a_service_nor_fills_the_memory(
    project: Path, cli: "Cli", spawned: "Spawn"
) -> None:
    write_program(project, FLOOD)
    process = spawned(
        [*cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    deadline_s = time.monotonic() + PATIENCE_S
    peak_bytes = 0
    while not (project / "sent").exists():
        assert time.monotonic() < deadline_s, "the service does not go on"
        peak_bytes = max(peak_bytes, psutil.Process(process.pid).memory_info().rss)
        # Only time passes: the reader is stuck.
        select.select([], [], [], 0.05)
    sent = int((project / "sent").read_text())
    assert sent > 50_000_000
    assert peak_bytes < 80 << 20
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    seen = process.stdout.read()
    assert process.wait(PATIENCE_S) == 130
    assert re.search(
        rb"api \| \[[0-9,]+ lines skipped: the reader of this output was too slow\]", seen
    )
    assert set(re.findall(rb"api \| (x+)\n", seen)) == {b"x" * 99}


def test_a_reader_that_goes_away_does_not_end_the_services(
    project: Path, cli: "Cli", spawned: "Spawn"
) -> None:
    write_program(
        project,
        "import time, pathlib\n"
        "for n in range(1000000):\n"
        "    print(n); time.sleep(0.01)\n"
        "    if n == 50: pathlib.Path('mark').touch()\n",
    )
    process = spawned(
        [*cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"api | 0\n"
    process.stdout.close()
    deadline_s = time.monotonic() + PATIENCE_S
    while not (project / "mark").exists():
        assert time.monotonic() < deadline_s
        assert process.poll() is None
        select.select([], [], [], 0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130


def test_a_terminal_gets_coloured_names_and_lines_without_control_sequences(
    project: Path, terminal: "StartTerminal"
) -> None:
    write_program(
        project,
        r"""
import sys, time
out = sys.stdout.buffer
out.write(b"10%\r50%\r100%\n")
out.write(b"\x1b[31mred\n")
out.write(b"\x1b[2J\x1b]0;title\x07clear\x08\n")
out.write("caf\u00e9 ".encode() + b"\xff\n")
out.write(b"prompt> ")
out.flush()
time.sleep(1000)
""",
    )
    one = terminal(project)
    one.wait_for(b"prompt> ")
    name = b"\x1b[36mapi | \x1b[0m"
    assert name + b"100%\r\n" in one.seen
    assert name + b"\x1b[31mred\x1b[0m\r\n" in one.seen
    assert name + b"clear\\x08\r\n" in one.seen
    assert name + "café \\xff\r\n".encode() in one.seen
    assert b"\x1b[2J" not in one.seen
    os.write(one.master, b"")
    one.process.send_signal(signal.SIGINT)
    one.wait_for(b"stopped 1 service")
    assert one.end() == 130


def test_no_color_is_obeyed(project: Path, terminal: "StartTerminal") -> None:
    write_program(project, r"print('\x1b[31mred')")
    one = terminal(project, NO_COLOR="1")
    one.wait_for(b"api | red\r\n")
    assert one.end() == 0
    assert b"\x1b[3" not in one.seen


def test_the_last_line_of_a_terminal_names_the_services_that_are_still_stopping(
    project: Path, terminal: "StartTerminal"
) -> None:
    (project / "portweave.yaml").write_text(
        """
        services:
          quick: {command: sleep 1000, port: false}
          slow:
            command: trap 'echo noted' TERM; echo set; while true; do sleep 0.1; done
            port: false
            stopGracePeriod: 700ms
        """
    )
    one = terminal(project)
    one.wait_for(b"set\r\n")
    one.process.send_signal(signal.SIGINT)
    one.wait_for(b" stopping: slow")
    assert one.end() == 130
    assert b"noted" in one.seen
    last = one.seen.split(b"\r\x1b[K")[-1]
    assert re.fullmatch(rb"[^\r]*stopped 2 services in [\d.]+ s; killed slow\r\n", last), last


def test_a_stuck_reader_does_not_delay_a_failure_message(
    project: Path, cli: "Cli", spawned: "Spawn"
) -> None:
    (project / "Procfile").write_text("api: yes flooding | head -c 3000000; exit 3\n")
    reading, writing = os.pipe()
    process = spawned(
        [*cli.argv, "up", "--restart", "no"],
        cwd=project,
        env=cli.env(),
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    try:
        assert process.wait(15) == 1
    finally:
        os.close(reading)


def test_a_terminal_shows_the_newest_state_of_an_open_line(
    project: Path, terminal: "StartTerminal"
) -> None:
    write_program(
        project,
        r"""
import time
for n in (10, 20, 30):
    print(f"\r{n}%", end="", flush=True)
    time.sleep(0.3)
print("\rdone")
""",
    )
    one = terminal(project)
    assert one.end() == 0
    name = b"\x1b[36mapi | \x1b[0m"
    shown = [part.split(b"\r\n")[0] for part in one.seen.split(b"\r\x1b[K")]
    assert name + b"20%" in shown
    assert name + b"done" in shown


def test_a_nonblocking_output_loses_nothing(project: Path, cli: "Cli", spawned: "Spawn") -> None:
    write_program(project, "for n in range(20_000): print(f'{n:099d}')")
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = spawned(
        [*cli.argv, "up"], cwd=project, env=cli.env(), stdout=writing, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with open(reading, "rb") as stream:
        lines = stream.read().splitlines()
    assert process.wait(PATIENCE_S) == 0
    assert lines == [b"api | %099d" % n for n in range(20_000)]


@pytest.mark.parametrize(
    ("words", "env", "shown"),
    [
        ((), {"FORCE_COLOR": None}, "api | \x1b[31mred\x1b[0m\n"),
        ((), {"FORCE_COLOR": "1"}, "\x1b[36mapi | \x1b[0m\x1b[31mred\x1b[0m\n"),
        ((), {"NO_COLOR": "1"}, "api | red\n"),
        (("--no-color",), {}, "api | red\n"),
    ],
    ids=["as it comes", "forced", "refused", "refused by an option"],
)
def test_colours_reach_a_pipe_if_they_are_wanted(
    project: Path, up: "StartUp", words: tuple[str, ...], env: dict[str, str | None], shown: str
) -> None:
    write_program(project, r"print('\x1b[31mred\x1b[0m')")
    stack = up(project, *words, env=env)
    assert stack.wait() == 0
    assert stack.printed == shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "env"), [(("--no-color",), {}), ((), {"TERM": "dumb"})], ids=["refused", "dumb"]
)
def test_a_second_up_shows_colours_no_more_than_the_first_does(
    project: Path,
    up: "StartUp",
    terminal: "StartTerminal",
    words: tuple[str, ...],
    env: dict[str, str],
) -> None:
    write_program(project, r"print('\x1b[31mred\x1b[0m'); import time; time.sleep(1000)")
    stack = up(project)
    stack.wait_for("all ready in")
    one = terminal(project, *words, "--scale", "api=2", **env)
    one.wait_for(b"api.2 | red\r\n")
    one.process.send_signal(signal.SIGINT)
    assert one.end() == 130
    assert b"\x1b[3" not in one.seen
    assert stack.stop() == 130


LOUD = """
import sys
for n in range(60_000): print(f"{n:099d}")
1 / 0
"""


@pytest.mark.slow
def test_a_slow_terminal_gets_the_last_lines(project: Path, terminal: "StartTerminal") -> None:
    write_program(project, LOUD)
    shown = terminal(project, "--restart", "no")
    # 0.8 MB/s without a pause, until the terminal closes (EIO).
    with contextlib.suppress(OSError):
        while data := os.read(shown.master, 4096):
            shown.seen += data
            select.select([], [], [], 0.005)
    assert shown.end() == 1
    assert b"lines skipped: the reader of this output was too slow]" in shown.seen
    assert b"059999\r\n" in shown.seen
    # The last lines come before portweave's message about the end, as on a fast terminal.
    _, error, told = shown.seen.partition(b"ZeroDivisionError: division by zero\r\n")
    assert error
    assert "✗\x1b[0m \x1b[1;31mexited (1)".encode() in told
    assert b"error:\x1b[0m api failed: portweave why api (PW0903)" in told.splitlines()[-1]


def test_blank_lines_that_clear_the_screen_are_not_shown(
    project: Path, terminal: "StartTerminal"
) -> None:
    write_program(project, r"print('\n' * 40 + '\x1b[1;1H\x1b[0J', end=''); print('VITE'); input()")
    shown = terminal(project)
    shown.wait_for(b"VITE\r\n")
    assert b"api | \r\n" not in shown.seen
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
