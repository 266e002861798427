"""The project of the agent bench: a web server, an API that needs a database, a worker.

It is run twice: by a script `dev.sh`, as projects have one, and by portweave.
"""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

WEB = """
import http.server, os, sys
port = int(os.environ["PORT"])
print(f"web listens on {port}", flush=True)
handler = http.server.SimpleHTTPRequestHandler
http.server.ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()
"""
API = """
import http.server, os, sys, time
TOKEN = os.environ.get("API_TOKEN", "none")
port = int(os.environ["PORT"])
print("building", flush=True)
time.sleep(0.3)
print(f"api listens on {port}", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"fine")
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
WORKER = """
import time
for number in range(3000):
    print(f"job {number} took {number % 7} ms", flush=True)
    if number == 1500:
        print("ERROR job 1500: queue is full", flush=True)
while True:
    time.sleep(60)
"""
YAML = """
services:
  web: {command: python3 bench_web.py, watch: [bench_web.py]}
  api:
    command: python3 bench_api.py
    environment: {API_TOKEN: sesame}
    watch: [bench_api.py]
  worker: {command: python3 bench_worker.py, port: false}
"""
DEV = """#!/bin/sh
mkdir -p log
export API_TOKEN=sesame
PORT=%(web)d python3 bench_web.py > log/web.log 2>&1 &
PORT=%(api)d python3 bench_api.py > log/api.log 2>&1 &
python3 bench_worker.py > log/worker.log 2>&1 &
"""


class Shop:
    """One checkout of the project.

    Args:
        folder: Where to make it.
        is_plain: Whether `dev.sh` runs it.

    Attributes:
        folder: The checkout.
        ports: The port of each service, with `dev.sh`.
    """

    def __init__(self, folder: Path, *, is_plain: bool) -> None:
        self.folder = folder
        self.is_plain = is_plain
        self.ports = {name: free_port() for name in ("web", "api")}
        folder.mkdir(parents=True)
        self.mend()
        if is_plain:
            self.write("dev.sh", DEV % self.ports)
        else:
            self.write("portweave.yaml", YAML)
        git = shutil.which("git") or "git"
        subprocess.run([git, "init", "-q", "."], cwd=folder, check=True)
        self._groups: list[subprocess.Popen[bytes]] = []

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        (self.folder / name).write_text(text)

    def mend(self) -> None:
        """Write the programs as they shall be."""
        for name, text in (
            ("bench_web.py", WEB),
            ("bench_api.py", API),
            ("bench_worker.py", WORKER),
        ):
            if not (self.folder / name).exists() or (self.folder / name).read_text() != text:
                self.write(name, text)

    def shell(self, command: str, environ: dict[str, str]) -> str:
        """Run a command as an agent's shell tool does; return what the agent reads."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._groups.append(process)
        printed, _ = process.communicate(timeout=60)
        # Such tools cut long outputs.
        return printed.decode("utf-8", "replace")[:30_000]

    def end(self) -> None:
        """End what its shells have started, and remove it."""
        for process in self._groups:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        shutil.rmtree(self.folder)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
