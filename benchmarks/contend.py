"""The time of first allocations when many worktrees ask at once, beside the least possible.

`python benchmarks/contend.py [-n 200] [--runs 3] [--npm PATH]`; PATH is npm's `portweave`.
Contenders take turns; only the ratios carry over to other machines.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from startup import FLOOR, environment

SERVICES = '{"services": {"web": {"envVar": "WEB_PORT"}, "api": {"envVar": "API_PORT"}}}\n'


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=200, help="how many worktrees")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--npm", help="the portweave command of npm")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        measure(folder, options.n, options.runs, options.npm)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, count: int, runs: int, npm: str | None) -> None:
    """Run all contenders in turn for all worktrees."""
    environ = environment(folder, npm)
    roots = worktrees(folder / "code", count, environ)
    portweave = str(Path(sys.executable).with_name("portweave"))
    registry = folder / "config" / "portweave" / "registry.json"
    floor = [sys.executable, "-I", "-S", str(FLOOR), str(registry)]
    contenders = {
        "floor: flock, json, rename": [[*floor, str(root), "true"] for root in roots],
        "portweave": [[portweave, "run", "--", "true"]] * count,
    }
    if npm:
        contenders["npm portweave"] = [[npm, "run", "--", "true"]] * count
    took_s: dict[str, list[float]] = {name: [] for name in contenders}
    failed: dict[str, int] = dict.fromkeys(contenders, 0)
    doubled: dict[str, int] = dict.fromkeys(contenders, 0)
    for _ in range(runs):
        for name, commands in contenders.items():
            shutil.rmtree(registry.parent, ignore_errors=True)
            registry.parent.mkdir(parents=True)
            start_s = time.perf_counter()
            processes = [
                subprocess.Popen(
                    command,
                    cwd=root,
                    env=environ,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for command, root in zip(commands, roots, strict=True)
            ]
            failed[name] += sum(process.wait() != 0 for process in processes)
            took_s[name].append(time.perf_counter() - start_s)
            doubled[name] += doubled_ports(registry)
    floor_s = statistics.median(took_s["floor: flock, json, rename"])
    print(f"{count} worktrees on {runs} runs")
    print(f"{'contender':<30}{'s':>8}{'ms each':>9}{'x floor':>9}{'failed':>8}{'doubled':>9}")
    for name, taken in took_s.items():
        median_s = statistics.median(taken)
        print(
            f"{name:<30}{median_s:8.2f}{median_s / count * 1e3:9.2f}{median_s / floor_s:9.2f}"
            f"{failed[name]:8}{doubled[name]:9}"
        )


def doubled_ports(registry: Path) -> int:
    """Count ports that a registry contains twice."""
    value = json.loads(registry.read_text())
    if "entries" in value:
        ports = [port for entry in value["entries"] for port in entry["ports"].values()]
    else:
        ports = [port for pair in value.values() for port in pair]
    return len(ports) - len(set(ports))


def worktrees(main: Path, count: int, environ: dict[str, str]) -> list[Path]:
    """Create a git repository with `count` worktrees in all."""
    main.mkdir()
    git = ["git", "-C", str(main), "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    (main / "portweave.config.json").write_text(SERVICES)
    subprocess.run([*git, "init", "-q"], env=environ, check=True)
    subprocess.run([*git, "add", "."], env=environ, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], env=environ, check=True)
    roots = [main]
    for number in range(1, count):
        root = main.with_name(f"code-{number}")
        command = [*git, "worktree", "add", "-q", "--detach", str(root)]
        subprocess.run(command, env=environ, check=True)
        roots.append(root)
    return roots


if __name__ == "__main__":
    main()
