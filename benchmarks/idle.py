"""The cost of an idle stack: memory, and how often its supervisor wakes up.

The services sleep, or (second pair of rows) each listens on its port.

`python benchmarks/idle.py [--services 20] [--seconds 20] [--portweave PATH]`

Memory is the proportional set size of supervisor and guardian together (proc(5), smaps_rollup):
shared pages count in parts. A wake-up is a voluntary context switch of one of their threads. Needs
Linux.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LISTEN = 'import os, signal, socket; s = socket.create_server(("127.0.0.1", int(os.environ["PORT"]))); signal.pause()'  # noqa: E501
COMMANDS = {"sleeping": "sleep 100000", "listening": f"{sys.executable} -ISc '{LISTEN}'"}
# By then the start is complete.
SETTLED_S = 9.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    for kind, command in COMMANDS.items():
        for detached in (False, True):
            root = folder / f"{kind}, {'detached' if detached else 'foreground'}"
            root.mkdir()
            lines = [f"s{n}: {command}\n" for n in range(1, options.services + 1)]
            (root / "Procfile").write_text("".join(lines))
            measure(options.portweave, root, options.seconds, detached=detached)
    shutil.rmtree(folder)


def measure(portweave: str, root: Path, seconds_s: float, *, detached: bool) -> None:
    """Start a stack, leave it idle, and print its cost."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "XDG_CONFIG_HOME": str(root / "config"),
        "XDG_STATE_HOME": str(root / "state"),
        "PORTWEAVE_PROXY": "0",
    }
    argv = [portweave, "up", *(["-d"] if detached else [])]
    with (root / "said").open("wb") as said:
        command = subprocess.Popen(argv, cwd=root, env=environ, stdout=said, stderr=said)
    if detached:
        command.wait()
    else:
        while b"all ready" not in (root / "said").read_bytes():
            time.sleep(0.05)
    [record] = (root / "state/portweave/stacks").glob("*.json")
    [guardian] = re.findall(r'"pid": ?(\d+)', record.read_text())
    children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
    both = [guardian, children[0]]
    time.sleep(SETTLED_S)
    before = [wakes(pid) for pid in both]
    time.sleep(seconds_s)
    woken = [after - first for after, first in zip(map(wakes, both), before, strict=True)]
    memory = [pss_kib(pid) for pid in both]
    print(f"{root.name}: guardian and supervisor")
    print(f"  memory (PSS): {memory[0] / 1024:.1f} + {memory[1] / 1024:.1f} MiB", end="")
    print(f" = {sum(memory) / 1024:.1f} MiB")
    print(f"  wake-ups: {woken[0]} + {woken[1]} in {seconds_s:g} s", end="")
    print(f" = {sum(woken) / seconds_s:.2f} a second")
    os.kill(int(guardian), signal.SIGTERM)
    command.wait()
    while Path(f"/proc/{guardian}").exists():
        time.sleep(0.01)


def wakes(pid: str) -> int:
    """Return the voluntary context switches of a process's threads so far."""
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        [line] = [x for x in status.read_text().splitlines() if x.startswith("voluntary")]
        found += int(line.split()[1])
    return found


def pss_kib(pid: str) -> int:
    """Return the proportional set size of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
