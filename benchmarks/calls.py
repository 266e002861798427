"""Calls between two processes through the hub, beside a relay between two forked Node processes.

The load is echoed. A round measures calls one after the other (only p50), then 64 at once: p50,
calls per second, and the processor time of a call, in all and in each of the three processes. Times
are microseconds; the last four columns are ratios to the relay. The hub has names, deadlines,
traces and limits switched on. All processes live through all rounds. The rounds are short and take
turns, so that other load disturbs all alike. A ratio is the median over the rounds.

`portweave` has no optional packages. In `portweave-uvloop` the two children run on uvloop, where it
is installed.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
ROLE = [sys.executable, str(HERE / "calls_role.py")]
# In the order of their process ids.
ROLES = ("ask", "hub", "answer")
NODE = "node"
IN_FLIGHT = 64
MEASURED = ("aloneUs", "p50Us", "perSecond")


class Contender:
    """Three processes that wait for rounds.

    Args:
        asker: The process that measures.
        pids: The caller, the hub or relay, and the answering process.
    """

    def __init__(self, asker: "subprocess.Popen[str]", pids: list[int]) -> None:
        assert asker.stdin is not None
        assert asker.stdout is not None
        self._stdin: IO[str] = asker.stdin
        self._stdout: IO[str] = asker.stdout
        self._pids = pids

    def measure(self, size: int, seconds: float) -> dict[str, float]:
        """Run one round: calls one after the other, then many at once."""
        alone = self._ask(1, size, seconds / 2)
        before = [_spent_s(pid) for pid in self._pids]
        found = self._ask(IN_FLIGHT, size, seconds)
        calls = found["perSecond"] * seconds
        for name, pid, at_first in zip(ROLES, self._pids, before, strict=True):
            found[name] = (_spent_s(pid) - at_first) * 1e6 / calls
        return {**found, "aloneUs": alone["p50Us"], "cpu": sum(found[name] for name in ROLES)}

    def _ask(self, width: int, size: int, seconds: float) -> dict[str, float]:
        self._stdin.write(f"{width} {size} {seconds}\n")
        self._stdin.flush()
        found: dict[str, float] = json.loads(self._stdout.readline())
        return found


def _spent_s(pid: int) -> float:
    """Return the processor time of all threads of a process in seconds; 0 where unknown."""
    spent_ns = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError):
            spent_ns += int(path.read_text().split()[0])
    return spent_ns / 1e9


@contextlib.contextmanager
def _started(argv: list[str]) -> "Generator[subprocess.Popen[str]]":
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def node() -> Generator[Contender]:
    """Start the relay."""
    with _started(["node", str(HERE / "fork_relay.js")]) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        try:
            yield Contender(parent, pids)
        finally:
            for pid in pids[::2]:
                os.kill(pid, 9)


@contextlib.contextmanager
def portweave(*, fast_loop: bool) -> Generator[Contender]:
    """Start the hub, and two processes that join it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        path = str(Path(folder, "hub"))
        started: dict[str, subprocess.Popen[str]] = {}
        for role in ("hub", "answer", "ask"):
            loop = ["uvloop"] if fast_loop and role != "hub" else []
            process = stack.enter_context(_started([*ROLE, role, path, *loop]))
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            started[role] = process
        yield Contender(started["ask"], [started[name].pid for name in ROLES])


def _table(found: dict[str, list[dict[str, float]]], size: int) -> None:
    for name, rounds in found.items():
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        spent = " + ".join(f"{middle[key]:.1f}" for key in ROLES)
        cells = [f"{middle[key]:.0f}" for key in MEASURED]
        cells += [f"{middle['cpu']:.1f} = {spent}"]
        for key in (*MEASURED, "cpu"):
            pairs = zip(rounds, found[NODE], strict=True)
            ratios = [one[key] / other[key] for one, other in pairs if other[key]]
            cells.append(f"{statistics.median(ratios):.2f}" if ratios else "-")
        print(f"| {size} B | {name} | {' | '.join(cells)} |", flush=True)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one contender's round")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 10_000], help="of the load")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        contenders = {
            NODE: stack.enter_context(node()),
            "portweave": stack.enter_context(portweave(fast_loop=False)),
        }
        if importlib.util.find_spec("uvloop"):
            contenders["portweave-uvloop"] = stack.enter_context(portweave(fast_loop=True))
        titles = ("p50 alone", "p50", "calls/s", "processor time")
        print(f"| load | contender | {' | '.join((*titles, *titles))} |")
        print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        names = list(contenders)
        for size in args.sizes:
            found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
            # The first round warms up, and does not count.
            for number in range(-1, args.rounds):
                # The order rotates.
                first = number % len(names)
                for name in names[first:] + names[:first]:
                    one = contenders[name].measure(size, args.seconds)
                    if number >= 0:
                        found[name].append(one)
            _table(found, size)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(HERE.parent))
    sys.exit(main())
