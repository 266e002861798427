"""The cost of showing the lines of services, and of a reader that stops reading.

`python benchmarks/relay.py [--mb 100] [--stuck 5] [--runs 3] [--portweave PATH] [--honcho PATH]
[--concurrently PATH]`

Four services write lines of 100 bytes at full speed. A reader takes all output from a pipe and
checks it afterwards: each line contains its service and a number, so the check finds lost, damaged
and misplaced lines. Portweave also keeps all lines in files, which are checked too. CPU counts only
the supervising processes. A second part uses a reader that reads nothing for `--stuck` seconds, and
everything after that. The services must go on, memory must stay bounded, and portweave must report
as many skipped lines as are missing.

For a fair figure measure an environment without development packages: `python3 -m venv /tmp/x &&
/tmp/x/bin/pip install . && python benchmarks/relay.py --portweave /tmp/x/bin/portweave`. Needs
Linux and psutil.
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from startup import environment

SERVICES = 4
NAMES = ",".join(f"s{number}" for number in range(1, SERVICES + 1))
LINE_BYTES = 100
BLOCK_LINES = 640
# The program of each service: name, bytes to write, and a file for its progress. Most of a block is
# constant, so that making lines takes almost no time.
FLOOD = """
import os, sys, time
name, size, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lines = []
for number in range(640):
    head = b"<%s ########## %03d " % (name.encode(), number)
    lines.append(head + b"x" * (100 - len(head) - 2) + b">\\n")
block = b"".join(lines)
progress = os.open(path, os.O_WRONLY | os.O_CREAT)
for number in range(size // len(block)):
    rest = memoryview(block.replace(b"##########", b"%010d" % number))
    while rest:
        rest = rest[os.write(1, rest):]
    os.pwrite(progress, b"%010d" % (number + 1), 0)
os.pwrite(progress, b"%010d done" % (size // len(block)), 0)
time.sleep(1000)
"""
LINE = rb"<(s\d) (\d{10}) (\d{3}) x{%d}>\r?$"
FILLER_BYTES = LINE_BYTES - len(b"<s1 0000000000 000 ") - 2
FILE_LINE = re.compile(LINE % FILLER_BYTES)
SKIPPED = re.compile(rb"\[([\d,]+) lines skipped")
QUIET_S = 1.0
LONGEST_S = 300.0


@dataclass
class Reader:
    """Reads a pipe to its end in a thread, and keeps everything."""

    descriptor: int
    chunks: list[bytes] = field(default_factory=list[bytes])
    size_bytes: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    held: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Read until the end; wait while `held` is not set."""
        self.held.wait()
        while data := os.read(self.descriptor, 1 << 20):
            self.last_s = time.perf_counter()
            self.first_s = self.first_s or self.last_s
            self.chunks.append(data)
            self.size_bytes += len(data)


@dataclass(frozen=True, slots=True)
class Result:
    """One run.

    Attributes:
        mb_per_s: Megabytes of lines per second, from the first line to the last.
        cpu_s_per_gb: Processor time of the supervising processes.
        growth_mb: The largest growth of their memory.
        written: Lines that the services wrote, without each one's unfinished last block.
        missing: Written lines that did not come out.
        told: Lines that were reported as skipped.
        corrupt: Damaged lines.
        disordered: Lines that came after a later one of their service.
        progress_mb: What each service wrote while the reader read nothing.
        file_faults: Lines of the files that do not follow the line before them.
    """

    mb_per_s: float
    cpu_s_per_gb: float
    growth_mb: float
    written: int
    missing: int
    told: int
    corrupt: int
    disordered: int
    progress_mb: tuple[float, ...]
    file_faults: int = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=100, help="what each service writes")
    parser.add_argument("--honcho-mb", type=int, default=3, help="the same, under honcho")
    parser.add_argument("--stuck", type=float, default=5, help="seconds; 0 for no such run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--portweave", default=str(Path(sys.executable).with_name("portweave")))
    parser.add_argument("--honcho", help="the command of honcho, to be measured beside it")
    parser.add_argument("--concurrently", help="the command of concurrently, likewise")
    options = parser.parse_args()
    contenders = {"portweave": ([options.portweave, "up"], options.mb)}
    if options.honcho:
        contenders["honcho"] = ([options.honcho, "start"], options.honcho_mb)
    if options.concurrently:
        contenders["concurrently"] = ([options.concurrently, "--names", NAMES], options.mb)
    results: dict[str, list[Result]] = {name: [] for name in contenders}
    for _ in range(options.runs):
        for name, (argv, mb) in contenders.items():
            results[name].append(run_in_project(argv, mb << 20, stuck_s=0))
    show(results)
    if options.stuck:
        argv, _ = contenders["portweave"]
        show_stuck(run_in_project(argv, 1 << 40, stuck_s=options.stuck), options.stuck)


def run_in_project(argv: list[str], size_bytes: int, stuck_s: float) -> Result:
    """Run one contender on its own project."""
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    try:
        root = folder / "shop"
        root.mkdir()
        subprocess.run(["git", "init", "-q", str(root)], check=True)  # noqa: S607
        (folder / "flood.py").write_text(FLOOD)
        lines = [
            f"s{n}: exec {sys.executable} -I -S {folder}/flood.py s{n} {size_bytes} {folder}/s{n}\n"
            for n in range(1, SERVICES + 1)
        ]
        (root / "Procfile").write_text("".join(lines))
        if NAMES in argv:
            # This tool takes the commands as arguments.
            argv = [*argv, *(line.partition(": ")[2].rstrip() for line in lines)]
        return run_once(argv, folder, stuck_s)
    finally:
        shutil.rmtree(folder)


def run_once(argv: list[str], folder: Path, stuck_s: float) -> Result:
    """Start the stack, relay, stop it, and check its output."""
    environ = environment(folder, PYTHONUNBUFFERED="1")
    supervisor = psutil.Popen(
        argv,
        cwd=folder / "shop",
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert supervisor.stdout is not None
    reader = Reader(supervisor.stdout.fileno())
    thread = threading.Thread(target=reader.run)
    thread.start()
    if not stuck_s:
        reader.held.set()
    progress: tuple[float, ...] = ()
    try:
        wait_until(lambda: all(at(folder, n)[0] for n in range(1, SERVICES + 1)))
        began_s = time.perf_counter()
        own = supervising(supervisor)
        memory = peak_bytes = memory_of(own)
        # The start is not part of this figure.
        cpu_before_s, bytes_before = cpu_of(own), reader.size_bytes
        while not all(at(folder, n)[1] for n in range(1, SERVICES + 1)):
            time.sleep(0.02)
            peak_bytes = max(peak_bytes, memory_of(own))
            stood_s = time.perf_counter() - began_s
            if stuck_s and stood_s > stuck_s and not reader.held.is_set():
                progress = tuple(
                    at(folder, n)[0] * BLOCK_LINES * LINE_BYTES / 1e6
                    for n in range(1, SERVICES + 1)
                )
                reader.held.set()
            if stuck_s and stood_s > stuck_s + 1:
                break
            if stood_s > LONGEST_S:
                raise TimeoutError(f"{argv[0]} takes too long")
        if not stuck_s:
            wait_until(lambda: time.perf_counter() - reader.last_s > QUIET_S)
        cpu_s = cpu_of(own) - cpu_before_s
        cpu_s_per_byte = cpu_s / max(1, reader.size_bytes - bytes_before)
        relayed_s = reader.last_s - reader.first_s
    finally:
        reader.held.set()
        supervisor.send_signal(signal.SIGINT)
        thread.join()
        supervisor.wait()
    written = [at(folder, n)[0] * BLOCK_LINES for n in range(1, SERVICES + 1)]
    found = judge(reader, relayed_s, written, cpu_s_per_byte, (peak_bytes - memory) / 1e6, progress)
    return replace(found, file_faults=faults_of_files(folder / "shop/.portweave/logs"))


def faults_of_files(logs: Path) -> int:
    """Count lines of the kept logs that do not follow the line before them."""
    faults = 0
    for number in range(1, SERVICES + 1):
        parts = sorted(logs.glob(f"s{number}.log.*"), key=lambda path: int(path.suffix[1:]))
        data = b"".join(path.read_bytes() for path in [*parts, *logs.glob(f"s{number}.log")])
        before = None
        # The first line may be a fragment, and the end of the service cut the last one.
        for line in data.split(b"\n")[1:-1]:
            match = FILE_LINE.fullmatch(line)
            here = int(match[2]) * BLOCK_LINES + int(match[3]) if match else -1
            faults += here != (here if before is None else before + 1)
            before = here
    return faults


def at(folder: Path, number: int) -> tuple[int, bool]:
    """Return the number of blocks that a service has written, and whether it is done."""
    try:
        text = (folder / f"s{number}").read_text()
    except FileNotFoundError:
        return 0, False
    return int(text[:10] or 0), text.endswith("done")


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end_s = time.perf_counter() + LONGEST_S
    while not is_so():
        if time.perf_counter() > end_s:
            raise TimeoutError("nothing happens")
        time.sleep(0.01)


def supervising(supervisor: psutil.Popen) -> list[psutil.Process]:
    """Return the processes of the supervisor, without services and their shells."""
    found = [psutil.Process(supervisor.pid)]
    for process in found[0].children(recursive=True):
        words = process.cmdline()
        if not any("flood.py" in word for word in words):
            found.append(process)
    return found


def cpu_of(processes: list[psutil.Process]) -> float:
    """Return the processor time of processes in seconds."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def memory_of(processes: list[psutil.Process]) -> int:
    """Return the resident bytes of processes."""
    return sum(process.memory_info().rss for process in processes)


def judge(
    reader: Reader,
    relayed_s: float,
    written: list[int],
    cpu_s_per_byte: float,
    growth_mb: float,
    progress: tuple[float, ...],
) -> Result:
    """Check each line of the output."""
    last = {b"s%d" % number: -1 for number in range(1, SERVICES + 1)}
    found = told = corrupt = disordered = 0
    lines = b"".join(reader.chunks).split(b"\n")
    pattern = re.compile(LINE % FILLER_BYTES)
    for line in lines:
        match = pattern.search(line)
        if match is None:
            if skipped := SKIPPED.search(line):
                told += int(skipped[1].replace(b",", b""))
            elif b"xxx" in line:
                corrupt += 1
            continue
        found += 1
        number = int(match[2]) * BLOCK_LINES + int(match[3])
        disordered += number <= last[match[1]]
        last[match[1]] = number
    relayed_bytes = found * LINE_BYTES
    return Result(
        mb_per_s=relayed_bytes / 1e6 / relayed_s,
        cpu_s_per_gb=cpu_s_per_byte * 1e9,
        growth_mb=growth_mb,
        written=sum(written),
        missing=sum(written) - found,
        told=told,
        corrupt=corrupt,
        disordered=disordered,
        progress_mb=progress,
    )


def show(results: dict[str, list[Result]]) -> None:
    """Print medians and ratios."""
    print(
        f"{SERVICES} services, lines of {LINE_BYTES} bytes, medians of {len(results['portweave'])}"
    )
    heads = ("MB/s", "CPU s/GB", "growth MB", "lines", "missing", "corrupt", "disordered", "files")
    print(f"{'':<12}" + "".join(f"{head:>12}" for head in heads))
    for name, runs in results.items():
        costs = [
            statistics.median(values)
            for values in (
                [run.mb_per_s for run in runs],
                [run.cpu_s_per_gb for run in runs],
                [run.growth_mb for run in runs],
            )
        ]
        faults = [
            sum(values)
            for values in (
                [run.written for run in runs],
                [run.missing for run in runs],
                [run.corrupt for run in runs],
                [run.disordered for run in runs],
                [run.file_faults for run in runs],
            )
        ]
        line = "".join(f"{value:12.2f}" for value in costs)
        print(f"{name:<12}{line}" + "".join(f"{value:12}" for value in faults))
    for other in results.keys() - {"portweave"}:
        ours, theirs = (
            statistics.median(run.mb_per_s for run in results[name])
            for name in ("portweave", other)
        )
        print(f"portweave relays {ours / theirs:.2f} times as fast as {other}")


def show_stuck(result: Result, stuck_s: float) -> None:
    """Print the cost of a reader that stopped reading."""
    print(f"a reader that stands still for {stuck_s:g} s and then takes what there is:")
    written = ", ".join(f"{mb:.0f}" for mb in result.progress_mb)
    print(f"  meanwhile the services wrote {written} MB")
    print(f"  memory grew by {result.growth_mb:.1f} MB")
    print(
        f"  of {result.written} lines {result.missing} are missing, {result.told} were told as"
        f" skipped; corrupt {result.corrupt}, disordered {result.disordered}; faults of the files"
        f" {result.file_faults}"
    )


if __name__ == "__main__":
    main()
