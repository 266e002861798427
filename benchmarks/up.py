"""The time until a stack runs completely, and from Ctrl-C until all of it is gone.

`python benchmarks/up.py [--services 20] [--runs 9] [--portweave PATH] [--honcho PATH]`

Contenders take turns, so that other load disturbs all alike; only the ratios carry over to other
machines. An environment with development packages starts more slowly, so for a fair figure measure
a clean one: `python3 -m venv /tmp/x && /tmp/x/bin/pip install . && python benchmarks/up.py
--portweave /tmp/x/bin/portweave`. Needs Linux (pidfd_open(2)).
"""

import argparse
import os
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from startup import environment

SERVICE = re.compile(rb"runs as (\d+)\r?\n")
LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Took:
    """One run, in seconds.

    Attributes:
        first_s: From the start to the first running service.
        all_s: From the start to the last one.
        gone_s: From SIGINT until no service is left.
        ended_s: From SIGINT until the supervisor has ended.
        cpu_s: Processor time of the supervisor and of its reaped children.
    """

    first_s: float
    all_s: float
    gone_s: float
    ended_s: float
    cpu_s: float


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    parser.add_argument("--honcho", help="the command of honcho, to be measured beside it")
    options = parser.parse_args()
    contenders = {"portweave": [options.portweave, "up"]}
    if options.honcho:
        contenders["honcho"] = [options.honcho, "start"]
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        make_project(folder / "shop", options.services)
        show(measure(contenders, folder, options.services, options.runs), options.services)
    finally:
        shutil.rmtree(folder)


def make_project(root: Path, services: int) -> None:
    """Create a git repository with a Procfile of services that do almost nothing."""
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)  # noqa: S607
    lines = [f"s{n}: echo runs as $$; exec sleep 1000\n" for n in range(1, services + 1)]
    (root / "Procfile").write_text("".join(lines))


def measure(
    contenders: dict[str, list[str]], folder: Path, services: int, runs: int
) -> dict[str, list[Took]]:
    """Run all contenders in turn; the first round allocates and compiles, and does not count."""
    took: dict[str, list[Took]] = {name: [] for name in contenders}
    # Output must not be buffered.
    environ = environment(folder, PYTHONUNBUFFERED="1")
    for number in range(runs + 1):
        for name, argv in contenders.items():
            found = run_once(argv, folder / "shop", environ, services)
            if number:
                took[name].append(found)
    return took


def run_once(argv: list[str], root: Path, environ: dict[str, str], services: int) -> Took:
    """Start a stack, wait until it runs, interrupt it, and wait for its end."""
    start_s = time.perf_counter()
    supervisor = subprocess.Popen(
        argv,
        cwd=root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert supervisor.stdout is not None
    output = supervisor.stdout.fileno()
    text = b""
    pids: list[int] = []
    first_s = 0.0
    while len(pids) < services:
        left_s = start_s + LONGEST_S - time.perf_counter()
        if not select.select([output], [], [], max(0.0, left_s))[0]:
            raise TimeoutError(f"{argv[0]}: {len(pids)} services after {LONGEST_S:g} s")
        data = os.read(output, 65_536)
        if not data:
            raise RuntimeError(f"{argv[0]} ended by itself: {text.decode()}")
        text += data
        pids = [int(pid) for pid in SERVICE.findall(text)]
        if pids and not first_s:
            first_s = time.perf_counter() - start_s
    all_s = time.perf_counter() - start_s
    waiting = [os.pidfd_open(pid) for pid in pids]
    # Measure an idle stack, not one that still starts.
    time.sleep(1.5)
    stop_s = time.perf_counter()
    os.kill(supervisor.pid, signal.SIGINT)
    gone_s = wait_for_all(waiting, output) - stop_s
    while os.read(output, 65_536):
        pass
    _, _, usage = os.wait4(supervisor.pid, 0)
    ended_s = time.perf_counter() - stop_s
    supervisor.returncode = 0
    supervisor.stdout.close()
    return Took(first_s, all_s, gone_s, ended_s, usage.ru_utime + usage.ru_stime)


def wait_for_all(pidfds: list[int], output: int) -> float:
    """Wait for the end of all processes, and read their output; return the time."""
    poll = select.poll()
    poll.register(output, select.POLLIN)
    for pidfd in pidfds:
        poll.register(pidfd, select.POLLIN)
    left = set(pidfds)
    while left:
        for descriptor, _ in poll.poll(LONGEST_S * 1000):
            if descriptor in left:
                poll.unregister(descriptor)
                os.close(descriptor)
                left.discard(descriptor)
            elif not os.read(descriptor, 65_536):
                poll.unregister(descriptor)
    return time.perf_counter()


def show(took: dict[str, list[Took]], services: int) -> None:
    """Print medians, and ratios to the last contender's."""
    print(f"{services} services, medians of {len(took['portweave'])} runs in ms")
    columns = ("first_s", "all_s", "gone_s", "ended_s", "cpu_s")
    heads = ("first runs", "all run", "all gone", "ended", "CPU in all")
    print(f"{'':<12}" + "".join(f"{head:>12}" for head in heads))
    medians = {
        name: [statistics.median(getattr(run, column) for run in runs) for column in columns]
        for name, runs in took.items()
    }
    for name, values in medians.items():
        print(f"{name:<12}" + "".join(f"{value * 1e3:12.1f}" for value in values))
    if "honcho" in medians:
        pairs = zip(medians["portweave"], medians["honcho"], strict=True)
        print(f"{'ratio':<12}" + "".join(f"{ours / theirs:12.2f}" for ours, theirs in pairs))


if __name__ == "__main__":
    main()
