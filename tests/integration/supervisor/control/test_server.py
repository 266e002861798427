"""The control socket, spoken to line by line."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portweave.supervisor.control.server import (
    Listener,
    Stream,
)
from portweave.system.tasks import Group
from tests.support.stacks import (
    IDLE,
    write,
)

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached

LONGEST = 16 << 20


class Speaker:
    """A client that sends arbitrary bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._rest = b""

    def say(self, *lines: str | bytes) -> None:
        for line in lines:
            self.socket.sendall((line.encode() if isinstance(line, str) else line) + b"\n")

    def ask(self, method: str, *params: object, key: object = 1) -> dict[str, Any]:
        self.say(json.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params}))
        return self.hear()

    def hear(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            data = self.socket.recv(65_536)
            assert data, "it has hung up"
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def rest(self) -> bytes:
        """All bytes until the server closes the connection."""
        data = self._rest
        while more := self.socket.recv(65_536):
            data += more
        return data


@pytest.fixture
def speaker(detached: "Detached", project: Path) -> "Callable[[], Speaker]":
    """Connections to a stack of two services."""
    write(project, f"services: {{web: {IDLE}, api: {IDLE}}}\n")
    detached.up()
    return lambda: Speaker(detached.connect())


BAD: dict[str, tuple[str | bytes, int]] = {
    "no JSON": ("{", -32700),
    "no UTF-8": (b'"\xff"', -32700),
    "other encodings": ('{"id":1}'.encode("utf-16-le"), -32700),
    "no number": ('{"id":1,"method":"/supervisor/ps","params":[NaN]}', -32700),
    "nested without end": ("[" * 100_000, -32700),
    "a number without end": ("1" * 100_000, -32700),
    "no object": ("[]", -32600),
    "no method": ('{"id":1}', -32600),
    "a method that is no text": ('{"id":1,"method":7}', -32600),
    "an answer to nothing": ('{"id":1,"result":[]}', -32600),
    "an id that is a list": ('{"id":[1],"method":"$/hello"}', -32600),
    "an id that is true": ('{"id":true,"method":"$/hello"}', -32600),
}


def test_a_bad_line_gets_one_error_and_the_next_one_its_answer(
    speaker: "Callable[[], Speaker]",
) -> None:
    client = speaker()
    for name, (line, code) in BAD.items():
        client.say(line)
        answer = client.hear()
        assert (answer["id"], answer["error"]["code"]) == (None, code), name
        assert client.ask("$/hello", key=name)["id"] == name
    client.say("", "  ", '{"method":"$/hello"}', '{"method":"/supervisor/nonsense"}')
    assert client.ask("$/hello", key=0)["result"][0]["protocol"] == 1


REFUSED: dict[str, tuple[str, list[object], int]] = {
    "no such method": ("/supervisor/reboot", [], -32601),
    "a half of a pair": ("/supervisor/\ud800", [], -32601),
    "params of names": ("/supervisor/stop", [{"web": 1}], -32602),
    "names of numbers": ("/supervisor/stop", [[1]], -32602),
    "nobody's environment": ("/supervisor/environment", [], -32602),
    "another goal": ("/supervisor/wait", [[], "tea"], -32602),
    "no signal": ("/supervisor/kill", [["web"], {"a": 1}], -32602),
    "no plan": ("/supervisor/apply", [], -32602),
    "not even a plan": ("/supervisor/apply", [{"instances": 1}, {}], -32602),
    "an unknown service": ("/supervisor/stop", [["nope"]], -32000),
}


def test_impossible_requests_are_refused(
    speaker: "Callable[[], Speaker]", detached: "Detached"
) -> None:
    client = speaker()
    answer: dict[str, Any] = {}
    for name, (method, params, code) in REFUSED.items():
        answer = client.ask(method, *params, key=f"{name} \ud800")
        assert answer["id"] == f"{name} \ud800"
        assert answer["error"]["code"] == code, (name, answer)
    data = answer["error"]["data"]
    assert data["fields"]["code"] == "PW1004"
    assert [row["state"] for row in detached.ps().values()] == ["ready", "ready"]


@pytest.mark.parametrize(
    "change",
    [{"argv": []}, {"ready": {"log": "("}}, {"name": "web"}],
    ids=["no command", "no pattern", "one name twice"],
)
def test_a_plan_that_would_break_the_stack_is_refused(
    speaker: "Callable[[], Speaker]", change: dict[str, object]
) -> None:
    client = speaker()
    instance: dict[str, object] = {
        "name": "bad",
        "service": "bad",
        "number": 1,
        "full_name": "bad-main",
        "argv": ["true"],
        "command": "true",
        "working_dir": "/",
    }
    good = {**instance, "name": "web", "service": "web"}
    plan: dict[str, object] = {
        "project": "p",
        "namespace": "main",
        "root": "/",
        "wanted": [],
        "instances": [good, {**instance, **change}],
    }
    refused = client.ask("/supervisor/apply", plan, {"start": ["bad"]})
    assert refused["error"]["code"] == -32602
    assert refused["error"]["message"].startswith("not a plan: ")


def test_a_line_that_is_too_long_ends_the_connection_alone(
    speaker: "Callable[[], Speaker]", detached: "Detached"
) -> None:
    client, other = speaker(), speaker()
    blob = b"x" * (1 << 20)
    with pytest.raises(OSError, match=r"Broken pipe|reset"):  # noqa: PT012
        for _ in range(32):
            client.socket.sendall(blob)
    # The longest allowed line is read.
    padding = " " * (LONGEST - 100)
    other.say(f'{{"id":1,{padding}"method":"$/hello"}}')
    assert other.hear()["id"] == 1
    assert len(detached.ps()) == 2


def test_a_half_closed_client_gets_its_answers(speaker: "Callable[[], Speaker]") -> None:
    client = speaker()
    client.say('{"id":1,"method":"/supervisor/ps"}')
    client.socket.sendall(b'{"id":2,"method":"$/hello"}')  # and no newline
    client.socket.shutdown(socket.SHUT_WR)
    answers = [json.loads(line) for line in client.rest().splitlines()]
    assert {answer["id"] for answer in answers} == {1, 2}
    silent = speaker()
    silent.socket.shutdown(socket.SHUT_WR)
    assert silent.rest() == b""


def test_a_shell_can_send_requests(
    detached: "Detached", project: Path, need: Callable[..., None]
) -> None:
    need("nc")
    write(project, f"services: {{web: {IDLE}}}\n")
    detached.up()
    script = """printf '%s\\n' '{"id":1,"method":"/supervisor/ps","params":[]}' | nc -UN "$0" """
    done = subprocess.run(
        ["sh", "-c", script, detached.record()["socket"]],  # noqa: S607
        capture_output=True,
        check=True,
        timeout=10,
    )
    assert json.loads(done.stdout)["result"][0]["services"][0]["name"] == "web"


def test_requests_are_cancelled_and_their_ids_used_again(
    speaker: "Callable[[], Speaker]",
) -> None:
    client = speaker()
    wait = '{"id":"w","method":"/supervisor/wait","params":[["web"],"exit",null]}'
    client.say(wait, wait)
    assert "in use" in client.hear()["error"]["message"]
    assert client.ask("$/cancel", "w", key=9) == {"jsonrpc": "2.0", "id": 9, "result": []}
    assert client.hear()["error"]["message"] == "cancelled"
    client.say(wait, '{"method":"$/cancel","params":["w"]}')
    assert client.hear()["id"] == "w"
    client.say(*(wait.replace('"w"', str(number)) for number in range(257)))
    refused = client.hear()
    assert (refused["id"], refused["error"]["message"]) == (256, "at most 256 requests at once")


def test_many_at_once_are_all_answered(
    speaker: "Callable[[], Speaker]",
    detached: "Detached",
    eventually: "Callable[[Callable[[], object]], None]",
) -> None:
    clients = [speaker() for _ in range(200)]
    for client in clients:
        client.say('{"id":1,"method":"/supervisor/ps"}')
    answers = [client.hear()["result"][0] for client in clients]
    assert all(len(answer["services"]) == 2 for answer in answers)
    for client in clients:
        client.socket.close()
    eventually(lambda: len(detached.supervisor().net_connections("unix")) < 50)


def test_a_client_that_does_not_read_costs_little_and_delays_no_other(
    speaker: "Callable[[], Speaker]", detached: "Detached"
) -> None:
    greedy, follower, other = speaker(), speaker(), speaker()
    follower.say('{"id":"e","method":"/supervisor/events"}')
    memory = detached.supervisor().memory_info().rss
    greedy.socket.setblocking(False)
    ask = b'{"id":1,"method":"/supervisor/environment","params":["web"]}\n' * 100
    sent = 0
    last_s = time.monotonic()
    until_s = last_s + 3
    # The server takes what the pipes hold, and nothing more until the client reads.
    while time.monotonic() < until_s:
        try:
            sent += greedy.socket.send(ask)
            last_s = time.monotonic()
        except BlockingIOError:
            if time.monotonic() - last_s > 0.3:
                break
            time.sleep(0.005)
    else:
        pytest.fail(f"{sent} bytes of questions taken, and none of the answers read")
    assert other.ask("$/hello")["id"] == 1
    assert detached.supervisor().memory_info().rss - memory < 20 << 20
    other.ask("/supervisor/restart", ["web"])
    other.ask("/supervisor/wait", ["web"], "ready", 10)
    greedy.socket.close()
    detached.down()


ANOTHER = """
import os, socket, sys
if sys.argv[2] != "0":
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(5)
try:
    connection.connect(sys.argv[1])
    connection.sendall(b'{"id":1,"method":"$/hello"}\\n')
    print(connection.recv(1000))
except OSError as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_cannot_connect() -> None:
    async def serve(method: str, params: list[object], stream: Stream) -> list[object]:
        return ["secret"]

    async def knock(path: str, uid: int) -> str:
        argv = [sys.executable, "-Ic", ANOTHER, path, str(uid)]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdout=pipe)
        return (await process.communicate())[0].decode().strip()

    async def check(path: str) -> None:
        async with Group() as tasks:
            listener = Listener(path, serve, tasks)
            await listener.listen()
            assert await knock(path, 65534) == "PermissionError"
            # Even if the modes of folder and socket would let the user in.
            os.chmod(path, 0o666)  # noqa: S103
            assert await knock(path, 65534) in ("b''", "ConnectionResetError", "BrokenPipeError")
            assert "secret" in await knock(path, 0)
            await listener.close()

    with tempfile.TemporaryDirectory(prefix="pw-") as folder:
        os.chmod(folder, 0o777)  # noqa: S103
        asyncio.run(check(f"{folder}/control.sock"))


@pytest.mark.parametrize("ends_first", [True, False])
def test_requests_of_a_dead_client_are_cancelled(tmp_path: Path, ends_first: bool) -> None:
    async def check(path: str) -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def serve(method: str, params: list[object], stream: Stream) -> list[object]:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return []

        async with Group() as tasks:
            listener = Listener(path, serve, tasks)
            await listener.listen()
            _, writer = await asyncio.open_unix_connection(path)
            writer.write(b'{"id":1,"method":"/supervisor/wait","params":[]}\n')
            if ends_first:
                writer.write_eof()
            await began.wait()
            assert not ended.is_set()
            writer.transport.abort()
            await ended.wait()
            await listener.close()

    asyncio.run(asyncio.wait_for(check(str(tmp_path / "s")), 10))
