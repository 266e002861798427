"""The panel of npm portweave and portweave's panel answer the same requests."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Cli, Git
from tests.support.ports import reserve_ports

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

CONFIG = {
    "projectName": "Shop",
    "services": {
        "web": {
            "envVar": "WEB_PORT",
            "discoveryEnv": {
                "API_URL": "http://127.0.0.1:${api}/x",
                "AGAIN": "http://127.0.0.1:${api}/x",
                "OWN": "https://shop.example",
                "SOCKET": "ws://h:${web}/",
                "BOTH": "http://${web}.h:${api}/",
                "BAD": "http://x:99999/",
                "ODD": "HTTP://A.d/x y",
                "DB": "postgres://h:${api}/",
            },
        },
        "api": {"envVar": "API_PORT"},
    },
}


class Contender:
    """One of the two panels."""

    def __init__(self, argv: list[str], environ: dict[str, str], cwd: Path) -> None:
        port = reserve_ports(20).start
        self._process = subprocess.Popen(
            [*argv, "panel", "--port", str(port)],
            env=environ,
            cwd=cwd,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self.said = self._process.stderr.readline() + self._process.stderr.readline()
        found = re.search(r":(\d+)/", self.said)
        assert found, self.said
        self.port = int(found[1])
        assert self.port == port
        page = self.send("GET", "/", "")[2]
        match = re.search(r'<meta name="pw-csrf" content="([0-9a-f]{64})"', page)
        assert match, page
        self.token = match[1]

    def send(
        self, method: str, path: str, body: str, headers: dict[str, str] | None = None
    ) -> tuple[int, str | None, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            kind = answer.getheader("content-type")
            return answer.status, kind, self.mask(answer.read().decode())
        finally:
            connection.close()

    def mask(self, text: str) -> str:
        return re.sub(r'"generatedAt":"[^"]{24}"', '"generatedAt":"<time>"', text)

    def end(self) -> int:
        self._process.terminate()
        status = self._process.wait(20)
        assert self._process.stderr is not None
        self._process.stderr.close()
        return status


@pytest.fixture
def contenders(
    cli: Cli, npm_portweave: Path, repo: Callable[[int], list[Path]], git: Git, tmp_path: Path
) -> Iterator[list[Contender]]:
    """npm's panel first, then portweave's; both use the same registry."""
    environ = cli.env({"PATH": f"{npm_portweave.parent}:{cli.environ['PATH']}"})
    main, linked = repo(1)
    git("switch", "-q", "-c", "fix", cwd=linked)
    plain, gone = tmp_path / "plain", tmp_path / "gone"
    for folder in (main, linked, plain, gone):
        folder.mkdir(exist_ok=True)
        (folder / "portweave.config.json").write_text(json.dumps(CONFIG))
        assert cli("run", "--", "true", cwd=folder).returncode == 0
    (plain / "portweave.config.json").write_text("{")
    shutil.rmtree(gone)
    found = [Contender(argv, environ, tmp_path) for argv in ([str(npm_portweave)], list(cli.argv))]
    yield found
    assert [one.end() for one in found] == [0, 0]


REQUESTS: tuple[tuple[str, str, str], ...] = (
    ("GET", "/api/allocations", ""),
    ("GET", "/api/allocations?refresh=1", ""),
    ("GET", "/nothing", ""),
    ("PUT", "/", ""),
    ("OPTIONS", "/", ""),
    ("DELETE", "/api/prune", ""),
    ("POST", "/api/allocations", ""),
    ("POST", "/api/nothing", ""),
    ("POST", "/", ""),
    *(
        ("POST", path, body)
        for path in ("/api/prune", "/api/open")
        for body in (
            "",
            "x",
            "1",
            "null",
            "[]",
            "{}",
            '{"confirm":1}',
            '{"confirm":true}',
            '{"confirm":true,"gitCommonDir":null,"namespace":"x","worktreeRoot":"/x"}',
            '{"confirm":true,"gitCommonDir":1,"namespace":"x","worktreeRoot":"/x"}',
            '{"target":"editor"}',
            '{"target":"rm","worktreeRoot":"/x"}',
            '{"target":"editor","worktreeRoot":"/x"}',
            '{"target":"terminal","worktreeRoot":"/x"}',
        )
    ),
)


def test_both_answer_the_same(contenders: list[Contender]) -> None:
    for method, path, body in REQUESTS:
        for with_token in (True, False):
            answers = [
                one.send(method, path, body, {"X-Portweave-Csrf": one.token} if with_token else {})
                for one in contenders
            ]
            assert answers[0] == answers[1], (method, path, body, with_token)


def test_both_refuse_the_same(contenders: list[Contender]) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"X-Portweave-Csrf": "0" * 64},
    ):
        answers = [
            one.send("POST", "/api/prune", "{}", {"X-Portweave-Csrf": one.token, **headers})
            for one in contenders
        ]
        assert answers[0] == answers[1], headers
        assert answers[0][0] == 403


def test_both_prune_the_same(contenders: list[Contender]) -> None:
    def worktrees(one: Contender) -> list[tuple[str | None, dict[str, Any]]]:
        snapshot = json.loads(one.send("GET", "/api/allocations", "")[2])
        return [(p["gitCommonDir"], w) for p in snapshot["projects"] for w in p["worktrees"]]

    # For a deleted folder npm's panel says that it had no ports, although it releases them.
    there = [pair for pair in worktrees(contenders[0]) if pair[1]["diskSizeBytes"] is not None]
    for one, (common_dir, worktree) in zip(contenders, there[:2], strict=True):
        body = json.dumps(
            {
                "confirm": True,
                "gitCommonDir": common_dir,
                "namespace": worktree["namespace"],
                "worktreeRoot": worktree["worktreeRoot"],
            }
        )
        headers = {"X-Portweave-Csrf": one.token}
        answers = [one.send("POST", "/api/prune", body, headers)[2] for _ in range(2)]
        assert answers == ['{"removed":true}', '{"removed":false}']
    assert worktrees(contenders[0]) == worktrees(contenders[1])
