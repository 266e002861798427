"""The time to show the end of gigabytes of logs, beside a bare interpreter.

`python benchmarks/logs.py [--gb 2] [--services 8] [--runs 21] [--portweave PATH]`

It writes logs with the supervisor's own writer, in larger segments than usual, then times commands
in turn. Only the ratios carry over.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from startup import environment

from portweave.supervisor.logs import writer
from portweave.supervisor.logs.index import (
    ERR,
    OUT,
)

BARE = "python -I -S -c pass"
LINES = 640


def main() -> None:
    """Write logs, measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gb", type=float, default=2)
    parser.add_argument("--services", type=int, default=8)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        root = folder / "shop"
        root.mkdir()
        subprocess.run(["git", "init", "-q", str(root)], check=True)  # noqa: S607
        services = "".join(f"s{n}: true\n" for n in range(options.services))
        (root / "Procfile").write_text(services)
        write(root / ".portweave/logs", options.services, int(options.gb * 1e9))
        measure(options.portweave, root, folder, options.runs)
    finally:
        shutil.rmtree(folder)


def write(path: Path, services: int, size_bytes: int) -> None:
    """Write this much output in all, for all services."""
    writer.SEGMENT_BYTES = size_bytes // services // 4
    logs = writer.LogFolder(str(path), print)
    each = [logs.log(f"s{n}") for n in range(services)]
    for log in each:
        log.begin()
    for number in range(size_bytes // (LINES * 100) // services):
        lines = b"".join(b"%08d %03d %s\n" % (number, n, b"x" * 86) for n in range(LINES))
        for log in each:
            log.write(ERR if number % 100 == 0 else OUT, lines)
    logs.close()


def measure(portweave: str, root: Path, home: Path, runs: int) -> None:
    """Time all commands in turn."""
    environ = environment(home)
    commands = {
        BARE: [sys.executable, "-I", "-S", "-c", "pass"],
        "logs --tail-total 100": [portweave, "logs", "--tail-total", "100"],
        "logs -n 100 s1": [portweave, "logs", "-n", "100", "s1"],
        "logs --stream err --tail-total 100": [
            *(portweave, "logs", "--stream", "err", "--tail-total", "100"),
        ],
        "logs --since 0.1s": [portweave, "logs", "--since", "0.1s"],
        "logs --run last -n 1": [portweave, "logs", "--run", "last", "-n", "1"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, argv in commands.items():
            began_s = time.perf_counter()
            subprocess.run(argv, cwd=root, env=environ, stdout=subprocess.DEVNULL, check=True)
            if number:
                times[name].append(time.perf_counter() - began_s)
    bare_s = statistics.median(times[BARE])
    print(f"{'command':<28}{'ms':>8}{'x bare':>8}")
    for name, taken in times.items():
        median_s = statistics.median(taken)
        print(f"{name:<28}{median_s * 1e3:8.1f}{median_s / bare_s:8.2f}")


if __name__ == "__main__":
    main()
