"""Services that print lines, and `portweave logs -f`, for tests of logs."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

Spawn = Callable[..., "subprocess.Popen[bytes]"]
PATIENCE_S = 20.0


def write_services(root: Path, **programs: str) -> None:
    """Write a Procfile with Python programs."""
    lines: list[str] = []
    for name, program in programs.items():
        (root / f"{name}.py").write_text(program)
        lines.append(f"{name}: {sys.executable} -u {name}.py\n")
    (root / "Procfile").write_text("".join(lines))


def logs_of(root: Path) -> Path:
    return root / ".portweave/logs"


class Follower:
    """`portweave logs -f` beside the test."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._seen = bytearray()
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65_536):
            with self._news:
                self._seen += data
                self._news.notify_all()

    @property
    def lines(self) -> list[str]:
        return self._seen.decode().splitlines()

    def wait_for(self, line: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: line in self.lines, PATIENCE_S), self.lines[-5:]
