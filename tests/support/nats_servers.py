"""NATS servers for tests."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.locked_packages import STRICT
from tests.support.ports import reserve_ports


def nats_server() -> str:
    """The program: of this environment, or of the system. Skip the test where there is none."""
    own = Path(sys.prefix, "bin", "nats-server")
    found = str(own) if own.exists() else shutil.which("nats-server")
    if found is None:
        (pytest.fail if STRICT else pytest.skip)("nats-server is not installed")
    return found


class NatsServer:
    """A server, which may be stopped and started again.

    Args:
        folder: For its configuration.
        settings: Lines of its configuration.
    """

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.port = reserve_ports(1).start
        self.url = f"nats://127.0.0.1:{self.port}"
        self._program = nats_server()
        self._config = folder / f"nats-{self.port}.conf"
        self._config.write_text(f"listen: 127.0.0.1:{self.port}\n{settings}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = process = subprocess.Popen(
            [self._program, "-c", str(self._config)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = b""
        for line in process.stderr:
            said += line
            if b"Server is ready" in line:
                return
        raise AssertionError(said.decode())

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()

    @contextlib.contextmanager
    def running(self) -> Generator["NatsServer"]:
        self.start()
        try:
            yield self
        finally:
            self.kill()
