"""`portweave panel` beside a test."""

import http.client
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.commands import Cli
from tests.support.forks import start
from tests.support.stacks import SERVE

if TYPE_CHECKING:
    from tests.support.browser import Page

PATIENCE_S = 20.0
# One service with a secret, one that prints steadily, and one that fails.
SHOP = f"""
projectName: shop
services:
  web:
    command: {SERVE}
    environment: {{API_KEY: sk-very-secret}}
  talker:
    port: false
    command: >-
      i=0; while :; do i=$((i+1)); printf '\\033[32mGET\\033[0m /products/%d\\n' $i; sleep 0.1; done
  mailer:
    port: false
    restart: "no"
    command: "echo 'ConnectionRefusedError: smtp.local refused' >&2; exit 3"
"""
Answer = tuple[int, dict[str, str], bytes]


class Panel:
    """A panel.

    Attributes:
        process: The command.
        port: The port that it listens on.
        token: The token in its page, which each change needs.
        stderr: Its standard error, from the start on.
        said: What it prints at its start after its address.
    """

    def __init__(self, cli: Cli, cwd: Path, *args: str, **env: str) -> None:
        argv = [*cli.argv, "panel", *(args or ("--port", "0"))]
        self.process = start(argv, cwd=cwd, env=cli.env(env))
        assert self.process.stdout is not None
        # It prints nothing to standard output.
        self.process.stdout.close()
        assert self.process.stderr is not None
        self.stderr = TextIOWrapper(self.process.stderr, "utf-8")
        said = self.stderr.readline()
        found = re.fullmatch(r"\[portweave\] panel: http://127\.0\.0\.1:(\d+)/\n", said)
        assert found, said + self.stderr.read()
        self.said = ""
        while (line := self.stderr.readline()) != "[portweave] press Ctrl-C to stop\n":
            assert line, self.said
            self.said += line
        self.port = int(found[1])
        page = self.send("GET", "/")[2].decode()
        match = re.search(r'<meta name="pw-csrf" content="([0-9a-f]{64})"></head>', page)
        assert match, page
        self.token = match[1]

    @property
    def url(self) -> str:
        """The URL of its page."""
        return f"http://127.0.0.1:{self.port}/"

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request as given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Return the JSON of a path."""
        status, _, body = self.send("GET", path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def post(self, path: str, value: object, *, status: int = 200) -> Any:
        """Send a change as the page does; return its answer."""
        headers = {"X-Portweave-Csrf": self.token, "Origin": self.url[:-1]}
        found, _, body = self.send("POST", path, json.dumps(value).encode(), headers)
        assert found == status, (path, found, body)
        return json.loads(body)

    def worktree(self, root: Path) -> dict[str, Any]:
        """Return what the panel lists about a worktree."""
        found = [
            worktree
            for project in self.get("/api/v1/worktrees")["projects"]
            for worktree in project["worktrees"]
            if worktree["worktreeRoot"] == str(root)
        ]
        assert len(found) == 1, found
        return dict(found[0])

    @contextmanager
    def events(self, path: str) -> Generator[Iterator[tuple[str, Any]]]:
        """Yield the events of a stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.getheader("content-type") == "text/event-stream"

            def read() -> Iterator[tuple[str, Any]]:
                kind = ""
                while line := answer.readline().decode():
                    name, _, text = line.rstrip("\n").partition(": ")
                    if name == "event":
                        kind = text
                    elif name == "data":
                        yield kind, json.loads(text)

            with answer:
                yield read()
        finally:
            connection.close()

    def kill(self) -> None:
        """Kill the panel."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.stderr.close()

    def end(self) -> None:
        """Stop the panel and check its exit; do nothing if it was stopped already."""
        if self.stderr.closed:
            return
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        said = self.stderr.read()
        self.stderr.close()
        assert (status, said) == (0, ""), f"{status}: {said}"


def state_of(page: "Page", service: str, *, root: str = "") -> str:
    """Return the state that the page shows for a service."""
    where = f"[data-root={json.dumps(root)}] " if root else ""
    selector = json.dumps(f'{where}[data-service="{service}"] .word')
    return str(page.run(f"document.querySelector({selector})?.innerText || ''"))


def wait_for_state(page: "Page", service: str, state: str) -> None:
    """Wait until the page shows a state for a service."""
    selector = json.dumps(f'[data-service="{service}"] .word')
    page.wait(f"document.querySelector({selector})?.innerText === {json.dumps(state)}")


StartPanel = Callable[..., Panel]
