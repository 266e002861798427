"""Calls between connections: requests, their answers and failures, over real sockets."""

import asyncio
import json
import threading
from typing import Any

import anyio
import pytest

from portweave import cluster
from portweave.calls.trace import current
from portweave.cluster import Next, Request
from portweave.supervisor.calls.hub import (
    Hub,
    SupervisorCall,
)
from portweave.supervisor.calls.state import Limits
from tests.support.hubs import (
    Raw,
    run_scene,
    serving,
)


def test_values_are_passed_and_returned(place: str) -> None:
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

    run_scene(place, scene)


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
def test_each_failure_has_its_error(
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
            # And the connection still works.
            assert await a.request("b/echo", 1) == 1

    run_scene(place, scene, limits=Limits(message_bytes=65_536))


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

    run_scene(place, main)


def test_errors_are_printed_where_they_are_raised(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b") as b, cluster.connect(path, "a") as a:
            b.options["env"] = "development"
            with pytest.raises(cluster.RemoteError):
                await a.request("b/fail")

    run_scene(place, scene)
    assert "LookupError: boom" in capsys.readouterr().err


def test_a_handlers_calls_share_its_time_and_trace(place: str) -> None:
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

    run_scene(place, scene)
    (first_s, one), (second_s, two) = seen
    assert first_s is not None
    assert second_s is not None
    assert 0 < second_s <= first_s <= 0.3
    assert one[:36] == two[:36]
    assert one[36:52] != two[36:52]


def test_a_cancelled_wait_cancels_the_handler(place: str) -> None:
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

    run_scene(place, scene)


def test_a_peer_that_dies_fails_its_requests_at_once(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with cluster.connect(path, "a") as a:
            async with Raw(path) as b:
                await b.join("b")
                asking = asyncio.ensure_future(a.request("b/x", timeout=None))
                await b.receive()
            with pytest.raises(cluster.PeerDied):
                await asking

    run_scene(place, scene)


def test_when_the_hub_ends_all_requests_fail(place: str) -> None:
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

    run_scene(place, scene)


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

    run_scene(place, scene)


def test_requests_from_one_peer_to_another_arrive_in_order(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        got: list[int] = []
        async with serving(path, "b") as b, cluster.connect(path, "a") as a:
            b.route("take", lambda req: got.append(req.load[0]))
            await asyncio.gather(*(a.request("b/take", number) for number in range(500)))
            for number in range(500, 600):
                await a.notify("b/take", number)
            await a.request("b/none")
        assert got == list(range(600))

    run_scene(place, scene)


def test_an_early_answer_is_sent_and_the_handler_goes_on(place: str) -> None:
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

    run_scene(place, scene)


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

    run_scene(place, scene, on_supervisor_call=answer)


def test_each_hop_is_one_line_of_the_debug_log(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path, "a") as a:
            await a.request("b/echo", 1)
            with pytest.raises(cluster.RemoteError):
                await a.request("b/fail")

    with caplog.at_level("DEBUG", logger="portweave.calls"):
        run_scene(place, scene)
    hops = [json.loads(r.getMessage()) for r in caplog.records if r.name == "portweave.calls"]
    trace = hops[0]["traceparent"]
    assert sorted(hop["event"] for hop in hops if hop["traceparent"] == trace) == [
        "answer", "ask", "call",
    ]  # fmt: skip
    (call, failed) = (hop for hop in hops if hop["event"] == "call" and hop["to"] == "b")
    assert (call["from"], call["path"], call["failure"]) == ("a", "echo", "")
    assert failed["failure"] == "Error"
