"""The same calls three ways: by one hub, from hub to hub over a bus, and without hubs."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from portweave import cluster
from portweave.calls.bus_address import Place
from portweave.calls.bus_settings import BusSettings
from portweave.cluster import Connection
from portweave.supervisor.calls.bus_port import BusPort
from portweave.supervisor.calls.hub import Hub
from tests.support.hubs import serving
from tests.support.nats_servers import NatsServer

WAYS = ["hub", "stacks", "members"]
HERE, THERE = Place("test", "shop", "main"), Place("test", "bank", "main")


@contextlib.asynccontextmanager
async def hub_on_bus(
    folder: Path, server: NatsServer, place: Place, *exported: str
) -> AsyncGenerator[tuple[str, BusPort]]:
    """A hub that meets the bus, and its socket."""
    hub = Hub()
    path = str(folder / f"{place.project}.sock")
    async with hub.listen(path):
        told = asyncio.Event()
        port = BusPort(hub, BusSettings((server.url,), place), told.set)
        port.export(exported)
        await told.wait()
        try:
            yield path, port
        finally:
            await port.close()


@contextlib.asynccontextmanager
async def joined(
    way: str, folder: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[tuple[Connection, str]]:
    """A connection that calls, and the address of a service with many routes."""
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        if way == "members":
            monkeypatch.delenv("PORTWEAVE_SOCKET", raising=False)
            monkeypatch.setenv("PORTWEAVE_HUB", server.url)
            monkeypatch.setenv("PORTWEAVE_REALM", "test")
            monkeypatch.setenv("PORTWEAVE_PROJECT", "bank")
            there: tuple[str, ...] = ()
            address = "users"
        elif way == "stacks":
            there = ((await enter(hub_on_bus(folder, server, THERE, "users")))[0],)
            address = "@bank:main/users"
        else:
            hub = Hub()
            there = (await enter(hub.listen(str(folder / "hub.sock"))),)
            address = "users"
        await enter(serving(there[0] if there else None, "users"))
        if way == "stacks":
            here, _ = await enter(hub_on_bus(folder, server, HERE, "web"))
            connection = await enter(cluster.connect(here, "web"))
        else:
            connection = await enter(cluster.connect(there[0] if there else None, "web"))
        yield connection, address


async def reached(connection: Connection, address: str) -> None:
    while True:
        try:
            await connection.request(f"{address}/none")
        except cluster.ConnectionNotFound:
            await asyncio.sleep(0.01)
        else:
            return


@pytest.fixture(params=WAYS)
def play(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Connection, str], Awaitable[None]]], None]:
    """Run a scene one way."""
    server = NatsServer(tmp_path)

    def run(scene: Callable[[Connection, str], Awaitable[None]]) -> None:
        async def main() -> None:
            async with (
                asyncio.timeout(20),
                joined(request.param, tmp_path, server, monkeypatch) as (connection, address),
            ):
                await reached(connection, address)
                await scene(connection, address)

        with server.running() if request.param != "hub" else contextlib.nullcontext():
            asyncio.run(main())

    return run


Play = Callable[[Callable[[Connection, str], Awaitable[None]]], None]


def test_calls_are_the_same_each_way(play: Play) -> None:
    async def scene(web: Connection, users: str) -> None:
        assert await web.request(f"{users}/echo", {"a": [1, "ü", None]}) == {"a": [1, "ü", None]}
        assert await web.request("echo", 2, to=users) == 2
        assert await web.request_many(f"{users}/many", 1, 2, 3) == (1, 2, 3)
        assert await web.request(f"{users}/none") is None
        assert str(await web.request(f"{users}/who")).rpartition("/")[2] == "web"
        got = [web.request(f"{users}/echo", number) for number in range(100)]
        assert await asyncio.gather(*got) == list(range(100))
        await web.notify(f"{users}/echo", 1)

    play(scene)


def test_failures_are_the_same_each_way(play: Play) -> None:
    async def scene(web: Connection, users: str) -> None:
        with pytest.raises(cluster.RemoteError, match="boom") as caught:
            await web.request(f"{users}/fail")
        assert (caught.value.type, caught.value.status) == ("LookupError", 500)
        with pytest.raises(cluster.RouteNotFound) as missing:
            await web.request(f"{users}/nothing")
        assert missing.value.status == 404
        with pytest.raises(cluster.BadPath):
            await web.request(f"{users}/%zz")
        with pytest.raises(cluster.NotSerializable):
            await web.request(f"{users}/odd")
        with pytest.raises(cluster.RequestTimeout):
            await web.request(f"{users}/slow", 60, timeout=0.1)
        with pytest.raises(cluster.ConnectionNotFound):
            await web.request(f"{users}-2/x", timeout=10)

    play(scene)


def test_only_exported_services_are_on_the_bus(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(20),
            hub_on_bus(tmp_path, server, THERE, "users", "supervisor") as (there, port),
            hub_on_bus(tmp_path, server, HERE) as (here, _),
            serving(there, "users"),
            serving(there, "hidden"),
            cluster.connect(here) as web,
        ):
            await reached(web, "@bank:main/users")
            for address in ("hidden/none", "supervisor/ps", "nobody/x"):
                with pytest.raises(cluster.ConnectionNotFound):
                    await web.request(f"@bank:main/{address}")
            port.export(("hidden",))
            await reached(web, "@bank:main/hidden")
            with pytest.raises(cluster.ConnectionNotFound):
                await web.request("@bank:main/users/none")
            # A chain that comes back: over the bus, and on from there.
            async with serving(here, "back"):
                port.export(("users",))
                await reached(web, "@bank:main/users")
                with pytest.raises(cluster.ConnectionNotFound):
                    await web.request("@bank:main/users/ask", "@shop:main/back/none")

    server = NatsServer(tmp_path)
    with server.running():
        asyncio.run(main())


def test_a_hub_goes_on_while_its_bus_is_away(tmp_path: Path) -> None:
    async def main() -> None:
        hub = Hub()
        told: asyncio.Queue[str] = asyncio.Queue()
        async with asyncio.timeout(25), hub.listen(str(tmp_path / "hub.sock")) as path:
            port = BusPort(
                hub,
                BusSettings((server.url,), HERE),
                lambda: told.put_nowait(port.problem),
            )
            port.export(("users",))
            assert "connection refused" in await told.get()
            async with serving(path, "users"), cluster.connect(path) as web:
                assert await web.request("users/echo", 1) == 1
                with pytest.raises(cluster.RequestTimeout, match="the bus is not connected"):
                    await web.request("@main/users/echo", 2, timeout=0.1)
                waiting = asyncio.create_task(web.request("@main/users/echo", 3, timeout=20))
                with server.running():
                    assert await told.get() == ""
                    assert await waiting == 3
                    call = asyncio.create_task(web.request("@main/users/slow", 60))
                    await web.request("@main/users/none")
                    server.kill()
                    with pytest.raises(cluster.PeerDied, match="was lost"):
                        await call
                assert "was lost" in await told.get()
                assert await web.request("users/echo", 4) == 4
            await port.close()

    server = NatsServer(tmp_path)
    asyncio.run(main())


def test_a_hub_without_a_bus_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        hub = Hub()
        async with hub.listen(str(tmp_path / "hub.sock")) as path, cluster.connect(path) as web:
            for address, to in (("@main/users/x", None), ("x", "@main/users")):
                with pytest.raises(cluster.ConnectionNotFound, match="has joined none"):
                    await web.request(address, to=to)
            with pytest.raises(cluster.ConfigError):
                cluster.connect(path, "@web")

    asyncio.run(main())
