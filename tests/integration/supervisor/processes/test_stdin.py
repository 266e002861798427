"""What services read from where they have no terminal."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached

# Tells what it reads from, whether there is anything, and ends with its input.
WATCHER = """
import os, select, stat, sys
mode = os.fstat(0).st_mode
print("pipe" if stat.S_ISFIFO(mode) else os.readlink("/proc/self/fd/0"), flush=True)
print("silent" if not select.select([0], [], [], 0)[0] else "ended", flush=True)
print("blocks" if os.get_blocking(0) else "does not block", flush=True)
if "--rude" in sys.argv:
    os.set_blocking(0, False)
elif "--once" not in sys.argv:
    print("up", flush=True)
    sys.stdin.read()
    open("over", "w").close()
    sys.exit()
print("up", flush=True)
import time
time.sleep(0 if "--once" in sys.argv else 1000)
"""


def test_it_is_a_pipe_that_stays_open_and_silent(
    project: Path, detached: "Detached", eventually: Callable[..., None]
) -> None:
    (project / "watch.py").write_text(WATCHER)
    run = f"{sys.executable} watch.py"
    service = "port: false, tty: false, ready: {log: up}"
    write(
        project,
        f"services:\n"
        f"  rude: {{command: {run} --rude, {service}}}\n"
        f"  js: {{command: {run}, {service}, dependsOn: [rude]}}\n"
        f"  once: {{command: {run} --once, oneshot: true, port: false, tty: false}}\n",
    )
    detached.up()
    lines = {
        name: detached("logs", name, "--no-prefix").stdout.split("\n")[:3]
        for name in ("rude", "js", "once")
    }
    assert lines["rude"] == ["pipe", "silent", "blocks"]
    # Another service that sets its input not to block does not change this one's.
    assert lines["js"] == ["pipe", "silent", "blocks"]
    assert lines["once"] == ["/dev/null", "ended", "blocks"]
    guardian, supervisor = detached.guardian(), detached.supervisor()
    services = supervisor.children()
    pipe = os.readlink(f"/proc/{services[0].pid}/fd/0")
    assert not [mode for one in services for mode in modes_of(one, pipe) if mode & os.O_ACCMODE]
    assert os.O_WRONLY in [mode & os.O_ACCMODE for mode in modes_of(guardian, pipe)]
    assert os.O_WRONLY in [mode & os.O_ACCMODE for mode in modes_of(supervisor, pipe)]
    detached.kill_both()
    # It ends with the last of the two.
    eventually((project / "over").exists)
    detached("ls")


def modes_of(process: psutil.Process, pipe: str) -> list[int]:
    """How a process has a pipe open, as open(2) has it."""
    found: list[int] = []
    for one in Path(f"/proc/{process.pid}/fd").iterdir():
        if os.readlink(one) == pipe:
            info = Path(f"/proc/{process.pid}/fdinfo/{one.name}").read_text()
            found.append(int(info.partition("flags:")[2].split()[0], 8))
    return found
