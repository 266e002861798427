"""Peers that misbehave, and crowds of them, at a hub's socket."""

import asyncio
import contextlib
import json
import os
import random
import stat
import sys
from pathlib import Path
from typing import Any

from portweave import cluster
from portweave.supervisor.calls.hub import Hub
from portweave.supervisor.calls.state import Limits
from tests.support.hubs import (
    Raw,
    run_scene,
    serving,
)


def test_a_peer_that_does_not_read_delays_no_other(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        load = "x" * 100_000
        async with serving(path, "b"), Raw(path) as stuck, cluster.connect(path, "a") as a:
            await stuck.join("stuck")
            stuck.stop_reading()
            lost = [asyncio.ensure_future(a.request("stuck/x", load, timeout=3)) for _ in range(60)]
            for number in range(100):
                assert await a.request("b/echo", number, timeout=2) == number
            refused = sum(task.done() for task in lost)
            assert refused > 0
            for task in lost:
                task.cancel()
            found = await asyncio.gather(*lost, return_exceptions=True)
            assert sum(isinstance(one, cluster.Overloaded) for one in found) == refused

    run_scene(place, scene, limits=Limits(message_bytes=1_000_000, held_bytes=2_000_000))


def test_a_peer_that_floods_without_reading_is_not_read_any_more(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        async with serving(path, "b"), Raw(path) as flood, cluster.connect(path, "a") as a:
            flood.stop_reading()
            line = json.dumps({"id": "x", "method": "nobody", "params": []}).encode() + b"\n"
            for _ in range(400):
                flood.writer.write(line * 1000)
                if flood.transport.get_write_buffer_size() > 20_000_000:
                    break
                await asyncio.sleep(0)
            for number in range(20):
                assert await a.request("b/echo", number, timeout=5) == number
            held = sum(peer.held_bytes for peer in hub.calls.peers)
            assert held < 10_000_000
            assert flood.transport.get_write_buffer_size() > 0
            # When the peer reads, the hub reads from it again, and it gets all its answers.
            flood.transport.resume_reading()
            for _ in range(1000):
                assert (await flood.receive())["error"]["data"]["type"] == "ConnectionNotFound"
            flood.transport.abort()

    run_scene(place, scene)


def test_invalid_bytes_affect_only_their_sender(place: str) -> None:
    chance = random.Random(5)  # noqa: S311
    words = [
        b"\n", b"{", b"}", b"[", b"]", b'"', b'"id":1', b'"method":"b/echo"', b'"params":[', b",",
        b'{"id":2,"method":"b/echo","params":[1]}\n', b'{"id":3,"result":[]}\n', b"\xff\x00",
        b'{"id":4,"method":"$/hello","params":[{"name":"z"}]}\n', b'{"method":"$/ready"}\n',
        b'{"method":"$/cancel","params":[2,3]}\n', b"[" * 3000 + b"\n", b"\xf0\x9f\n",
        b'{"id":5,"method":"b/echo","params":' + b"[" * 900 + b"]" * 900 + b"}\n",
        b'{"id":6,"method":"b/echo","params":["\\ud800"]}\n',
    ]  # fmt: skip

    async def abuse(path: str) -> None:
        async with Raw(path) as peer:
            for _ in range(chance.randrange(40)):
                noise = chance.choice(words) if chance.random() < 0.8 else chance.randbytes(50)
                peer.writer.write(noise)
            if chance.random() < 0.3:
                peer.writer.write_eof()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.02):
                    while await peer.reader.readline():
                        pass

    async def scene(hub: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a:
            for _ in range(20):
                await asyncio.gather(*(abuse(path) for _ in range(10)))
                assert await a.request("b/echo", 1, timeout=5) == 1
        # All connections that they have opened are closed again.
        async with asyncio.timeout(5):
            while hub.calls.peers:  # noqa: ASYNC110 (the hub tells nobody)
                await asyncio.sleep(0.01)

    run_scene(place, scene, limits=Limits(message_bytes=65_536))


def test_a_line_that_is_too_long_ends_that_connection(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a, Raw(path) as peer:
            peer.writer.write(b"x" * 100_000)
            answer = await peer.receive()
            assert answer["error"]["data"]["type"] == "MessageTooLarge"
            assert await peer.reader.read() == b""
            assert await a.request("b/echo", 1) == 1

    run_scene(place, scene, limits=Limits(message_bytes=65_536))


def test_a_thousand_connections(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        async with serving(path, "b") as b, contextlib.AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(Raw(path)) for _ in range(1000)]
            for number, peer in enumerate(peers):
                peer.send(id=number, method="b/echo", params=[number])
            for number, peer in enumerate(peers):
                assert (await peer.receive())["result"] == [number]
            assert len(hub.calls.peers) == 1001
            assert await b.request("b/echo", 1) == 1

    run_scene(place, scene)


def test_a_shell_calls_without_saying_hello(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"):
            for end in (b"\n", b""):
                async with Raw(path) as shell:
                    line = {"jsonrpc": "2.0", "id": 1, "method": "/b/slow", "params": [0.05]}
                    shell.writer.write(json.dumps(line).encode() + end)
                    shell.writer.write_eof()
                    answer = json.loads(await shell.reader.read())
                    assert answer == {"jsonrpc": "2.0", "id": 1, "result": ["done"]}

    run_scene(place, scene)


def test_only_the_user_can_open_the_socket(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600

    run_scene(place, scene)
    assert not Path(place).exists()


def test_values_that_a_peer_cannot_read_get_an_answer(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), Raw(path) as raw:
            raw.writer.write(b'{"id":1,"method":"b/echo","params":[1e999]}\n')
            assert (await raw.receive())["error"]["data"]["type"] == "NotSerializable"

    run_scene(place, scene)


def test_a_half_closed_peer_without_requests_is_disconnected(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with Raw(path) as peer:
            peer.writer.write_eof()
            assert await peer.reader.read() == b""

    run_scene(place, scene)


def test_a_timeout_needs_no_other_event(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        hub.reserve("mute", "mute")
        async with Raw(path) as raw:
            raw.send(id=1, method="mute/x", meta={"timeout_ms": 9000})
            raw.send(id=2, method="mute/x", meta={"timeout_ms": 50})
            answer = await raw.receive()
            assert (answer["id"], answer["error"]["data"]["type"]) == (2, "RequestTimeout")

    run_scene(place, scene)


def _slow_calls(b: cluster.Connection) -> tuple[asyncio.Semaphore, asyncio.Semaphore]:
    """A route that never answers; counts its handlers that have begun and were cancelled."""
    began, cancelled = asyncio.Semaphore(0), asyncio.Semaphore(0)

    @b.route("never")
    async def never(req: cluster.Request) -> None:
        began.release()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.release()

    return began, cancelled


_ASK: dict[str, Any] = {"id": 1, "method": "b/never", "params": [], "meta": {"timeout_ms": None}}


def test_the_handlers_of_a_dead_caller_are_cancelled(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with (
            serving(path, "b", max_concurrency=2, max_queue=0) as b,
            cluster.connect(path, "a") as a,
        ):
            began, cancelled = _slow_calls(b)
            # Twice: once at once, and once after it has closed its sending half.
            for ends_first in (False, True):
                async with Raw(path) as asker:
                    for number in (1, 2):
                        asker.send(**{**_ASK, "id": number})
                    if ends_first:
                        asker.writer.write_eof()
                    await began.acquire()
                    await began.acquire()
                    with contextlib.suppress(cluster.Overloaded):
                        await a.request("b/echo", 1, timeout=5)
                        raise AssertionError("both places were taken")
                await cancelled.acquire()
                await cancelled.acquire()
                assert await a.request("b/echo", 1, timeout=5) == 1

    run_scene(place, scene)


def test_handlers_end_with_the_calling_process(place: str) -> None:
    code = (
        "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "s.sendall(sys.argv[2].encode() + b'\\n'); s.shutdown(socket.SHUT_WR); time.sleep(60)"
    )

    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b") as b:
            began, cancelled = _slow_calls(b)
            asker = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, path, json.dumps(_ASK)
            )
            await began.acquire()
            asker.kill()
            await asker.wait()
            await cancelled.acquire()

    run_scene(place, scene)
