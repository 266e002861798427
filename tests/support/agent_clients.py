"""A client of `portweave mcp` that writes and reads its lines."""

import json
import os
import select
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.commands import Cli

PATIENCE_S = 20.0
OLDER = "2025-11-25"


class AgentClient:
    """A client of the server, beside a test.

    Attributes:
        process: The server.
        news: Messages that were no answers.
    """

    def __init__(
        self, cli: "Cli", folder: Path, *words: str, env: dict[str, str | None] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [*cli.argv, "mcp", *words],
            cwd=folder,
            env=cli.env(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.news: list[dict[str, Any]] = []
        self._rest: bytes = b""
        self._last = 0

    def begin(self, version: str = OLDER, **abilities: object) -> dict[str, Any]:
        """Send `initialize`; return its result."""
        params = {"protocolVersion": version, "capabilities": abilities}
        result: dict[str, Any] = self.ask("initialize", params)["result"]
        self.tell("notifications/initialized")
        return result

    def tell(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params or {}})

    def send(self, message: object) -> None:
        """Send a message."""
        stdin = self._pipe(self.process.stdin)
        stdin.write(json.dumps(message).encode() + b"\n")
        stdin.flush()

    def request(self, method: str, params: object = None) -> int:
        """Send a request; return its id."""
        self._last += 1
        self.send({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params or {}})
        return self._last

    def ask(self, method: str, params: object = None) -> dict[str, Any]:
        """Send a request; return its answer."""
        return self.answer(self.request(method, params))

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool; return its result."""
        answer = self.ask("tools/call", {"name": tool, "arguments": arguments})
        result: dict[str, Any] = answer["result"]
        return result

    def answer(self, number: int) -> dict[str, Any]:
        """Wait for the answer to a request."""
        while (message := self.next()).get("id") != number or "method" in message:
            self.news.append(message)
        return message

    def next(self) -> dict[str, Any]:
        """Wait for the next message."""
        stdout = self._pipe(self.process.stdout)
        while b"\n" not in self._rest:
            assert select.select([stdout], [], [], PATIENCE_S)[0], "the server says nothing"
            data = os.read(stdout.fileno(), 65_536)
            assert data, self._pipe(self.process.stderr).read().decode()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def leave(self) -> int:
        """Close stdin as a client does that ends; return the exit status of the server."""
        self._pipe(self.process.stdin).close()
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """End the server in any state."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue

    def _pipe(self, stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None
        return stream
