"""The cost of a request through the proxy, beside other proxies and without one.

`python benchmarks/proxy.py --wrk PATH --nginx PATH [--caddy PATH] [--portless PATH --node PATH]
[--portweave PATH] [--seconds 3] [--rounds 3] [--connections 1,32] [--idle 10000] [--differ]`

The backend is nginx with a static answer of 13 bytes. With `--differ` all requests and all answers
differ. Contenders take turns, and each figure is a median of the rounds. Only ratios carry over to
other machines. Needs Linux (/proc).
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NAME = "a.localhost"
SAME = 'return 200 "hello, world\\n";'
OTHER = "add_header X-Request-Id $request_id; return 200 $uri;"
DIFFER = f"""
local number = 0
request = function()
    number = number + 1
    return wrk.format("GET", "/" .. number, {{["Host"] = "{NAME}"}})
end
"""
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Round:
    """One run of wrk.

    Attributes:
        per_s: Requests per second.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
        cpu_us: Processor time of the contender's processes for a request.
        rss_mib: Their memory at the end.
        errors: Errors that wrk counted.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    rss_mib: float
    errors: int


class Contender:
    """A program that answers on a port."""

    def __init__(self, name: str, argv: list[str], port: int, env: dict[str, str]) -> None:
        self.name = name
        self.port = port
        self.process = subprocess.Popen(
            argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait(self) -> None:
        """Wait until it answers."""
        until_s = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                    connection.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
                    if b" 200 " in connection.recv(4096):
                        return
            except OSError:
                pass
            if time.monotonic() > until_s:
                raise SystemExit(f"{self.name} does not answer on {self.port}")
            time.sleep(0.05)

    def pids(self) -> list[int]:
        """Return its processes."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, task.read_text().split())
        return found

    def cpu_s(self) -> float:
        """Return the processor time of its processes."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def rss_mib(self) -> float:
        """Return the memory of its processes."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * PAGE_BYTES / 2**20

    def stop(self) -> None:
        """Stop the program."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wrk", default=shutil.which("wrk"))
    parser.add_argument("--nginx", default=shutil.which("nginx"))
    parser.add_argument("--caddy", default=shutil.which("caddy"))
    parser.add_argument("--portless", help="its dist/cli.js")
    parser.add_argument("--node", default=shutil.which("node"))
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,32")
    parser.add_argument(
        "--differ", action="store_true", help="no two requests are the same, nor two answers"
    )
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections; 0 for none")
    options = parser.parse_args()
    if not options.wrk or not options.nginx:
        parser.error("it needs wrk and nginx")
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    contenders: list[Contender] = []
    script = folder / "differ.lua"
    script.write_text(DIFFER)
    try:
        start(options, folder, contenders)
        for count in map(int, options.connections.split(",")):
            rounds: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
            for _ in range(options.rounds):
                for contender in contenders:
                    command = [options.wrk, *(["-s", str(script)] if options.differ else [])]
                    rounds[contender.name].append(
                        measure(command, contender, count, options.seconds)
                    )
            show(count, rounds)
        if options.idle:
            for contender in contenders[1:]:
                show_idle(contender, options.idle)
    finally:
        for contender in reversed(contenders):
            contender.stop()
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(options: argparse.Namespace, folder: Path, contenders: list[Contender]) -> None:
    """Start the backend and all contenders."""
    env = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}

    def add(name: str, argv: Callable[[int], list[str]]) -> int:
        port = free_port()
        contenders.append(Contender(name, argv(port), port, env))
        contenders[-1].wait()
        return port

    backend = add(
        "direct",
        lambda port: nginx(options, folder, "backend", port, OTHER if options.differ else SAME),
    )
    routes = json.dumps([{"hostname": NAME, "port": backend, "pid": 0}])
    for state in ("portweave", "portless"):
        (folder / state).mkdir()
        (folder / state / "routes.json").write_text(routes)
    add(
        "portweave",
        lambda port: [
            *(options.portweave, "proxy", "run", "--port", str(port)),
            *("--state-dir", str(folder / "portweave")),
        ],
    )
    if options.portless:
        env |= {"PORTLESS_STATE_DIR": str(folder / "portless"), "PORTLESS_SYNC_HOSTS": "0"}
        add(
            "portless",
            lambda port: [
                *(options.node, options.portless, "proxy", "start", "--foreground", "--no-tls"),
                *("-p", str(port)),
            ],
        )
    place = (
        f"proxy_pass http://127.0.0.1:{backend};"
        'proxy_http_version 1.1; proxy_set_header Connection "";'
    )
    place = place.replace(f"127.0.0.1:{backend}", "up")
    add("nginx", lambda port: nginx(options, folder, "proxy", port, place, backend))
    if options.caddy:
        add("caddy", lambda port: caddy(options, folder, port, backend))


def nginx(
    options: argparse.Namespace,
    folder: Path,
    name: str,
    port: int,
    place: str,
    backend: int | None = None,
) -> list[str]:
    """Return the command of an nginx with one worker."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{name}-{kind};" for kind in kinds)
    upstream = f"upstream up {{ server 127.0.0.1:{backend}; keepalive 64; }}" if backend else ""
    path = folder / f"{name}.conf"
    path.write_text(
        f"daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log /dev/null;"
        f" events {{ worker_connections 30000; }} http {{ access_log off; {temporary}"
        f" keepalive_requests 1000000000; {upstream}"
        f" server {{ listen 127.0.0.1:{port}; location / {{ {place} }} }} }}"
    )
    return [options.nginx, "-p", str(folder), "-c", str(path)]


def caddy(options: argparse.Namespace, folder: Path, port: int, backend: int) -> list[str]:
    """Return the command of a Caddy."""
    path = folder / "Caddyfile"
    path.write_text(
        f"{{\n admin off\n auto_https off\n}}\nhttp://:{port} {{\n"
        f" reverse_proxy 127.0.0.1:{backend}\n}}\n"
    )
    return [options.caddy, "run", "--config", str(path), "--adapter", "caddyfile"]


def measure(wrk: list[str], contender: Contender, connections: int, seconds: int) -> Round:
    """Run wrk for some seconds."""
    before_s = contender.cpu_s()
    url = f"http://127.0.0.1:{contender.port}/"
    done = subprocess.run(
        [*wrk, "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-H", f"Host: {NAME}", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cpu_s = contender.cpu_s() - before_s
    requests = int(found(r"(\d+) requests in", done))
    return Round(
        float(found(r"Requests/sec:\s+([\d.]+)", done)),
        milliseconds(found(r"(?m)^ *50%\s+(\S+)", done)),
        milliseconds(found(r"(?m)^ *99%\s+(\S+)", done)),
        cpu_s * 1e6 / max(requests, 1),
        contender.rss_mib(),
        sum(map(int, re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", done))),
    )


def found(pattern: str, text: str) -> str:
    """Return the text of the pattern's group."""
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk says something else than expected:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    """Parse a time as wrk prints it."""
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * UNITS_MS[unit]


def show(connections: int, rounds: dict[str, list[Round]]) -> None:
    """Print a table."""
    print(f"{connections} connections")
    print("contender      req/s   p50 ms  x direct   p99 ms  us CPU/r  RSS MiB  errors")
    direct_ms = statistics.median(one.p50_ms for one in rounds["direct"])
    for name, runs in rounds.items():

        def median(field: str, runs: list[Round] = runs) -> float:
            return statistics.median(getattr(one, field) for one in runs)

        print(
            f"{name:<12}{median('per_s'):>8.0f}{median('p50_ms'):>9.3f}"
            f"{median('p50_ms') / direct_ms:>10.1f}{median('p99_ms'):>9.2f}"
            f"{median('cpu_us'):>10.1f}{median('rss_mib'):>9.1f}"
            f"{sum(one.errors for one in runs):>8}"
        )
    print(flush=True)


def show_idle(contender: Contender, count: int) -> None:
    """Print a contender's memory with many idle connections, and whether it still answers."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 200), hard))
    connections: list[socket.socket] = []
    try:
        connections.extend(
            socket.create_connection(("127.0.0.1", contender.port), 10) for _ in range(count)
        )
        contender.wait()
        print(
            f"{contender.name}: {len(connections)} idle, {contender.rss_mib():.1f} MiB", flush=True
        )
    except OSError as error:
        print(f"{contender.name}: {len(connections)} idle, then {error}", flush=True)
    finally:
        for connection in connections:
            connection.close()


if __name__ == "__main__":
    main()
