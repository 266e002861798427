"""The first answer and the memory of `portweave mcp`, and `ensure` beside `ps` on a running stack.

`python benchmarks/mcp.py [--runs 15]`. The bare interpreter answers the same line and does nothing
else. The library is the official `mcp` of PyPI, with one tool. All take turns, so that other load
disturbs all alike.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

BARE = """
import sys
sys.stdin.readline()
sys.stdout.write('{"jsonrpc":"2.0","id":1,"result":{}}\\n')
sys.stdout.flush()
sys.stdin.read()
"""
LIBRARY = """
from mcp.server import MCPServer

app = MCPServer("bare")

@app.tool()
def ensure() -> str:
    return "ready"

app.run()
"""
PARAMS = {"protocolVersion": "2025-11-25", "capabilities": {}}
FIRST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {**PARAMS, "clientInfo": {"name": "bench", "version": "1"}},
}
SERVICES = 3


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    names = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    environ = {**os.environ, "PORTWEAVE_PROXY": "0"} | dict.fromkeys(names, str(folder))
    portweave = str(Path(sys.executable).with_name("portweave"))
    try:
        measure_first(folder, environ, portweave, runs)
        measure_ensure(folder, environ, portweave, runs)
    finally:
        shutil.rmtree(folder)


def measure_first(folder: Path, environ: dict[str, str], portweave: str, runs: int) -> None:
    """Time the first answer of each server, and read its memory then."""
    contenders = {
        "bare interpreter": [sys.executable, "-Ic", BARE],
        "portweave mcp": [portweave, "mcp"],
        "bare server of the mcp library": [sys.executable, "-Ic", LIBRARY],
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    memory: dict[str, int] = {}
    # The first round compiles; it does not count.
    for number in range(runs + 1):
        for name, argv in contenders.items():
            began_s = time.perf_counter()
            server = start(argv, folder, environ)
            ask(server, FIRST)
            if number:
                times[name].append(time.perf_counter() - began_s)
            memory[name] = resident_kb(server.pid)
            finish(server)
    floor_s = statistics.median(times["bare interpreter"])
    print(f"{'first answer':34}{'median':>8}{'least':>8}{'ratio':>8}{'memory':>10}")
    for name, found in times.items():
        median_s = statistics.median(found)
        print(
            f"{name:34}{median_s * 1000:>6.0f}ms{min(found) * 1000:>6.0f}ms"
            f"{median_s / floor_s:>8.2f}{memory[name] / 1024:>7.1f}MiB"
        )


def measure_ensure(folder: Path, environ: dict[str, str], portweave: str, runs: int) -> None:
    """Time `ensure` of a running stack beside the command `ps`."""
    project = folder / "shop"
    project.mkdir()
    lines = [f"s{n}: exec sleep 999\n" for n in range(SERVICES)]
    (project / "Procfile").write_text("".join(lines))
    subprocess.run(
        [portweave, "up", "-d"], cwd=project, env=environ, capture_output=True, check=True
    )
    server = start([portweave, "mcp"], project, environ)
    try:
        ask(server, FIRST)
        call = {"name": "ensure", "arguments": {}}
        times: dict[str, list[float]] = {"portweave ps": [], "first ensure": [], "ensure": []}
        for number in range(runs + 1):
            began_s = time.perf_counter()
            ask(server, {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call})
            times["ensure" if number else "first ensure"].append(time.perf_counter() - began_s)
            began_s = time.perf_counter()
            subprocess.run(
                [portweave, "ps"], cwd=project, env=environ, capture_output=True, check=True
            )
            times["portweave ps"].append(time.perf_counter() - began_s)
        memory_kb = resident_kb(server.pid)
    finally:
        finish(server)
        subprocess.run(
            [portweave, "down"], cwd=project, env=environ, capture_output=True, check=True
        )
    print(f"\n{'a running stack of ' + str(SERVICES) + ' services':34}{'median':>8}{'least':>8}")
    for name, found in times.items():
        print(f"{name:34}{statistics.median(found) * 1000:>6.0f}ms{min(found) * 1000:>6.0f}ms")
    print(f"memory of the server after {runs + 1} calls: {memory_kb / 1024:.1f} MiB")


def start(argv: list[str], folder: Path, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start a server."""
    return subprocess.Popen(
        argv,
        cwd=folder,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def ask(server: "subprocess.Popen[bytes]", message: dict[str, object]) -> None:
    """Send a message and wait for the next line."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(message).encode() + b"\n")
    server.stdin.flush()
    assert server.stdout.readline()


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    return psutil.Process(pid).memory_info().rss // 1024


def finish(server: "subprocess.Popen[bytes]") -> None:
    """End a server as a client does that leaves."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.close()
    server.wait(10)
    server.stdout.close()


if __name__ == "__main__":
    main()
