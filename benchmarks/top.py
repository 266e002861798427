"""The time until `portweave top` shows its first frame, beside an empty Textual program.

`python benchmarks/top.py [--runs 15]`. Both are whole processes on a pseudo-terminal of 80 columns.
They take turns, so that other load disturbs both alike; only the ratio carries over to other
machines.
"""

import argparse
import fcntl
import os
import pty
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("the first frame")

Empty().run()
"""
PATIENCE_S = 30.0


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        measure(folder, runs)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, runs: int) -> None:
    """Time both in turn."""
    names = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    environ = {**os.environ, "TERM": "xterm-256color"} | dict.fromkeys(names, str(folder))
    folder.chmod(0o700)
    portweave = str(Path(sys.executable).with_name("portweave"))
    contenders = {
        "empty Textual program": ([sys.executable, "-Ic", EMPTY], b"the first frame"),
        "portweave top, first frame": ([portweave, "top"], b"services"),
        "portweave top, all stacks known": ([portweave, "top"], b"No stack is running"),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    # The first round compiles; it does not count.
    for number in range(runs + 1):
        for name, (argv, mark) in contenders.items():
            taken_s = until_mark(argv, mark, folder, environ)
            if number:
                times[name].append(taken_s)
    floor_s = statistics.median(times["empty Textual program"])
    print(f"{'':34}{'median':>8}{'least':>8}{'ratio':>8}")
    for name, found in times.items():
        median_s = statistics.median(found)
        print(
            f"{name:34}{median_s * 1000:>6.0f}ms{min(found) * 1000:>6.0f}ms"
            f"{median_s / floor_s:>8.2f}"
        )


def until_mark(argv: list[str], mark: bytes, folder: Path, environ: dict[str, str]) -> float:
    """Return the seconds from the start of a program until it has drawn a text."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    started_s = time.perf_counter()
    process = subprocess.Popen(
        argv, cwd=folder, env=environ, stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        seen = b""
        while mark not in seen:
            left_s = started_s + PATIENCE_S - time.perf_counter()
            if left_s <= 0 or not select.select([master], [], [], left_s)[0]:
                raise SystemExit(f"no {mark!r} in {seen!r}")
            seen += os.read(master, 65_536)
        return time.perf_counter() - started_s
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(master)


if __name__ == "__main__":
    main()
