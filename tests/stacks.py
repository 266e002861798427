"""What tests of stacks write down again and again."""

import sys
from pathlib import Path

import psutil

# Answers with a list of the folder's files.
SERVE = f"{sys.executable} -IS {Path(__file__).with_name('listing.py')} $PORT"

# Is ready as soon as it runs, and ends when it is asked to.
IDLE = "{command: 'echo up; exec sleep 1000', port: false, ready: {log: up}}"
# The same, but does not end by itself.
STUBBORN = (
    "{command: 'trap \"\" TERM; echo up; exec sleep 1000', port: false, "
    "ready: {log: up}, stopGracePeriod: 20s}"
)
# Runs, and does not get ready.
SLOW = "{command: 'echo begun; exec sleep 1000', port: false, ready: {log: never, timeout: 20s}}"

PAIR = f"services: {{web: {IDLE}, api: {IDLE}}}\n"


def write(root: Path, text: str, name: str = "portweave.yaml") -> None:
    (root / name).write_text(text)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are left, and are not just waiting to be reaped by init."""
    _, left = psutil.wait_procs(processes, 0.1)
    return [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
