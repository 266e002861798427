"""The time of commands that only ask a running stack, beside a bare interpreter.

`python benchmarks/control.py [--runs 30] [--portweave PATH]`. Contenders take turns, so that other
load disturbs all alike; only the ratios carry over to other machines.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEFINITIONS = """
services:
  web: {command: "echo up; exec sleep 1000", ready: {log: up}}
  api: {command: "echo up; exec sleep 1000", ready: {log: up}}
  db: {command: "echo up; exec sleep 1000", port: false, ready: {log: up}}
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pw-"))
    (folder / "portweave.yaml").write_text(DEFINITIONS)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PORTWEAVE")},
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_RUNTIME_DIR": str(folder),
    }

    def run(argv: list[str]) -> float:
        began_s = time.perf_counter()
        subprocess.run(argv, cwd=folder, env=environ, capture_output=True, check=True)
        return time.perf_counter() - began_s

    portweave = options.portweave
    python = str(Path(portweave).with_name("python"))
    bare = "python -c pass"
    contenders = {
        bare: [python, "-c", "pass"],
        "python -I -S -c pass": [python, "-I", "-S", "-c", "pass"],
        "portweave ps": [portweave, "ps"],
        "portweave ps --json": [portweave, "ps", "--json"],
        "portweave stop, of one that is": [portweave, "stop", "db"],
        "portweave start, of one that runs": [portweave, "start", "web"],
        "portweave port web": [portweave, "port", "web"],
        "portweave exec web -- true": [portweave, "exec", "web", "--", "true"],
        "portweave wait": [portweave, "wait", "web", "api"],
        "portweave scale, to what it is": [portweave, "scale", "web=1"],
        "portweave reload, of what has not changed": [portweave, "reload"],
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    try:
        run([portweave, "up", "-d"])
        run([portweave, "stop", "db"])
        # The first round compiles modules; it does not count.
        for number in range(options.runs + 1):
            for name, argv in contenders.items():
                took_s = run(argv)
                if number:
                    times[name].append(took_s)
    finally:
        run([portweave, "down"])
        shutil.rmtree(folder)
    floor_s = statistics.median(times[bare])
    print(f"{'median of ' + str(options.runs):<44}{'ms':>8}{'ratio':>8}")
    for name, found in times.items():
        median_s = statistics.median(found)
        print(f"{name:<44}{median_s * 1000:>8.1f}{median_s / floor_s:>8.2f}")


if __name__ == "__main__":
    main()
