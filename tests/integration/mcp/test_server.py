"""`portweave mcp` with real stacks, by lines of JSON-RPC."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.agent_clients import AgentClient
from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

Connect = Callable[..., AgentClient]
Eventually = Callable[[Callable[[], object]], None]
STACK = """
services:
  web: {command: "exec sleep 99", port: false}
  api: {command: "echo hello; exec sleep 99", port: false}
"""
BROKEN = f"""
services:
  api: {{command: "{sys.executable} -c 'import nosuch'", port: false, restart: "no"}}
"""


@pytest.fixture
def connect(cli: "Cli", project: Path) -> Iterator[Connect]:
    """Start servers that are ended with the test: `connect("--no-exec").call("status")`."""
    clients: list[AgentClient] = []

    def start(*words: str, folder: Path = project, **env: str | None) -> AgentClient:
        clients.append(AgentClient(cli, folder, *words, env=env))
        return clients[-1]

    yield start
    for client in clients:
        client.end()


def text_of(result: dict[str, Any]) -> str:
    (content,) = result["content"]
    assert content["type"] == "text"
    text: str = content["text"]
    return text


def test_an_agent_works_with_a_stack(project: Path, connect: Connect, detached: "Detached") -> None:
    write(project, STACK)
    client = connect()
    assert client.begin()["serverInfo"]["name"] == "portweave"
    call = {"name": "ensure", "arguments": {}, "_meta": {"progressToken": "p"}}
    started = client.ask("tools/call", {**call})["result"]
    detached.remember_processes()
    assert started["structuredContent"]["verdict"] == "ready"
    assert f"in {project}: all services ready; started now" in text_of(started)
    assert [n["params"]["progressToken"] for n in client.news if "params" in n][:1] == ["p"]
    # A second call finds all as it shall be.
    assert "nothing was to do" in text_of(client.call("ensure"))
    assert client.call("status", services=["web"])["structuredContent"]["services"] == [
        {"name": "web", "state": "ready"}
    ]
    logs = client.call("logs")["structuredContent"]
    assert logs["lines"] == ["api | hello"]
    assert client.call("logs", cursor=logs["cursor"])["structuredContent"]["lines"] == []
    assert "no service is in trouble" in text_of(client.call("why"))
    done = client.call("exec", service="api", command="echo $PORTWEAVE_SERVICE; exit 3")
    assert done["structuredContent"] == {
        "worktree": str(project), "exitStatus": 3, "output": "api-main",
    }  # fmt: skip
    assert "restarted web" in text_of(client.call("control", action="restart", services=["web"]))
    events = client.ask("resources/read", {"uri": "portweave://events"})["result"]["contents"][0]
    assert json.loads(events["text"].split("\n")[-1])["name"] == "web"
    definition = client.ask("resources/read", {"uri": "portweave://definition"})["result"]
    assert "exec sleep 99" in definition["contents"][0]["text"]
    log = client.ask("resources/read", {"uri": "portweave://logs/api"})["result"]["contents"][0]
    assert "api | hello" in log["text"]
    assert "took down shop/main" in text_of(client.call("control", action="down"))
    assert client.leave() == 0


def test_errors_are_those_of_portweave(project: Path, connect: Connect) -> None:
    client = connect("--no-exec")
    client.begin()
    gone = client.call("status")
    assert gone["isError"]
    assert gone["structuredContent"]["error"]["code"] == "PW1001"
    assert "hint: the tool ensure starts the stack" in text_of(gone)
    assert client.call("ensure")["structuredContent"]["error"]["code"] == "PW0101"
    wrong = client.call("status", worktree=str(project / "no"))
    assert f"there is no folder {project / 'no'}" in text_of(wrong)
    off = client.ask("tools/call", {"name": "exec", "arguments": {}})
    assert off["error"]["code"] == -32602
    missing = client.ask("resources/read", {"uri": "portweave://nosuch"})
    assert missing["error"]["code"] == -32002


def test_a_stack_that_cannot_start_is_explained(
    project: Path, connect: Connect, detached: "Detached"
) -> None:
    write(project, BROKEN)
    client = connect()
    client.begin()
    result = client.call("ensure")
    assert result["isError"]
    assert result["structuredContent"]["verdict"] == "trouble"
    assert result["structuredContent"]["error"]["code"] == "PW1007"
    assert "nosuch" in text_of(result)
    why = client.call("why")["structuredContent"]["services"]
    assert [row["name"] for row in why] == ["api"]
    assert "nosuch" in why[0]["cause"]
    detached.down()


def test_a_cancelled_call_ends_its_command(
    project: Path, connect: Connect, detached: "Detached", eventually: Eventually
) -> None:
    write(project, STACK)
    detached.up()
    client = connect()
    client.begin()
    command = {"service": "api", "command": "echo $$; sleep 98; :", "timeout": 90}
    number = client.request("tools/call", {"name": "exec", "arguments": command})
    server = psutil.Process(client.process.pid)
    eventually(lambda: "98" in _words(server))
    client.tell("notifications/cancelled", {"requestId": number})
    eventually(lambda: "98" not in _words(server))
    # The cancelled call is not answered; the next one is.
    assert client.call("status")["structuredContent"]["verdict"] == "ready"
    assert client.news == []


def _words(server: psutil.Process) -> list[str]:
    """The words of all processes that a server has started."""
    found: list[str] = []
    for process in server.children(recursive=True):
        try:
            found += process.cmdline()
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(None, id="end of stdin"),
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_a_client_that_dies_leaves_nothing_at_work(
    project: Path,
    connect: Connect,
    detached: "Detached",
    eventually: Eventually,
    number: int | None,
) -> None:
    write(project, STACK)
    detached.up()
    client = connect()
    client.begin()
    command = {"service": "api", "command": "sleep 97; :", "timeout": 90}
    client.request("tools/call", {"name": "exec", "arguments": command})
    server = psutil.Process(client.process.pid)
    eventually(lambda: "97" in _words(server))
    started = server.children(recursive=True)
    if number is None:
        assert client.leave() == 0
    else:
        client.process.send_signal(number)
        assert client.process.wait(20) == 128 + number
    eventually(lambda: not any(process.is_running() for process in started))
    # A stack that ran before goes on.
    assert detached.ps()["web"]["state"] == "ready"


def test_a_call_is_about_the_folder_that_it_or_the_client_names(
    tmp_path: Path, project: Path, connect: Connect
) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c", "d e")]
    for folder in folders:
        folder.mkdir()
    argument, option, variable, root = map(str, folders)

    def asked(client: AgentClient, **arguments: object) -> object:
        return client.call("status", **arguments)["structuredContent"]["worktree"]

    client = connect("--worktree", option, CLAUDE_PROJECT_DIR=variable)
    client.begin()
    assert asked(client, worktree=argument) == argument
    assert asked(client) == option
    client = connect(CLAUDE_PROJECT_DIR=variable)
    client.begin()
    assert asked(client) == variable
    client = connect()
    client.begin(roots={})
    question = client.next()
    assert question["method"] == "roots/list"
    uri = f"file://{root.replace(' ', '%20')}"
    client.send({"jsonrpc": "2.0", "id": question["id"], "result": {"roots": [{"uri": uri}]}})
    assert asked(client) == root
    client = connect()
    client.begin()
    assert asked(client) == str(project)


def test_what_is_no_message_is_told_and_the_server_goes_on(connect: Connect) -> None:
    client = connect()
    stdin = client.process.stdin
    assert stdin is not None
    stdin.write(b"nonsense\n\n[1, 2]\n\xff\xfe\n" + b"x" * (5 << 20) + b"\n")
    stdin.flush()
    codes = [client.next()["error"]["code"] for _ in range(5)]
    assert sorted(codes) == [-32700, -32700, -32700, -32600, -32600]
    assert client.begin()["protocolVersion"] == "2025-11-25"


def owners_of(detached: "Detached") -> list[int]:
    rows = json.loads(detached("ls", "--json").stdout)["stacks"]
    return [one["pid"] for row in rows for one in row["owners"]]


def test_a_stack_that_ensure_starts_belongs_to_the_parent_and_then_ends_soon(
    project: Path, connect: Connect, detached: "Detached"
) -> None:
    write(project, STACK)
    client = connect()
    client.begin()
    assert client.call("ensure")["structuredContent"]["verdict"] == "ready"
    detached.remember_processes()
    assert owners_of(detached) == [os.getpid()]
    assert client.leave() == 0
    (keeper,) = owners_of(detached)
    try:
        assert psutil.Process(keeper).cmdline() == ["/bin/sleep", "30"]
        # Another server of the same parent takes the stack over.
        client = connect()
        client.begin()
        assert client.call("ensure")["structuredContent"]["verdict"] == "ready"
        assert owners_of(detached) == [keeper, os.getpid()]
    finally:
        psutil.Process(keeper).kill()
    assert client.leave() == 0
    assert os.getpid() in owners_of(detached)


@pytest.mark.slow
def test_a_stack_that_ran_before_gets_no_owner(
    project: Path, connect: Connect, detached: "Detached"
) -> None:
    write(project, STACK)
    detached.up()
    client = connect()
    client.begin()
    assert client.call("ensure")["structuredContent"]["verdict"] == "ready"
    detached("stop", "web")
    assert "what was missing was started" in text_of(client.call("ensure"))
    assert client.leave() == 0
    assert owners_of(detached) == []


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_stack_ends_after_the_grace_period(
    project: Path, connect: Connect, detached: "Detached"
) -> None:
    write(project, STACK)
    client = connect()
    client.begin()
    client.call("ensure")
    detached.remember_processes()
    guardian = detached.guardian()
    client.leave()
    (keeper,) = owners_of(detached)
    psutil.Process(keeper).kill()
    guardian.wait(60)
    assert not detached.record()
