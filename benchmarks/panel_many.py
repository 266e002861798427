"""The panel with many running stacks: the first drawing, its cost, and its delay.

`python benchmarks/panel_many.py [-n 50] [--seconds 20]`; needs chromium. Each stack has two
services that sleep. CPU is the use of one processor while nothing happens and the page is open: by
the panel, by all supervisors and guardians together (also before the panel starts), and by the
browser. For the delay the script kills a service and waits until the page has drawn the change.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from startup import environment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portweave.supervisor.registry.stack_records import stack_key
from tests.support.browser import (
    WATCH_STATE,
    Browser,
    Page,
)

SERVICES = """
services:
  one: {command: "echo up; exec sleep 10000", port: false, restart: "no", ready: {log: up}}
  two: {command: "echo up; exec sleep 10000", port: false, restart: "no", ready: {log: up}}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=50, help="how many stacks run")
    parser.add_argument("--seconds", type=float, default=20, help="how long nothing happens")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    environ = environment(folder, PORTWEAVE_PROXY="0")
    portweave = str(Path(sys.executable).with_name("portweave"))
    roots = [folder / "code" / f"tree-{number:02}" for number in range(options.n)]
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda root: start(portweave, root, environ), roots))
        measure(portweave, folder, roots, environ, options.seconds)
    finally:
        argv = [portweave, "down", "--all"]
        subprocess.run(argv, cwd=folder, env=environ, check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def start(portweave: str, root: Path, environ: dict[str, str]) -> None:
    """Start a stack."""
    root.mkdir(parents=True)
    (root / "portweave.yaml").write_text(f"projectName: many\n{SERVICES}")
    argv = [portweave, "up", "--detach"]
    subprocess.run(argv, cwd=root, env=environ, check=True, capture_output=True, timeout=120)


def measure(
    portweave: str, folder: Path, roots: list[Path], environ: dict[str, str], seconds: float
) -> None:
    """Open the page, wait, and kill services."""
    argv = [portweave, "ls", "--json"]
    listed = subprocess.run(argv, env=environ, cwd=folder, check=True, capture_output=True)
    supervisors = [
        process
        for stack in json.loads(listed.stdout)["stacks"]
        # The guardian, and its child, the supervisor.
        for process in (psutil.Process(stack["pid"]), *psutil.Process(stack["pid"]).children())
    ]
    idle({"supervisors": supervisors}, seconds, "no panel")
    argv = [portweave, "panel", "--port", "0"]
    panel = subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True)
    assert panel.stderr is not None
    found = re.search(r"http://\S+", panel.stderr.readline())
    assert found
    profile = folder / "browser"
    profile.mkdir()
    browser = Browser(shutil.which("chromium") or "chromium", profile)
    try:
        page = browser.page()
        page.set_view()
        began_s = time.monotonic()
        page.go(found[0])
        page.wait(f"document.body.innerText.includes('{2 * len(roots)} ready')", timeout_s=120)
        page.wait(f"document.querySelectorAll('.slot').length === {len(roots)}")
        print(f"{'all stacks drawn':<34}{time.monotonic() - began_s:8.2f} s")
        groups = {
            "panel": [psutil.Process(panel.pid)],
            "supervisors": supervisors,
            "browser": [
                process
                for process in psutil.process_iter(["cmdline"])
                if f"--user-data-dir={profile}" in " ".join(process.info["cmdline"] or ())
            ],
        }
        idle(groups, seconds, "all closed")
        began_s = time.monotonic()
        page.run("document.querySelector('.bulk button').click()")
        # Only rows near the window are drawn.
        page.wait("document.querySelectorAll('tr.service').length > 8")
        print(f"{'all opened':<34}{time.monotonic() - began_s:8.2f} s")
        # Meanwhile the page loads facts from git and the disk.
        page.wait("!document.body.innerText.includes('loading …')", timeout_s=120)
        idle(groups, seconds, "all open")
        took_ms = sorted(change(portweave, page, root, environ) for root in roots[:15])
        print(
            f"{'a change is drawn after':<34}{statistics.median(took_ms):8.0f} ms (median),"
            f" {took_ms[-1]:.0f} ms (most)"
        )
    finally:
        browser.close()
        panel.terminate()
        panel.wait(20)
        panel.stderr.close()


def idle(groups: dict[str, list[psutil.Process]], seconds: float, what: str) -> None:
    """Print the usage while nothing happens."""
    before = {name: used(members) for name, members in groups.items()}
    time.sleep(seconds)
    for name, members in groups.items():
        percent = 100 * (used(members) - before[name]) / seconds
        print(f"{f'CPU, {what}: {name}':<34}{percent:8.1f} %")


def used(members: list[psutil.Process]) -> float:
    """Return the processor time of processes in seconds."""
    total = 0.0
    for process in members:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def change(portweave: str, page: Page, root: Path, environ: dict[str, str]) -> float:
    """Kill a service; return the milliseconds until the page shows it."""
    argv = [portweave, "ps", "--json"]
    done = subprocess.run(argv, cwd=root, env=environ, check=True, capture_output=True)
    rows = json.loads(done.stdout)["services"]
    pid = next(row["pid"] for row in rows if row["name"] == "two")
    row = f"document.querySelector('[data-root={json.dumps(str(root))}] [data-service=two]')"
    page.run(
        "[...document.querySelectorAll('.slot')].find((e) => e.dataset.height.startsWith("
        f"{json.dumps(stack_key(str(root), 'main'))})).scrollIntoView()"
    )
    page.wait(f"!!{row}")
    page.run(WATCH_STATE % (root, "two"))
    killed_s = time.time()
    os.kill(pid, signal.SIGKILL)
    return float(page.run("window.changed")) - killed_s * 1e3


if __name__ == "__main__":
    main()
