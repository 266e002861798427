"""One of the processes of `calls.py` and `bus_calls.py`: `calls_role.py ROLE SOCKET [uvloop]`.

ROLE is `hub`, `bus-hub`, `answer` or `ask`. An empty SOCKET means the bus of PORTWEAVE_HUB.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from portweave import cluster
from portweave.system.fast_loop import FastLoop


async def hub(path: str) -> None:
    """Run the hub."""
    from portweave.supervisor.calls.hub import Hub

    async with Hub().listen(path):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def bus_hub(path: str) -> None:
    """Run a hub that meets the bus, and exports `b`."""
    from portweave.calls.bus_settings import read_environment
    from portweave.supervisor.calls.bus_port import BusPort
    from portweave.supervisor.calls.hub import Hub

    settings = read_environment(os.environ, "benchmark")
    assert settings is not None
    hub = Hub()
    async with hub.listen(path):
        connected = asyncio.Event()
        BusPort(hub, settings, connected.set).export(("b",))
        await connected.wait()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def answer(path: str) -> None:
    """Answer each call with its argument."""
    async with cluster.connect(path or None, "b") as connection:

        @connection.route("echo")
        def echo(req: cluster.Request) -> Any:
            return req.load[0]

        connection.ready()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def ask(path: str) -> None:
    """Measure once for each line of standard input, and print the result."""
    async with cluster.connect(path or None, "a") as connection:
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            width, size, seconds = line.split()
            found = await measure(connection, int(width), "x" * int(size), float(seconds))
            print(json.dumps(found), flush=True)


async def measure(
    connection: cluster.Connection, width: int, load: str, seconds: float
) -> dict[str, float]:
    """Make calls, with `width` of them pending all the time."""
    times: list[float] = []
    address = os.environ.get("ADDRESS", "b/echo")
    began_s = time.perf_counter()
    end_s = began_s + seconds

    async def work() -> None:
        at_s = began_s
        while at_s < end_s:
            await connection.request(address, load)
            now_s = time.perf_counter()
            times.append(now_s - at_s)
            at_s = now_s

    await asyncio.gather(*(work() for _ in range(width)))
    spent_s = time.perf_counter() - began_s
    return {"p50Us": statistics.median(times) * 1e6, "perSecond": len(times) / spent_s}


def main() -> None:
    """Run one role."""
    name, path, *rest = sys.argv[1:]
    work = {"hub": hub, "bus-hub": bus_hub, "answer": answer, "ask": ask}[name](path)
    make_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    if name.endswith("hub"):
        make_loop = FastLoop
    elif rest == ["uvloop"]:
        import uvloop

        make_loop = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
