"""One of the three processes of `calls.py`: `calls_role.py hub|answer|ask SOCKET [uvloop]`."""

import asyncio
import json
import statistics
import sys
import time
from typing import Any

from portweave import cluster

IN_FLIGHT = 64


async def hub(path: str) -> None:
    """Pass on."""
    from portweave.supervisor.calls import Hub

    async with Hub().listen(path):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def answer(path: str) -> None:
    """Answer with what came."""
    async with cluster.connect(path, "b") as connection:

        @connection.route("echo")
        def echo(req: cluster.Request) -> Any:
            return req.load[0]

        connection.ready()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def ask(path: str) -> None:
    """Ask as each line of standard input says, and print what it took."""
    async with cluster.connect(path, "a") as connection:
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            name, size, seconds = line.split()
            measure = {"one": one, "many": many}[name]
            end_s = time.perf_counter() + float(seconds)
            print(json.dumps(await measure(connection, "x" * int(size), end_s)), flush=True)


async def one(connection: cluster.Connection, load: str, end_s: float) -> dict[str, float]:
    """One call after the other."""
    times: list[float] = []
    while (began_s := time.perf_counter()) < end_s:
        await connection.request("b/echo", load)
        times.append(time.perf_counter() - began_s)
    return {"p50Us": statistics.median(times) * 1e6}


async def many(connection: cluster.Connection, load: str, end_s: float) -> dict[str, float]:
    """Many calls under way."""
    done = 0
    began_s = time.perf_counter()

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < end_s:
            await connection.request("b/echo", load)
            done += 1

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return {"perSecond": done / (time.perf_counter() - began_s)}


def main() -> None:
    """Be one of them."""
    name, path, *rest = sys.argv[1:]
    work = {"hub": hub, "answer": answer, "ask": ask}[name](path)
    if rest == ["uvloop"]:
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    main()
