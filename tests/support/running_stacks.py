"""`portweave up` beside a test."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.support.forks import start

PATIENCE_S = 20.0


class Stack:
    """A `portweave up` beside the test.

    Attributes:
        root: The worktree's root.
        process: The command.
    """

    def __init__(self, argv: list[str], *, cwd: Path, root: Path, env: dict[str, str]) -> None:
        self.root = root
        # The test decides whether Ctrl-C reaches the command.
        self.process = start(argv, cwd=cwd, env=env)
        # All processes seen so far; an orphan would not be found again at the end.
        self._seen: dict[int, psutil.Process] = {}
        self._news = threading.Condition()
        self._printed = bytearray()
        self._said = bytearray()
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in (
                (self.process.stdout, self._printed),
                (self.process.stderr, self._said),
            )
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes] | None, kept: bytearray) -> None:
        assert stream is not None
        with stream:
            while data := os.read(stream.fileno(), 65_536):
                with self._news:
                    kept += data
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def printed(self) -> str:
        """What the services have printed so far."""
        return self._printed.decode("utf-8", "backslashreplace")

    @property
    def printed_bytes(self) -> bytes:
        """What the services have printed so far, as bytes."""
        return bytes(self._printed)

    @property
    def said(self) -> str:
        """What portweave has printed so far."""
        return self._said.decode("utf-8", "backslashreplace")

    def lines_of(self, name: str) -> list[str]:
        """Return what one instance has printed so far, without its name."""
        found: list[str] = []
        for line in self.printed.split("\n"):
            label, bar, text = line.partition(" | ")
            if bar and label.strip() == name:
                found.append(text)
        return found

    def wait_for(self, text: str, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until portweave or a service has printed `text`."""

        def is_there() -> bool:
            return text in self.said or text in self.printed

        with self._news:
            self._news.wait_for(
                lambda: is_there() or not any(reader.is_alive() for reader in self._readers),
                timeout_s,
            )
            assert is_there(), f"no {text!r} in\n{self}"

    def send(self, number: int) -> None:
        """Send a signal to portweave."""
        self.process.send_signal(number)

    def wait(self, *, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; return its exit status."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it does not end:\n{self}")
        for reader in self._readers:
            reader.join(timeout_s)
        return status

    def stop(self, number: int = signal.SIGINT, *, timeout_s: float = PATIENCE_S) -> int:
        """Send a signal to portweave, wait for its end, and check that nothing is left."""
        family = self.family()
        self.send(number)
        status = self.wait(timeout_s=timeout_s)
        left = [str(process) for process in family if not has_ended(process)]
        assert not left, f"{left} left behind:\n{self}"
        assert not self.marked(), f"{self.marked()} left behind:\n{self}"
        for port in self._ports():
            with socket.socket() as probe:
                # Connections that were open until now do not keep a server from binding the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        return status

    def _ports(self) -> list[int]:
        lines = (self.root / ".portweave/current.env").read_text().splitlines()
        pairs = [line.partition("=") for line in lines]
        return [int(value) for name, _, value in pairs if name.endswith("_PORT")]

    def port(self, variable: str) -> int:
        """Return the port in a variable."""
        lines = (self.root / ".portweave/current.env").read_text().splitlines()
        return int(dict(line.split("=", 1) for line in lines)[variable])

    def ask(
        self, variable: str, path: str, body: str | None = None, *, method: str = ""
    ) -> tuple[int, str]:
        """Send a request to the port in a variable; return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(variable), timeout=10)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def family(self) -> list[psutil.Process]:
        """Return all processes of the stack, found by descent and by environment."""
        found = {process.pid: process for process in self.marked()}
        with contextlib.suppress(psutil.NoSuchProcess):
            command = psutil.Process(self.process.pid)
            found |= {process.pid: process for process in command.children(recursive=True)}
        self._seen |= found
        return list(found.values())

    def marked(self) -> list[psutil.Process]:
        """Return live processes whose environment names the worktree."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                mark = process.environ().get("PORTWEAVE_WORKTREE")
                if mark == str(self.root) and not has_ended(process):
                    found.append(process)
        return found

    def end(self) -> None:
        """Stop the stack in any state."""
        self.family()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in self._seen.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for reader in self._readers:
            reader.join(5)

    def __str__(self) -> str:
        return f"--- {self.root.name} says\n{self.said}--- its services print\n{self.printed}"


def has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


StartUp = Callable[..., Stack]
