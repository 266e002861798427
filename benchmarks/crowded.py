"""The time of a first allocation with many recorded worktrees, beside one with a single other.

`python benchmarks/crowded.py [-n 1000] [--runs 15] [--ports 2] [--npm PATH]`; PATH is npm's
`portweave`. All worktrees exist, as each allocation checks that. Contenders take turns; only the
ratios carry over to other machines.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from startup import BARE, environment, timed


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=1000, help="how many worktrees are recorded")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--ports", type=int, default=2, help="how many ports each has, and gets")
    parser.add_argument("--npm", help="the portweave command of npm")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        measure(folder, options)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Time first allocations in turn."""
    environ = environment(folder, options.npm)
    environ["PORTWEAVE_POOL_RANGE"] = "20000-60000"
    fresh = folder / "fresh"
    fresh.mkdir()
    registry = folder / "config" / "portweave" / "registry.json"
    registry.parent.mkdir(parents=True, mode=0o700)
    portweave = str(Path(sys.executable).with_name("portweave"))
    run = ["--count", str(options.ports), "run", "--", "true"]
    tools = {"portweave": [portweave, *run]}
    if options.npm:
        tools["npm portweave"] = [options.npm, *run]
    times: dict[str, list[float]] = {BARE: []}
    texts = {count: recorded(folder, count, options.ports) for count in (1, options.n)}
    for number in range(options.runs + 1):
        took_s = {BARE: timed([sys.executable, "-I", "-S", "-c", "pass"], fresh, environ)}
        for name, argv in tools.items():
            for count, text in texts.items():
                registry.write_text(text)
                took_s[f"{name}, {count} recorded"] = timed(argv, fresh, environ)
        if number:
            for name, seconds in took_s.items():
                times.setdefault(name, []).append(seconds)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    print(f"{'first allocation':<36}{'ms':>8}{'min':>8}{'x bare':>8}{'x one':>8}")
    one_s = medians[BARE]
    for name, median_s in medians.items():
        if name.endswith(", 1 recorded"):
            one_s = median_s
        line = f"{name:<36}{median_s * 1e3:8.2f}{min(times[name]) * 1e3:8.2f}"
        print(f"{line}{median_s / medians[BARE]:8.2f}{median_s / one_s:8.2f}")


def recorded(folder: Path, count: int, ports: int) -> str:
    """Write a registry of `count` existing worktrees, as both tools do."""
    entries: list[object] = []
    for number in range(count):
        root = folder / "worktrees" / f"{number:05}"
        root.mkdir(parents=True, exist_ok=True)
        start = 20000 + number * ports
        entries.append(
            {
                "key": {
                    "gitCommonDir": f"{folder}/.git",
                    "namespace": f"{root.name}-00000000",
                    "worktreeRoot": str(root),
                },
                "lastUsedAt": "2026-01-31T12:34:56.789Z",
                "namespace": f"{root.name}-00000000",
                "ports": {f"port-{n}": start + n - 1 for n in range(1, ports + 1)},
            }
        )
    value = {"entries": entries, "version": 1}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    main()
