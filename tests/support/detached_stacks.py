"""A worktree's detached stack, and commands for it."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from tests.support.commands import Cli
from tests.support.running_stacks import has_ended


class Detached:
    """A worktree's detached stack, and commands for it.

    Attributes:
        root: The worktree's root.
    """

    def __init__(self, cli: "Cli", root: Path) -> None:
        self.root = root
        self._cli = cli
        self._path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._seen: dict[int, psutil.Process] = {}
        self._connections: list[socket.socket] = []

    def __call__(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        status: int | None = 0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; it must exit with `status`, unless that is None."""
        done = self._cli(*words, cwd=cwd or self.root, env=self._changes(env), timeout_s=60)
        if status is not None:
            assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    def beside(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command without waiting for it."""
        return subprocess.Popen(
            [*self._cli.argv, *map(str, words)],
            cwd=self.root,
            env=self._cli.env(self._changes(None)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def put_first(self, folder: Path) -> None:
        """Put a folder first on the PATH of later commands."""
        self._path = f"{folder}:{self._path}"

    def _changes(self, env: Mapping[str, str | None] | None) -> dict[str, str | None]:
        return {"PATH": self._path, **(env or {})}

    def up(self, *words: str) -> str:
        """Start the stack and wait until it is ready; return what was printed."""
        said = self("up", "-d", *words).stderr
        self.remember_processes()
        return said

    def record(self) -> dict[str, Any]:
        """Return its record; empty for none."""
        mine = [one for one in self._records() if one["worktreeRoot"] == str(self.root)]
        return mine[0] if mine else {}

    def _records(self) -> list[dict[str, Any]]:
        folder = Path(self._cli.environ["XDG_STATE_HOME"], "portweave", "stacks")
        return [json.loads(path.read_text()) for path in folder.glob("*.json")]

    def guardian(self) -> psutil.Process:
        """Return the guardian."""
        return psutil.Process(self.record()["pid"])

    def supervisor(self) -> psutil.Process:
        """Return the supervisor."""
        [child] = self.guardian().children()
        return child

    def kill_both(self) -> None:
        """Kill both, so that neither ends the services."""
        guardian, supervisor = self.guardian(), self.supervisor()
        # A stopped process cannot act between the two signals.
        supervisor.suspend()
        ends = [os.pidfd_open(process.pid) for process in (guardian, supervisor)]
        guardian.kill()
        supervisor.kill()
        for end in ends:
            select.select([end], [], [], 10)
            os.close(end)

    def remember_processes(self) -> list[psutil.Process]:
        """Remember all its processes; none may be left at the end."""
        guardian = self.guardian()
        family = [guardian, *guardian.children(recursive=True)]
        for record in self._records():
            # A stack that one of its services started is another stack.
            if record["worktreeRoot"] != str(self.root) and record["detached"]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    other = psutil.Process(record["pid"])
                    if other in family:
                        theirs = {other, *other.children(recursive=True)}
                        family = [one for one in family if one not in theirs]
        self._seen |= {process.pid: process for process in family}
        return family

    def ps(self) -> dict[str, dict[str, Any]]:
        """Return its services by full name, without the namespace."""
        rows = json.loads(self("ps", "--json").stdout)["services"]
        return {row["fullName"].rpartition("-")[0]: row for row in rows}

    def connect(self) -> socket.socket:
        """Open a connection to its control socket."""
        connection = socket.socket(socket.AF_UNIX)
        self._connections.append(connection)
        # With a timeout, a full backlog would raise an error at once.
        connection.connect(self.record()["socket"])
        connection.settimeout(10)
        return connection

    def down(self, *words: str) -> str:
        """Stop the stack and check that nothing is left; return what was printed."""
        record = self.record()
        self.remember_processes()
        said = self("down", *words).stderr
        left = [str(process) for process in self._seen.values() if not has_ended(process)]
        assert not left
        assert not self.record()
        assert not Path(record["socket"]).exists()
        for port in record["ports"].values():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        return said

    def end(self) -> None:
        """Stop the stack in any state."""
        for connection in self._connections:
            connection.close()
        if self.record():
            with contextlib.suppress(psutil.NoSuchProcess):
                self.remember_processes()
            self("down", "-t", "1", status=None)
        left = [process for process in self._seen.values() if not has_ended(process)]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert not left, f"{left} left behind"
        assert not self.record()
