"""Calls over a NATS server, beside two Node processes with the package `nats`.

The load is echoed, as in `calls.py`: p50 of calls one after the other, then 64 at once: p50 and
calls per second. Times are microseconds; the last three columns are ratios to the Node processes.
`members` are two processes that joined the bus directly; `stacks` call from one hub to another
through the bus. Rounds are short and take turns. A ratio is the median over the rounds.

It needs `nats-server` and `npm install nats` in the folder that `--node` names.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from benchmarks.calls import HERE, IN_FLIGHT, MEASURED, ROLE, Contender

NODE = "node nats"


@contextlib.contextmanager
def _started(argv: list[str], env: dict[str, str]) -> "Generator[subprocess.Popen[str]]":
    pipe = subprocess.PIPE
    environ = {**os.environ, **env}
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=environ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def server() -> Generator[str]:
    """Start a NATS server; return its URL."""
    own = Path(sys.prefix, "bin", "nats-server")
    program = str(own) if own.exists() else shutil.which("nats-server")
    if program is None:
        sys.exit("nats-server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [program, "-a", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.01)
            yield f"nats://127.0.0.1:{port}"
        finally:
            process.kill()


@contextlib.contextmanager
def contender(name: str, url: str, node: str) -> Generator[Contender]:
    """Start the processes of a contender.

    Args:
        name: Its name.
        url: URL of the NATS server.
        node: The folder with the package `nats`.
    """
    bus = {
        "PORTWEAVE_HUB": url,
        "PORTWEAVE_REALM": "benchmark",
        "NODE_PATH": f"{node}/node_modules",
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        enter = stack.enter_context
        if name == NODE:
            script = ["node", str(HERE / "bus_calls.js")]
            answer = enter(_started([*script, "answer", url], bus))
            ask = enter(_started([*script, "ask", url], bus))
        elif name == "members":
            answer = enter(_started([*ROLE, "answer", ""], bus))
            ask = enter(_started([*ROLE, "ask", ""], bus))
        else:
            here, there = f"{folder}/here", f"{folder}/there"
            enter(_started([*ROLE, "bus-hub", there], bus | {"PORTWEAVE_PROJECT": "there"}))
            enter(_started([*ROLE, "bus-hub", here], bus | {"PORTWEAVE_PROJECT": "here"}))
            answer = enter(_started([*ROLE, "answer", there], bus))
            ask = enter(_started([*ROLE, "ask", here], bus | {"ADDRESS": "@there:main/b/echo"}))
        yield Contender(ask, [ask.pid, answer.pid, answer.pid])


def _table(found: dict[str, list[dict[str, float]]], size: int) -> None:
    for name, rounds in found.items():
        cells = [f"{statistics.median(one[key] for one in rounds):.0f}" for key in MEASURED]
        for key in MEASURED:
            pairs = zip(rounds, found[NODE], strict=True)
            cells.append(f"{statistics.median(one[key] / other[key] for one, other in pairs):.2f}")
        print(f"| {size} B | {name} | {' | '.join(cells)} |", flush=True)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one contender's round")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 10_000], help="of the load")
    parser.add_argument("--node", default=".", help="the folder with node_modules/nats")
    args = parser.parse_args()
    with server() as url, contextlib.ExitStack() as stack:
        names = [NODE, "members", "stacks"]
        contenders = {
            name: stack.enter_context(contender(name, url, os.path.realpath(args.node)))
            for name in names
        }
        # `ready` returns before the server knows of a name.
        time.sleep(1)
        titles = ("p50 alone", f"p50 of {IN_FLIGHT}", "calls/s")
        print(f"| load | contender | {' | '.join((*titles, *titles))} |")
        print("|---|---|--:|--:|--:|--:|--:|--:|")
        for size in args.sizes:
            found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
            # The first round warms up, and does not count.
            for number in range(-1, args.rounds):
                first = number % len(names)
                for name in names[first:] + names[:first]:
                    one = contenders[name].measure(size, args.seconds)
                    if number >= 0:
                        found[name].append(one)
            _table(found, size)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(HERE.parent))
    sys.exit(main())
