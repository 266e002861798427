"""Arguments of requests, and services with several processes."""

import asyncio
from typing import Any

import pytest

from portweave import cluster
from portweave.calls.joining import join
from portweave.cluster import Request
from portweave.supervisor.calls.hub import (
    Hub,
    SupervisorCall,
)
from tests.support.hubs import (
    run_scene,
    serving,
)


def test_processes_of_one_service_share_its_calls(place: str) -> None:
    async def scene(hub: Hub, path: str) -> None:
        hub.reserve("web", "web")
        first, second = cluster.Connection("web"), cluster.Connection("web")
        async with join(path, first, "t"), join(path, second, "t"), cluster.connect(path) as a:
            assert await second.request("supervisor/x") is None
            first.route("number", lambda req: 1)
            second.route("number", lambda req: 2)
            first.ready()
            second.ready()
            found = [await a.request("web/number") for _ in range(4)]
            assert sorted(found) == [1, 1, 2, 2]

    async def answer(call: SupervisorCall) -> list[object]:
        assert call.asker == "web"
        return []

    def token_of(name: str) -> str:
        return "t"

    run_scene(place, scene, token_of=token_of, on_supervisor_call=answer)


def test_a_request_belongs_to_the_given_trace(place: str) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b") as b, cluster.connect(path) as a:
            b.route("trace", lambda req: req.traceparent)
            seen: list[str] = []
            heard = asyncio.Event()

            @b.route("note")
            def note(req: Request) -> None:
                seen.append(req.traceparent)
                heard.set()

            found = await a.request("b/trace", trace=trace)
            assert found[:36] == trace[:36]
            assert found[36:52] != trace[36:52]
            await a.notify("b/note", trace=trace)
            await heard.wait()
            assert seen[0][:36] == trace[:36]
            # An invalid trace begins a new one.
            for odd in ("", "x", trace.upper(), "00-" + "0" * 32 + trace[35:], trace + "-x"):
                assert (await a.request_many("b/trace", trace=odd))[0][:36] != trace[:36]
            assert (await a.request("b/trace", trace="01" + trace[2:] + "-more"))[3:35] == "a" * 32
            with pytest.raises(TypeError, match="traceparent"):
                await a.request("b/trace", trace=7)  # type: ignore[arg-type]

    run_scene(place, scene)


def test_a_connection_named_apart_is_called_or_is_an_error(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path) as a:
            assert await a.request("echo", 1, to="b") == 1
            with pytest.raises(cluster.ConnectionNotFound) as caught:
                await a.request("b/echo", to="nobody")
            assert caught.value.connection == "nobody"
            with pytest.raises(TypeError, match="name of a connection"):
                await a.request("echo", to=7)  # type: ignore[arg-type]

    run_scene(place, scene)


@pytest.mark.parametrize("timeout", ["5", float("nan"), float("inf"), [1]])
def test_an_invalid_timeout_is_an_error(place: str, timeout: Any) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with cluster.connect(path) as a:
            with pytest.raises((TypeError, ValueError, OverflowError), match="number of seconds"):
                await a.request("b/echo", timeout=timeout)

    run_scene(place, scene)


def test_a_callback_is_an_error_with_a_hint(place: str) -> None:
    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b"), cluster.connect(path) as a:
            for ask in (a.request, a.request_many, a.notify):
                with pytest.raises(cluster.NotSerializable, match="takes no callback") as caught:
                    await ask("b/echo", 1, print)
                assert caught.value.hints == ("value = await connection.request(path, …)",)

    run_scene(place, scene)


def test_only_errors_of_the_program_print_a_traceback(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class DeniedError(Exception):
        status = 403

    async def scene(_: Hub, path: str) -> None:
        async with serving(path, "b") as b, cluster.connect(path) as a:
            b.options["env"] = "development"

            @b.route("denied")
            def denied(req: Request) -> None:
                raise DeniedError("no")

            for address in ("b/denied", "b/nothing", "b/ask", "b/fail"):
                with pytest.raises(cluster.ClusterError):
                    await a.request(address, "nobody/x")

    run_scene(place, scene)
    printed = capsys.readouterr().err
    assert printed.count("Traceback") == 1
    assert "LookupError: boom" in printed
