"""A hub beside a test, and connections that call each other through it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, Self, cast

import anyio

from portweave import cluster
from portweave.cluster import Connection, Reply, Request
from portweave.supervisor.calls.hub import Hub
from portweave.system.fast_loop import FastLoop

Play = Callable[[Hub, str], Awaitable[None]]
LOOPS: dict[str, type[asyncio.AbstractEventLoop]] = {
    "quick": FastLoop,
    "plain": asyncio.SelectorEventLoop,
}


def run_scene(place: str, scene: Play, **options: Any) -> None:
    """Run a scene beside a hub that listens at `place`."""

    async def main() -> None:
        hub = Hub(**options)
        async with hub.listen(place):
            with anyio.fail_after(20):
                await scene(hub, place)

    with asyncio.Runner(loop_factory=LOOPS[Path(place).name]) as runner:
        runner.run(main())


class Raw:
    """A peer that sends raw lines."""

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
    path: str | None, name: str, max_concurrency: int = 64, max_queue: int = 1024
) -> AsyncGenerator[Connection]:
    """Open a connection with the routes that many scenes need."""
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
