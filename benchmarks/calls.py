"""Calls between two processes by way of the hub, beside a relay between two forked Node processes.

Load echoed; first one call after the other (p50), then 64 under way (calls per second). The hub has
everything on: names, deadlines, traces, limits. `portweave` needs only what it always needs;
`portweave-uvloop` needs uvloop too, and is left out where that is missing.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
IN_FLIGHT = 64
WARM_UP = 500


async def hub(path: str) -> None:
    """Be the hub."""
    from portweave.supervisor.calls import Hub

    async with Hub().listen(path):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def answer(path: str) -> None:
    """Be the one who answers."""
    from portweave import cluster

    async with cluster.connect(path, "b") as connection:

        @connection.route("echo")
        def echo(req: cluster.Request) -> Any:
            return req.load[0]

        connection.ready()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def ask(path: str, size: int, sequential: int, together: int) -> None:
    """Ask, and print what it took."""
    from portweave import cluster

    load = "x" * size
    async with cluster.connect(path, "a") as connection:
        for _ in range(WARM_UP):
            await connection.request("b/echo", load)
        times: list[float] = []
        for _ in range(sequential):
            began_s = time.perf_counter()
            await connection.request("b/echo", load)
            times.append(time.perf_counter() - began_s)
        left = together

        async def work() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await connection.request("b/echo", load)

        began_s = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        spent_s = time.perf_counter() - began_s
    result = {"p50Us": statistics.median(times) * 1e6, "perSecond": together / spent_s}
    print(json.dumps(result), flush=True)


def run(main: Coroutine[Any, Any, None], *, fast_loop: bool) -> None:
    """Run it on a loop."""
    if fast_loop:
        import uvloop

        uvloop.run(main)
    else:
        asyncio.run(main)


def measure_node(size: int, sequential: int, together: int) -> dict[str, float]:
    """One round of the relay."""
    counts = [str(number) for number in (size, sequential, together)]
    argv = ["node", str(HERE / "fork_relay.js"), *counts]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure_portweave(
    size: int, sequential: int, together: int, *, fast_loop: bool
) -> dict[str, float]:
    """One round by way of the hub."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "hub"))
        loop = ["--uvloop"] if fast_loop else []
        processes: list[subprocess.Popen[str]] = []

        def start(*words: str) -> subprocess.Popen[str]:
            argv = [sys.executable, __file__, *loop, "--socket", path, "--role", *words]
            processes.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
            return processes[-1]

        try:
            for role in ("hub", "answer"):
                out = start(role).stdout
                assert out is not None
                assert out.readline() == "ready\n"
            counts = f"{size},{sequential},{together}"
            text, _ = start("ask", "--counts", counts).communicate()
            found: dict[str, float] = json.loads(text)
            return found
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer calls")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--socket", help=argparse.SUPPRESS)
    parser.add_argument("--counts", help=argparse.SUPPRESS)
    parser.add_argument("--uvloop", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.role:
        counts = [int(text) for text in args.counts.split(",")] if args.counts else []
        role = {"hub": hub, "answer": answer, "ask": ask}[args.role]
        run(role(args.socket, *counts), fast_loop=args.uvloop)
        return 0
    contenders = ["node", "portweave"]
    if importlib.util.find_spec("uvloop"):
        contenders.append("portweave-uvloop")
    print("| load | contender | p50 (us) | calls/s | p50 ratio | calls/s ratio |")
    print("|---|---|--:|--:|--:|--:|")
    for size, sequential, together in ((100, 3000, 30_000), (10_000, 1500, 6000)):
        counts_ = (size, int(sequential * args.scale), int(together * args.scale))
        found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for number in range(args.rounds):
            # Who begins takes turns too.
            for name in (
                contenders[number % len(contenders) :] + contenders[: number % len(contenders)]
            ):
                if name == "node":
                    one = measure_node(*counts_)
                else:
                    one = measure_portweave(*counts_, fast_loop=name.endswith("uvloop"))
                found[name].append(one)
        for name in contenders:
            row = [
                statistics.median(one[key] for one in found[name]) for key in ("p50Us", "perSecond")
            ]
            ratios = [
                statistics.median(
                    one[key] / other[key]
                    for one, other in zip(found[name], found["node"], strict=True)
                )
                for key in ("p50Us", "perSecond")
            ]
            print(
                f"| {size} B | {name} | {row[0]:.0f} | {row[1]:.0f} |"
                f" {ratios[0]:.2f} | {ratios[1]:.2f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(HERE.parent))
    sys.exit(main())
