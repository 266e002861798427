"""The time of one short command, beside a bare interpreter and other tools.

`python benchmarks/startup.py [--runs 31] [--npm PATH]`; PATH is npm's `portweave`. Contenders take
turns, so that other load disturbs all alike; only the ratios carry over to other machines.
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

FLOOR = Path(__file__).with_name("floor.py")
HUNDRED = ["--count", "100", "run", "--", "true"]
FRESH = "run, 100 fresh ports"
BARE = "python -I -S -c pass"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--npm", help="the portweave command of npm")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        measure(folder, options.runs, options.npm)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, runs: int, npm: str | None) -> None:
    """Time all contenders in turn."""
    environ = environment(folder, npm)
    portweave = str(Path(sys.executable).with_name("portweave"))
    run = [portweave, "run", "--", "true"]
    json, yaml, processes = (project(folder / name, name) for name in ("json", "yaml", "procfile"))
    fresh = folder / "fresh"
    fresh.mkdir()
    contenders: dict[str, tuple[list[str], Path]] = {
        BARE: ([sys.executable, "-I", "-S", "-c", "pass"], folder),
        "python -I -c pass": ([sys.executable, "-I", "-c", "pass"], folder),
        "floor: flock, json, rename, exec": (
            [sys.executable, "-I", "-S", str(FLOOR), str(folder / "floor"), "root", "true"],
            folder,
        ),
        "portweave -V": ([portweave, "-V"], folder),
        "portweave run -- true, JSON": (run, json),
        "portweave run -- true, Procfile": (run, processes),
        "portweave run -- true, YAML": (run, yaml),
        "portweave show --json": ([portweave, "show", "--json"], json),
        "portweave port web": ([portweave, "port", "web"], json),
        "portweave env --format shell": ([portweave, "env", "--format", "shell"], json),
        "portweave env web": ([portweave, "env", "web"], json),
        "import portweave.runtime": (
            [sys.executable, "-I", "-c", "import portweave.runtime"],
            json,
        ),
        f"portweave {FRESH}": ([portweave, *HUNDRED], fresh),
    }
    if npm:
        contenders["npm portweave run -- true"] = ([npm, "run", "--", "true"], json)
        contenders["npm portweave show --json"] = ([npm, "show", "--json"], json)
        contenders[f"npm portweave {FRESH}"] = ([npm, *HUNDRED], fresh)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    # The first round allocates and compiles; it does not count.
    for number in range(runs + 1):
        for name, (argv, cwd) in contenders.items():
            if cwd == fresh:
                subprocess.run(
                    [portweave, "prune"],
                    cwd=fresh,
                    env=environ,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
            took_s = timed(argv, cwd, environ)
            if number:
                times[name].append(took_s)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    table = f"{'command':<36}{'ms':>8}{'min':>8}{'x bare':>8}"
    print(table + (f"{'x npm':>8}" if npm else ""))
    for name, median_s in medians.items():
        line = f"{name:<36}{median_s * 1e3:8.2f}{min(times[name]) * 1e3:8.2f}"
        line += f"{median_s / medians[BARE]:8.2f}"
        print(line + (f"{median_s / medians[npms(name)]:8.3f}" if npm else ""))


def npms(name: str) -> str:
    """Return npm's contender for a command."""
    for what in ("show --json", FRESH):
        if name.endswith(what):
            return f"npm portweave {what}"
    return "npm portweave run -- true"


def environment(folder: Path, npm: str | None = None, **more: str) -> dict[str, str]:
    """Return an environment with only the path and the given folders."""
    # npm's command finds its node beside it.
    path = os.environ["PATH"] if not npm else f"{Path(npm).parent}:{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        **more,
    }


def project(folder: Path, kind: str) -> Path:
    """Create a git repository with one kind of definition file."""
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)  # noqa: S607
    if kind == "json":
        text = '{"services": {"web": {"envVar": "WEB_PORT"}, "api": {"envVar": "API_PORT"}}}\n'
        (folder / "portweave.config.json").write_text(text)
    elif kind == "yaml":
        text = "services:\n  web:\n    envVar: WEB_PORT\n  api:\n    envVar: API_PORT\n"
        (folder / "portweave.yaml").write_text(text)
    else:
        (folder / "Procfile").write_text("web: npm start\napi: python api.py\n")
    return folder


def timed(argv: list[str], cwd: Path, environ: dict[str, str]) -> float:
    """Run a command to its end; return its wall time in seconds."""
    start_s = time.perf_counter()
    subprocess.run(
        argv,
        cwd=cwd,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start_s


if __name__ == "__main__":
    main()
