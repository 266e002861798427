"""`portweave ask`, and the services of a stack that call each other."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import StartUp

if TYPE_CHECKING:
    from tests.conftest import Cli

YAML = """
services:
  api: {command: [python3, api.py], port: false, scale: 2}
  mute: {command: [sleep, "1000"], port: false}
  done: {command: "true", port: false, oneshot: true}
"""
API = """
import asyncio, os
from portweave import cluster

async def main():
    async with cluster.connect() as connection:
        connection.route("echo", lambda req: cluster.Reply(*req.load))
        connection.route("name", lambda req: connection.name)
        connection.route("die", lambda req: os._exit(3))
        @connection.route("fail")
        def fail(req):
            raise LookupError("boom")
        @connection.route("slow")
        async def slow(req):
            await asyncio.sleep(1000)
        await connection.serve()

asyncio.run(main())
"""


@pytest.fixture
def stack(project: Path, up: StartUp) -> Path:
    (project / "portweave.yaml").write_text(YAML)
    (project / "api.py").write_text(API)
    up(project).wait_for("all ready")
    return project


def test_ask(stack: Path, cli: "Cli") -> None:
    done = cli("ask", "api/echo", "1", "text", '{"a": [null]}', "--", "-5", cwd=stack)
    assert done.stdout == '1\ntext\n{"a":[null]}\n-5\n', done.stderr
    done = cli("ask", "--json", "/api/echo", "1.5", cwd=stack)
    assert json.loads(done.stdout) == {"schemaVersion": 1, "values": [1.5]}
    names = {cli("ask", "api/name", cwd=stack).stdout for _ in range(4)}
    assert names == {"api\n", "api.2\n"}
    assert cli("ask", "api.2/name", cwd=stack).stdout == "api.2\n"
    rows = json.loads(cli("ask", "supervisor/ps", cwd=stack).stdout)["services"]
    assert [row["name"] for row in rows] == ["api", "api", "mute", "done"]
    for arguments, status, words in (
        (["api/nothing"], 66, "(PW1202)"),
        (["nobody/x"], 68, "there are api, done, mute (PW1203)"),
        (["api/%zz"], 64, "(PW1204)"),
        (["api/fail"], 1, "LookupError: boom (PW1205)"),
        (["done/x"], 69, "done has completed (PW1206)"),
        (["mute/x", "--timeout", "200ms"], 124, "it is not ready (PW1208)"),
        (["api/slow", "--timeout", "200ms"], 124, "(PW1208)"),
        (["supervisor/nothing"], 66, "(PW1202)"),
        ([], 1, "(PW0601)"),
    ):
        done = cli("ask", *arguments, cwd=stack)
        assert (done.returncode, words in done.stderr) == (status, True), done.stderr
    assert "Traceback" in cli("ask", "--verbose", "api/fail", cwd=stack).stderr


def test_a_service_that_is_started_again_is_waited_for(stack: Path, cli: "Cli") -> None:
    assert cli("stop", "api.2", cwd=stack).returncode == 0
    assert cli("ask", "api/die", cwd=stack).returncode == 69
    # Nobody else has the name now, and its next process has a token of its own.
    assert cli("ask", "api/name", cwd=stack).stdout == "api\n"
    assert cli("ask", "api.2/name", cwd=stack).returncode == 69
    assert cli("start", "api.2", cwd=stack).returncode == 0
    assert cli("ask", "api.2/name", cwd=stack).stdout == "api.2\n"
