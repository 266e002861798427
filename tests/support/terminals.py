"""`portweave up`, and commands that end, on terminals of their own."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.running_stacks import PATIENCE_S

if TYPE_CHECKING:
    from tests.support.commands import Cli

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """`portweave up` on a terminal of its own."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.seen = b""

    def wait_for(self, text: bytes) -> None:
        """Read until `text` has been seen."""
        deadline_s = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"no {text!r} in {self.seen!r}"
            assert self.read(left_s), f"ended without {text!r}: {self.seen!r}"

    def read(self, patience_s: float) -> bool:
        """Read available output; return whether more may come."""
        if select.select([self.master], [], [], patience_s)[0]:
            try:
                data = os.read(self.master, 65_536)
            except OSError:  # EIO: no process has the terminal open
                return False
            self.seen += data
            return bool(data)
        return True

    def end(self) -> int:
        """Read to the end; return the exit status."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline_s:
            self.read(0.05)
        while self.read(0.05) and select.select([self.master], [], [], 0)[0]:
            pass
        return self.process.wait(1)


def on_terminal(
    cli: "Cli",
    *words: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    columns: int = 80,
) -> list[str]:
    """Run a command whose output is a terminal; return its lines, without colours."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        process = subprocess.Popen(
            [*cli.argv, *words],
            cwd=cwd,
            env=cli.env({"TERM": "xterm", **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=subprocess.DEVNULL,
        )
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):  # EIO: no process has the terminal open
            while data := os.read(master, 65_536):
                text += data
        assert process.wait(PATIENCE_S) == 0
    finally:
        os.close(master)
    return _COLOURS.sub("", text.decode()).replace("\r", "").splitlines()


StartTerminal = Callable[..., Terminal]
