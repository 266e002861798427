"""`portweave ask`, and calls between the services of a stack."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.running_stacks import StartUp

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

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
            error = LookupError("boom")
            error.fields = {"a": [1]}
            raise error
        counts = {"began": 0, "ended": 0}
        connection.route("counts", lambda req: counts)
        @connection.route("slow")
        async def slow(req):
            counts["began"] += 1
            try:
                await asyncio.sleep(1000)
            finally:
                counts["ended"] += 1
        await connection.serve()

asyncio.run(main())
"""


def test_a_ready_service_that_does_not_join_is_reported_with_its_url(
    detached: "Detached", project: Path
) -> None:
    (project / "Procfile").write_text("web: python3 -m http.server $PORT --bind 127.0.0.1\n")
    detached.up()
    began_s = time.monotonic()
    printed = detached("ask", "web/users", status=68).stderr
    assert time.monotonic() - began_s < 10
    assert "web is ready, but its program has not joined the stack" in printed
    assert f"it is reached over HTTP at {detached.ps()['web']['url']}" in printed


@pytest.fixture
def stack(project: Path, up: StartUp) -> Path:
    (project / "portweave.yaml").write_text(YAML)
    (project / "api.py").write_text(API)
    up(project).wait_for("all ready")
    return project


def test_ask_prints_the_answer_or_an_error_with_its_status(stack: Path, cli: "Cli") -> None:
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
    done = cli("ask", "--json", "api/fail", cwd=stack)
    error = json.loads(done.stdout)["error"]
    assert error == {
        "code": "PW1205", "message": "LookupError: boom", "status": 500, "type": "LookupError",
        "connection": error["connection"], "fields": {"a": [1]},
    }  # fmt: skip
    assert error["connection"] in {"api", "api.2"}
    assert "Traceback" in cli("ask", "--verbose", "api/fail", cwd=stack).stderr


@pytest.mark.slow
def test_ask_waits_for_a_restarting_service(stack: Path, cli: "Cli") -> None:
    assert cli("stop", "api.2", cwd=stack).returncode == 0
    assert cli("ask", "api/die", cwd=stack).returncode == 69
    # No other process has the name now, and the next process of api gets a new token.
    assert cli("ask", "api/name", cwd=stack).stdout == "api\n"
    assert cli("ask", "api.2/name", cwd=stack).returncode == 69
    assert cli("start", "api.2", cwd=stack).returncode == 0
    assert cli("ask", "api.2/name", cwd=stack).stdout == "api.2\n"


@pytest.mark.slow
def test_the_call_of_a_killed_ask_is_cancelled(
    stack: Path, cli: "Cli", eventually: Callable[[Callable[[], object]], None]
) -> None:
    for number, ends_it in enumerate((signal.SIGINT, signal.SIGKILL), start=1):
        asking = subprocess.Popen(
            [*cli.argv, "ask", "api.2/slow", "--timeout", "1000"],
            cwd=stack, env=cli.environ, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def has_count(which: str, number: int = number) -> bool:
            found = json.loads(cli("ask", "api.2/counts", cwd=stack).stdout)
            return bool(found[which] == number)

        eventually(lambda: has_count("began"))
        asking.send_signal(ends_it)
        asking.wait()
        eventually(lambda: has_count("ended"))


JOINED = """
import asyncio
from portweave import cluster

async def main():
    async with cluster.connect() as connection:
        print(connection.name, await connection.request("api.2/echo", 1))
    async with cluster.connect(stack="main", name="guest") as guest:
        print(guest.name, await guest.request("api.2/name"))
    with cluster.connect(sync=True) as blocking:
        print(blocking.name)
    try:
        cluster.connect(stack="other")
    except cluster.HubUnreachable as error:
        print(error)

asyncio.run(main())
"""


@pytest.mark.slow
def test_any_program_in_the_worktree_joins_its_stack(stack: Path, cli: "Cli") -> None:
    (stack / "inner").mkdir()
    program = [sys.executable, "-c", JOINED]
    expected = "None 1\nguest api.2\nNone\nno hub to join: no stack is running as other\n"
    started = subprocess.run(
        program, cwd=stack / "inner", env=cli.environ, capture_output=True, text=True, check=False
    )
    assert started.stdout == expected, started.stderr
    for verb in (["run"], ["exec", "api"]):
        done = cli(*verb, "--", *program, cwd=stack)
        assert done.stdout == expected, done.stderr
    assert cli("down", cwd=stack).returncode == 0
    done = cli("run", "--", *program, cwd=stack)
    assert "HubUnreachable: no hub to join: no stack is running in" in done.stderr


SECOND = """
import asyncio
from portweave import cluster

async def main():
    async with cluster.connect() as connection:
        connection.route("who", lambda req: ["second", req.asker])
        print(await connection.request("supervisor/ps") is not None, flush=True)
        await connection.serve()

asyncio.run(main())
"""
FIRST = """
import asyncio, subprocess, sys
from portweave import cluster

async def main():
    async with cluster.connect() as connection:
        connection.route("who", lambda req: ["first", req.asker])
        second = subprocess.Popen([sys.executable, "second.py"])
        connection.route("kill", lambda req: second.kill())
        await connection.serve()

asyncio.run(main())
"""


@pytest.mark.slow
def test_two_processes_of_a_service_share_its_calls(project: Path, up: StartUp, cli: "Cli") -> None:
    (project / "Procfile").write_text("jobs: python3 first.py\n")
    (project / "first.py").write_text(FIRST)
    (project / "second.py").write_text(SECOND)
    up(project).wait_for("True")

    def answering_processes(count: int) -> set[str]:
        answers = [cli("ask", "jobs.1/who", cwd=project).stdout for _ in range(count)]
        return {json.loads(answer)[0] for answer in answers if answer}

    while answering_processes(2) != {"first", "second"}:
        pass
    while cli("ask", "jobs/kill", cwd=project).returncode:
        pass  # the second process has no route `kill`
    while answering_processes(3) != {"first"}:
        pass
