"""The downtime of a killed service: from the kill to the first instruction of its next process.

`python benchmarks/restart.py [--runs 15] [--portweave PATH] [--mprocs PATH]`

The service has been healthy for over a second, so no supervisor delays its restart. It writes down
the time of its start (monotonic clock), and does nothing else. Beside portweave runs a minimal
supervisor in C: `fork`, `execv`, `waitpid`, again. Contenders take turns, so that other load
disturbs all alike; only the ratios carry over to other machines. Needs Linux, and a C compiler
(`cc`, or `pip install ziglang`).
"""

import argparse
import contextlib
import importlib.util
import os
import pty
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from startup import environment

SOURCES = Path(__file__).parent / "restart"
# Portweave counts it as ready after a second, and needs another second for an immediate restart.
HEALTHY_S = 2.3
LONGEST_S = 20.0


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    parser.add_argument("--mprocs", help="the command of mprocs, to be measured beside it")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        contenders = prepare(folder, options.portweave, options.mprocs)
        environ = environment(folder, TERM="xterm", PORTWEAVE_PROXY="0")
        took: dict[str, list[float]] = {name: [] for name in contenders}
        # The first round reads files for the first time, and does not count.
        for number in range(options.runs + 1):
            for name, argv in contenders.items():
                away_s = measure(argv, folder, environ)
                if number:
                    took[name].append(away_s)
        show(took)
    finally:
        shutil.rmtree(folder)


def compiler() -> list[str]:
    """Return the command of a C compiler."""
    if shutil.which("cc"):
        return ["cc"]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise SystemExit("there is no C compiler: install one, or `pip install ziglang`")


def prepare(folder: Path, portweave: str, mprocs: str | None) -> dict[str, list[str]]:
    """Compile the service and the C supervisor; return the contenders' commands by name."""
    for name in ("supervisor", "service"):
        source = str(SOURCES / f"{name}.c")
        subprocess.run([*compiler(), "-O2", "-o", str(folder / name), source], check=True)
    command = f"{folder}/service {folder}/began"
    (folder / "portweave.yaml").write_text(
        f"services:\n  s: {{command: '{command}', port: false, tty: false}}\n"
    )
    (folder / "mprocs.yaml").write_text(
        f"procs:\n  s: {{cmd: ['{folder}/service', '{folder}/began'], autorestart: true}}\n"
    )
    contenders = {
        "C": [f"{folder}/supervisor", f"{folder}/service", f"{folder}/began"],
        "portweave": [portweave, "up"],
    }
    if mprocs:
        contenders["mprocs"] = [mprocs, "--config", "mprocs.yaml"]
    return contenders


def measure(argv: list[str], folder: Path, environ: dict[str, str]) -> float:
    """Start a supervisor, kill its service once, and stop it; return the downtime in seconds."""
    began = folder / "began"
    began.write_text("")
    # Some draw on a terminal, so each has one; its output is read at once.
    master, slave = pty.openpty()
    supervisor = subprocess.Popen(
        argv, cwd=folder, env=environ, stdin=slave, stdout=slave, stderr=slave, process_group=0
    )
    os.close(slave)
    reader = threading.Thread(target=drain, args=(master,), daemon=True)
    reader.start()
    try:
        [(pid, _)] = wait_for(lambda: starts(began), 1, argv[0])
        time.sleep(HEALTHY_S)
        killed_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        (_, next_ns) = wait_for(lambda: starts(began), 2, argv[0])[1]
        return (next_ns - killed_ns) / 1e9
    finally:
        supervisor.terminate()
        supervisor.wait()
        # One of them has a server that outlives the command.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(supervisor.pid, signal.SIGKILL)
        for pid, _ in starts(began):
            if Path(f"/proc/{pid}/cmdline").exists() and is_service(pid, folder):
                os.kill(pid, signal.SIGKILL)
        reader.join()
        os.close(master)


def is_service(pid: int, folder: Path) -> bool:
    """Whether a process is a service that its supervisor left behind."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return command.startswith(os.fsencode(folder / "service"))


def drain(master: int) -> None:
    """Read the output until no process has the terminal open."""
    try:
        while os.read(master, 65_536):
            pass
    except OSError:  # EIO: no process has the terminal open
        return


def starts(began: Path) -> list[tuple[int, int]]:
    """Return pid and start time (ns) of each start so far."""
    lines = [line.split() for line in began.read_text().splitlines()]
    return [(int(pid), int(at_ns)) for pid, at_ns in lines]


def wait_for(
    ask: Callable[[], list[tuple[int, int]]], count: int, name: str
) -> list[tuple[int, int]]:
    """Wait for this number of starts."""
    until_s = time.monotonic() + LONGEST_S
    while len(found := ask()) < count:
        if time.monotonic() > until_s:
            raise TimeoutError(f"{name} has started the service {len(found)} times, not {count}")
        time.sleep(0.02)
    return found


def show(took: dict[str, list[float]]) -> None:
    """Print medians, and ratios to the first contender's."""
    floor_s = statistics.median(next(iter(took.values())))
    print("from the kill to the next first instruction, ms")
    print(f"{'':<12}{'median':>10}{'least':>10}{'most':>10}{'x C':>10}")
    for name, values in took.items():
        row = (statistics.median(values), min(values), max(values))
        print(
            f"{name:<12}"
            + "".join(f"{value * 1e3:10.2f}" for value in row)
            + f"{row[0] / floor_s:10.2f}"
        )


if __name__ == "__main__":
    main()
