"""A stack in the foreground, as a test sees it."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli

PATIENCE_S = 20.0


class Up:
    """A running `portweave up`.

    Attributes:
        process: The command.
        root: The worktree.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", root: Path) -> None:
        self.process = process
        self.root = root
        self._changed = threading.Condition()
        self._out = bytearray()
        self._err = bytearray()
        self._threads = [
            threading.Thread(target=self._read, args=(stream, kept), daemon=True)
            for stream, kept in ((process.stdout, self._out), (process.stderr, self._err))
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: IO[bytes] | None, kept: bytearray) -> None:
        assert stream is not None
        while data := os.read(stream.fileno(), 65_536):
            with self._changed:
                kept += data
                self._changed.notify_all()

    @property
    def out(self) -> str:
        """What services have printed so far."""
        return self._out.decode("utf-8", "backslashreplace")

    @property
    def out_bytes(self) -> bytes:
        """The same, as it is."""
        return bytes(self._out)

    @property
    def err(self) -> str:
        """What portweave has said so far."""
        return self._err.decode("utf-8", "backslashreplace")

    def lines_of(self, name: str) -> list[str]:
        """What one instance has printed so far, without its name."""
        found: list[str] = []
        for line in self.out.split("\n"):
            label, bar, text = line.partition(" | ")
            if bar and label.strip() == name:
                found.append(text)
        return found

    def wait_for(self, text: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until it is printed or said."""
        deadline_s = time.monotonic() + patience_s
        with self._changed:
            while text not in self.out and text not in self.err:
                left_s = deadline_s - time.monotonic()
                ended = self.process.poll() is not None and not any(
                    thread.is_alive() for thread in self._threads
                )
                assert left_s > 0, f"no {text!r} in\n{self.out}\n{self.err}"
                assert not ended, f"ended without {text!r}:\n{self.out}\n{self.err}"
                self._changed.wait(min(left_s, 0.2))

    def send(self, number: int) -> None:
        """Signal the supervisor."""
        self.process.send_signal(number)

    def end(self, patience_s: float = PATIENCE_S) -> int:
        """Wait until it has ended, and return its exit status."""
        status = self.process.wait(patience_s)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return status

    def stop(self, number: int = signal.SIGINT) -> int:
        """Signal it, and wait until it has ended."""
        self.send(number)
        return self.end()

    def left(self) -> list[psutil.Process]:
        """Living processes that were started for this worktree."""
        return processes_of(self.root)


def processes_of(root: Path) -> list[psutil.Process]:
    """Living processes that carry the mark of the worktree at `root`."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (
                process.environ().get("PORTWEAVE_WORKTREE") == str(root)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found


StartUp = Callable[..., Up]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project outside git."""
    path = tmp_path / "shop"
    path.mkdir()
    return path


@pytest.fixture
def start_up(cli: "Cli") -> Iterator[StartUp]:
    """Start `portweave up`: `start_up(root, "web", "--no-deps", env={...})`."""
    started: list[Up] = []

    def start(
        root: Path, *args: str, cwd: Path | None = None, env: Mapping[str, str | None] | None = None
    ) -> Up:
        process = subprocess.Popen(
            [*cli.argv, "up", *args],
            cwd=cwd or root,
            env=cli.env(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        up = Up(process, root)
        started.append(up)
        return up

    yield start
    for up in started:
        if up.process.poll() is None:
            up.process.kill()
        up.process.wait()
        left = up.left()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        for stream in (up.process.stdout, up.process.stderr):
            if stream is not None:
                stream.close()
        assert not left, f"left behind: {left}"
