"""Commands of services for tests of stacks."""

import sys
from pathlib import Path

import psutil

# Answers with a list of the folder's files.
SERVE = f"{sys.executable} -IS {Path(__file__).with_name('listing_service.py')} $PORT"

# Becomes ready as soon as it runs, and ends on SIGTERM.
IDLE = "{command: 'echo up; exec sleep 1000', port: false, ready: {log: up}}"
# The same, but ignores SIGTERM.
STUBBORN = (
    "{command: 'trap \"\" TERM; echo up; exec sleep 1000', port: false, "
    "ready: {log: up}, stopGracePeriod: 20s}"
)
# Runs without becoming ready.
SLOW = "{command: 'echo begun; exec sleep 1000', port: false, ready: {log: never, timeout: 20s}}"

PAIR = f"services: {{web: {IDLE}, api: {IDLE}}}\n"

# Records the signal that asks it to end, prints a line, and takes a while to end.
RELUCTANT = """
import os, signal, sys, time
def note(number, what):
    with open("ends", "a") as file:
        file.write(f"{os.environ['PORTWEAVE_NAME']} {signal.Signals(number).name} {what}\\n")
def end(number, _):
    note(number, "asked")
    try:
        # More than a terminal or a pipe takes without a reader.
        print("x" * 100_000, flush=True)
    except OSError:
        note(number, "unheard")
    time.sleep(0.2)
    note(number, "ended")
    os._exit(0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, end)
print("up", flush=True)
while True:
    time.sleep(100)
"""
CHAIN = f"""
services:
  db: {{command: {sys.executable} slow.py, port: false, ready: {{log: up}}, stopSignal: SIGINT}}
  migrate: {{command: "true", oneshot: true, port: false, dependsOn: [db]}}
  api: {{command: {sys.executable} slow.py, port: false, ready: {{log: up}}, dependsOn: [migrate]}}
  web: {{command: {sys.executable} slow.py, port: false, ready: {{log: up}}, dependsOn: [api]}}
"""
ENDS = [
    *("web SIGTERM asked", "web SIGTERM ended"),
    *("api SIGTERM asked", "api SIGTERM ended"),
    *("db SIGINT asked", "db SIGINT ended"),
]


def write(root: Path, text: str, name: str = "portweave.yaml") -> None:
    (root / name).write_text(text)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that are alive, without zombies that init has to reap."""
    _, left = psutil.wait_procs(processes, 0.1)
    return [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
