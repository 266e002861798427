"""How programs join a hub, and the errors of joining."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from portweave import cluster
from portweave.cluster import Connection
from portweave.supervisor.calls.hub import Hub
from tests.support.hubs import (
    run_scene,
    serving,
)


def test_a_taken_name_is_reported(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        hub.reserve("kept", "kept")
        async with serving(path, "b"):
            for name in ("b", "kept", "supervisor"):
                with pytest.raises(cluster.NameTaken):
                    async with cluster.connect(path, name):
                        pass

    run_scene(place, scene)


def test_a_missing_hub_is_reported(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PORTWEAVE_SOCKET", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(cluster.HubUnreachable, match="no stack is running in") as caught:
        cluster.connect()
    assert caught.value.hints[0] == "portweave up -d starts the stack of this worktree"

    async def join() -> None:
        async with cluster.connect(place):
            pass

    with pytest.raises(cluster.HubUnreachable, match="no hub listens"):
        asyncio.run(join())


@pytest.mark.parametrize(
    "options",
    [
        {"max_concurrency": 0},
        {"max_queue": -1},
        {"timeout_s": "5"},
        {"name": ""},
        {"name": "a\n"},
        {"name": "a/b"},
        {"stack": "main"},
    ],
)
def test_invalid_options_are_reported_before_a_connection_joins(options: dict[str, Any]) -> None:
    with pytest.raises(cluster.ConfigError):
        cluster.connect("socket", **options)


@pytest.mark.parametrize("stack", ["", 7])
def test_an_invalid_stack_name_is_reported(stack: Any) -> None:
    with pytest.raises(cluster.ConfigError, match="PROJECT/"):
        cluster.connect(stack=stack)


def test_routes_without_a_name_are_an_error(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with cluster.connect(path) as connection:
            connection.ready()
            connection.route("x", print)
            with pytest.raises(cluster.ConfigError, match="without a name"):
                await connection.serve()

    run_scene(place, scene)


def test_a_blocking_program_joins_too(place: str) -> None:
    def program(path: str) -> list[object]:
        with cluster.connect(path, "script", sync=True) as script:
            script.connection.route("double", lambda req: req.load[0] * 2)
            script.ready()
            found: list[object] = [script.request("b/echo", 1), script.request_many("b/many", 1, 2)]
            found += [script.request("b/ask", "script/double", 4), script.name, script.get("no")]
            script.notify("b/echo", 1)
            script.map_error("LookupError", lambda error: KeyError(error.message))
            with pytest.raises(KeyError):
                script.request("b/fail")
            with pytest.raises(cluster.RequestTimeout):
                script.request("b/slow", 9, timeout=0.05)
            return found

    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"):
            assert await asyncio.to_thread(program, path) == [1, (1, 2), 8, "script", None]

    run_scene(place, scene)


TRIO = """
import sys
import trio
from portweave import cluster
from portweave.cluster import ClusterError

async def main():
    async with cluster.connect(sys.argv[1], "t") as t:
        @t.route("twice")
        async def twice(req):
            await trio.sleep(0)
            return req.load[0] * 2
        @t.route("long")
        async def long(req):
            await trio.sleep_forever()
        t.ready()
        print(await t.request("b/echo", 1), await t.request("b/ask", "t/twice", 4))
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(t.request, "b/echo", number)
        for path in ("b/fail", "nobody/x"):
            try:
                await t.request(path)
            except ClusterError as error:
                print(type(error).__name__, error.type)
        with trio.move_on_after(0.05):
            await t.request("t/long", timeout=None)
        try:
            await t.request("b/slow", 9, timeout=0.05)
        except cluster.RequestTimeout:
            print("too late")
        await t.notify("b/echo", 1)
        raise KeyError("as it is")

try:
    trio.run(main)
except KeyError as error:
    print(error)
"""


def test_calls_work_the_same_under_trio(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", TRIO, path, stdout=-1, stderr=-1
            )
            out, err = await process.communicate()
            assert out.decode().split("\n") == [
                "1 8", "RemoteError LookupError", "ConnectionNotFound ConnectionNotFound",
                "too late", "'as it is'", "",
            ], err.decode()  # fmt: skip

    run_scene(place, scene)


def test_an_option_is_found_by_its_name_or_within_mappings(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with cluster.connect(path) as connection:
            assert isinstance(connection, Connection)
            assert connection.get("greeting") == "hi"
            assert connection.get("a.b") == 1
            assert connection.get("a.c", "default") == "default"
            assert connection.env == "development"
            assert connection.router().case_sensitive

    run_scene(place, scene, options={"greeting": "hi", "a": {"b": 1}})
