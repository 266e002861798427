"""Connections and the hub over real sockets."""

import asyncio
import contextlib
import json
import os
import random
import stat
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, Self, cast

import anyio
import pytest

from portweave import cluster
from portweave.calls.trace import current
from portweave.cluster import Connection, Next, Reply, Request
from portweave.supervisor.calls import Hub, SupervisorCall
from portweave.supervisor.core.callstate import Limits
from portweave.supervisor.quickloop import QuickLoop

Play = Callable[[Hub, str], Awaitable[None]]


LOOPS: dict[str, type[asyncio.AbstractEventLoop]] = {
    "quick": QuickLoop,
    "plain": asyncio.SelectorEventLoop,
}


@pytest.fixture(params=LOOPS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A hub's socket, called like the loop that the hub runs on."""
    return str(tmp_path / request.param)


def play(place: str, scene: Play, **options: Any) -> None:
    """Run a scene beside a hub that listens at `place`."""

    async def main() -> None:
        hub = Hub(**options)
        async with hub.listen(place):
            with anyio.fail_after(20):
                await scene(hub, place)

    with asyncio.Runner(loop_factory=LOOPS[Path(place).name]) as runner:
        runner.run(main())


class Raw:
    """A peer that writes lines by hand."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_unix_connection(self.path, limit=2**26)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    @property
    def transport(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.writer.transport)

    def stop_reading(self) -> None:
        self.transport.pause_reading()

    def send(self, **message: object) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any]:
        line = await self.reader.readline()
        found: dict[str, Any] = json.loads(line)
        return found

    async def join(self, name: str) -> None:
        self.send(id=0, method="$/hello", params=[{"name": name}])
        assert "result" in await self.receive()
        self.send(method="$/ready")


@contextlib.asynccontextmanager
async def serving(
    path: str, name: str, max_concurrency: int = 64, max_queue: int = 1024
) -> AsyncGenerator[Connection]:
    """A connection with routes that many scenes need."""
    async with cluster.connect(
        path, name, max_concurrency=max_concurrency, max_queue=max_queue
    ) as connection:
        connection.options["env"] = "test"
        connection.route("echo", lambda req: req.load[0])
        connection.route("many", lambda req: Reply(*req.load))
        connection.route("none", lambda req: None)
        connection.route("who", lambda req: req.asker)

        @connection.route("slow")
        async def slow(req: Request) -> str:
            await anyio.sleep(req.load[0])
            return "done"

        @connection.route("fail")
        async def fail(req: Request) -> None:
            raise LookupError("boom")

        @connection.route("odd")
        def odd(req: Request) -> object:
            return object()

        @connection.route("large")
        def large(req: Request) -> object:
            return "x" * req.load[0]

        @connection.route("cancel")
        async def cancel(req: Request) -> None:
            raise asyncio.CancelledError

        @connection.route("ask")
        async def ask(req: Request) -> object:
            return await connection.request(req.load[0], *req.load[1:])

        connection.ready()
        yield connection


def test_values_go_and_come_back(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a:
            assert await a.request("/b/echo", {"a": [1, None, "é"]}) == {"a": [1, None, "é"]}
            assert await a.request("echo", [1], to="b") == [1]
            assert await a.request("b/none") is None
            assert await a.request("b/many", 1, 2) == (1, 2)
            assert await a.request_many("b/echo", 1) == (1,)
            assert await a.request_many("b/none") == ()
            assert await a.request("b/who") == "a"
            assert await a.request("b/ask", "b/echo", 7) == 7
            for bad in (None, 123):
                with pytest.raises(TypeError):
                    await a.request(bad)  # type: ignore[arg-type]  # pyright: ignore

    play(place, scene)


@pytest.mark.parametrize(
    ("address", "load", "kind", "status", "type_"),
    [
        ("b/nothing", (), cluster.RouteNotFound, 404, "RouteNotFound"),
        ("nobody/x", (), cluster.ConnectionNotFound, 404, "ConnectionNotFound"),
        ("b/%zz", (), cluster.BadPath, 400, "BadPath"),
        ("b/fail", (), cluster.RemoteError, 500, "LookupError"),
        ("b/odd", (), cluster.NotSerializable, 500, "NotSerializable"),
        ("b/echo", (object(),), cluster.NotSerializable, 500, "NotSerializable"),
        ("b/echo", (), cluster.RemoteError, 500, "IndexError"),
        ("b/large", (70_000,), cluster.MessageTooLarge, 413, "MessageTooLarge"),
        ("b/echo", ("x" * 70_000,), cluster.MessageTooLarge, 413, "MessageTooLarge"),
        ("b/cancel", (), cluster.RemoteError, 500, "CancelledError"),
        ("b/ask", ("nobody/x",), cluster.ConnectionNotFound, 404, "ConnectionNotFound"),
    ],
)
def test_each_failure_has_its_answer(
    place: str,
    address: str,
    load: tuple[object, ...],
    kind: type[cluster.ClusterError],
    status: int,
    type_: str,
) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a:
            with pytest.raises(kind) as caught:
                await a.request(address, *load)
            assert (caught.value.status, caught.value.type) == (status, type_)
            # And nothing is broken by it.
            assert await a.request("b/echo", 1) == 1

    play(place, scene, limits=Limits(message_bytes=65_536))


def test_a_remote_traceback_is_for_development(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b") as b, cluster.connect(path, "a") as a:
            with pytest.raises(cluster.RemoteError) as caught:
                await a.request("b/fail")
            assert "LookupError: boom" in caught.value.traceback
            assert caught.value.connection == "b"
            b.options["env"] = "production"
            with pytest.raises(cluster.RemoteError) as caught:
                await a.request("b/fail")
            assert not caught.value.traceback

            def made(error: cluster.RemoteError) -> Exception:
                return KeyError(error.message)

            a.map_error("LookupError", made)
            with pytest.raises(KeyError):
                await a.request("b/fail")

    async def main(hub: Hub, path: str) -> None:
        await scene(hub, path)

    play(place, main)


def test_errors_are_printed_where_they_are_raised(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b") as b, cluster.connect(path, "a") as a:
            b.options["env"] = "development"
            with pytest.raises(cluster.RemoteError):
                await a.request("b/fail")

    play(place, scene)
    assert "LookupError: boom" in capsys.readouterr().err


def test_time_and_trace_are_shared_by_all_that_a_handler_asks(place: str) -> None:
    seen: list[tuple[float | None, str]] = []

    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b") as b, serving(path, "c") as c, cluster.connect(path) as a:

            @b.route("first")
            async def first(req: Request) -> object:
                seen.append((req.timeout_s, req.traceparent))
                return await b.request("c/second", timeout=60)

            @c.route("second")
            async def second(req: Request) -> None:
                seen.append((req.timeout_s, req.traceparent))
                await anyio.sleep_forever()

            with pytest.raises(cluster.RequestTimeout):
                await a.request("b/first", timeout=0.3)
            assert current.get() is None

    play(place, scene)
    (first_s, one), (second_s, two) = seen
    assert first_s is not None
    assert second_s is not None
    assert 0 < second_s <= first_s <= 0.3
    assert one[:36] == two[:36]
    assert one[36:52] != two[36:52]


def test_who_stops_waiting_cancels_the_handler(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        began, ended = asyncio.Event(), asyncio.Event()
        async with serving(path, "b") as b, cluster.connect(path, "a") as a:

            @b.route("long")
            async def long(req: Request) -> None:
                began.set()
                try:
                    await anyio.sleep_forever()
                finally:
                    ended.set()

            asking = asyncio.ensure_future(a.request("b/long", timeout=None))
            await began.wait()
            asking.cancel()
            await ended.wait()
            assert await a.request("b/echo", 1) == 1

    play(place, scene)


def test_a_peer_that_dies_fails_its_requests_at_once(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with cluster.connect(path, "a") as a:
            async with Raw(path) as b:
                await b.join("b")
                asking = asyncio.ensure_future(a.request("b/x", timeout=None))
                await b.receive()
            with pytest.raises(cluster.PeerDied):
                await asking

    play(place, scene)


def test_when_the_hub_goes_nobody_waits(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a:
            asking = asyncio.ensure_future(a.request("b/slow", 60))
            assert await a.request("b/echo", 1) == 1
            await hub.close()
            with pytest.raises(cluster.HubUnreachable):
                await asking
            with pytest.raises(cluster.HubUnreachable):
                await a.request("b/echo", 1)
            await a.closed()

    play(place, scene)


def test_a_connection_handles_only_so_much_at_a_time(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        most = running = 0
        may_end = asyncio.Event()
        async with (
            serving(path, "b", max_concurrency=2, max_queue=3) as b,
            cluster.connect(path, "a") as a,
        ):

            @b.route("count")
            async def count(req: Request) -> int:
                nonlocal most, running
                running += 1
                most = max(most, running)
                await may_end.wait()
                running -= 1
                return req.load[0]  # type: ignore[no-any-return]

            asks = [asyncio.create_task(a.request("b/count", number)) for number in range(8)]
            for refused in asks[5:]:
                with pytest.raises(cluster.Overloaded):
                    await refused
            assert (most, running) == (2, 2)
            may_end.set()
            assert await asyncio.gather(*asks[:5]) == [0, 1, 2, 3, 4]
        assert (most, running) == (2, 0)

    play(place, scene)


def test_requests_of_one_to_one_arrive_in_order(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        got: list[int] = []
        async with serving(path, "b") as b, cluster.connect(path, "a") as a:
            b.route("take", lambda req: got.append(req.load[0]))
            await asyncio.gather(*(a.request("b/take", number) for number in range(500)))
            for number in range(500, 600):
                await a.notify("b/take", number)
            await a.request("b/none")
        assert got == list(range(600))

    play(place, scene)


def test_an_early_answer_counts_and_the_handler_goes_on(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        went_on = asyncio.Event()
        async with serving(path, "b") as b, cluster.connect(path, "a") as a:

            @b.route("early")
            async def early(req: Request, next: Next) -> str:
                req.send("early")
                await asyncio.sleep(0)
                went_on.set()
                return "late"

            assert await a.request("b/early") == "early"
            await went_on.wait()
            assert await a.request("b/echo", 1) == 1

    play(place, scene)


# Peers that misbehave.


def test_one_who_does_not_read_stalls_nobody(place: str) -> None:
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

    play(place, scene, limits=Limits(message_bytes=1_000_000, held_bytes=2_000_000))


def test_one_who_floods_without_reading_is_not_read_any_more(place: str) -> None:
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
            # Once it reads, it is read, and gets all its answers.
            flood.transport.resume_reading()
            for _ in range(1000):
                assert (await flood.receive())["error"]["data"]["type"] == "ConnectionNotFound"
            flood.transport.abort()

    play(place, scene)


def test_any_bytes_hurt_only_those_who_send_them(place: str) -> None:
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
        # All that they have opened is closed again.
        async with asyncio.timeout(5):
            while hub.calls.peers:  # noqa: ASYNC110 (the hub tells nobody)
                await asyncio.sleep(0.01)

    play(place, scene, limits=Limits(message_bytes=65_536))


def test_a_line_that_is_too_long_ends_that_connection(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a, Raw(path) as peer:
            peer.writer.write(b"x" * 100_000)
            answer = await peer.receive()
            assert answer["error"]["data"]["type"] == "MessageTooLarge"
            assert await peer.reader.read() == b""
            assert await a.request("b/echo", 1) == 1

    play(place, scene, limits=Limits(message_bytes=65_536))


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

    play(place, scene)


def test_a_shell_asks_without_a_word_of_who_it_is(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"):
            for end in (b"\n", b""):
                async with Raw(path) as shell:
                    line = {"jsonrpc": "2.0", "id": 1, "method": "/b/slow", "params": [0.05]}
                    shell.writer.write(json.dumps(line).encode() + end)
                    shell.writer.write_eof()
                    answer = json.loads(await shell.reader.read())
                    assert answer == {"jsonrpc": "2.0", "id": 1, "result": ["done"]}

    play(place, scene)


def test_the_socket_is_the_users_own(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600

    play(place, scene)
    assert not Path(place).exists()


# How one joins.


def test_a_name_that_is_taken_is_told(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        hub.expect("kept", "kept")
        async with serving(path, "b"):
            for name in ("b", "kept", "supervisor"):
                with pytest.raises(cluster.NameTaken):
                    async with cluster.connect(path, name):
                        pass

    play(place, scene)


def test_without_a_hub_it_is_told(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTWEAVE_SOCKET", raising=False)
    with pytest.raises(cluster.HubUnreachable, match="PORTWEAVE_SOCKET"):
        cluster.connect()

    async def join() -> None:
        async with cluster.connect(place):
            pass

    with pytest.raises(cluster.HubUnreachable, match="no hub listens"):
        asyncio.run(join())


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

    play(place, scene)


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


def test_under_trio_it_is_the_same(place: str) -> None:
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

    play(place, scene)


def test_values_that_only_some_can_read_are_answered(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), Raw(path) as raw:
            raw.writer.write(b'{"id":1,"method":"b/echo","params":[1e999]}\n')
            assert (await raw.receive())["error"]["data"]["type"] == "NotSerializable"

    play(place, scene)


def test_an_option_is_found_by_its_name_or_into_mappings(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with cluster.connect(path) as connection:
            assert isinstance(connection, Connection)
            assert connection.get("greeting") == "hi"
            assert connection.get("a.b") == 1
            assert connection.get("a.c", "default") == "default"
            assert connection.env == "development"
            assert connection.router().case_sensitive

    play(place, scene, options={"greeting": "hi", "a": {"b": 1}})


def test_the_supervisor_answers_streams_and_is_cancelled(place: str) -> None:
    ended = threading.Event()

    async def answer(call: SupervisorCall) -> list[object]:
        if call.path == "wait":
            try:
                await anyio.sleep_forever()
            finally:
                ended.set()
        if call.path == "fail":
            raise ValueError("boom")
        call.stream("first")
        return [call.asker, *call.load]

    async def scene(_: Hub, path: str) -> None:
        async with cluster.connect(path, "a") as a:
            told: list[list[Any]] = []
            a.on("$/stream", told.append)
            assert await a.request_many("supervisor/x", 1) == ("a", 1)
            assert told[0][1] == "first"
            with pytest.raises(cluster.RemoteError, match="boom"):
                await a.request("supervisor/fail")
            with pytest.raises(cluster.RequestTimeout):
                await a.request("supervisor/wait", timeout=0.05)
            await asyncio.to_thread(ended.wait, 5)
            assert ended.is_set()

    play(place, scene, on_supervisor_call=answer)


def test_who_has_nothing_to_ask_and_ends_is_closed(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with Raw(path) as peer:
            peer.writer.write_eof()
            assert await peer.reader.read() == b""

    play(place, scene)


def test_each_hop_is_one_line_for_who_wants_to_know(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a:
            await a.request("b/echo", 1)
            with pytest.raises(cluster.RemoteError):
                await a.request("b/fail")

    with caplog.at_level("DEBUG", logger="portweave.calls"):
        play(place, scene)
    hops = [json.loads(r.getMessage()) for r in caplog.records if r.name == "portweave.calls"]
    trace = hops[0]["traceparent"]
    assert sorted(hop["event"] for hop in hops if hop["traceparent"] == trace) == [
        "answer", "ask", "call",
    ]  # fmt: skip
    (call, failed) = (hop for hop in hops if hop["event"] == "call" and hop["to"] == "b")
    assert (call["from"], call["path"], call["failure"]) == ("a", "echo", "")
    assert failed["failure"] == "Error"


def test_time_runs_out_where_nothing_else_happens(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        hub.expect("mute", "mute")
        async with Raw(path) as raw:
            raw.send(id=1, method="mute/x", meta={"timeout_ms": 9000})
            raw.send(id=2, method="mute/x", meta={"timeout_ms": 50})
            answer = await raw.receive()
            assert (answer["id"], answer["error"]["data"]["type"]) == (2, "RequestTimeout")

    play(place, scene)
