"""Observe when starting services become idle: four samples a second for all of a stack.

Without a waiting service nothing is sampled.
"""

import asyncio
import os
import time
from contextlib import suppress

from portweave.supervisor.processes.process_owners import owners
from portweave.supervisor.processes.process_tree import ProcessTree
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.services.idleness_rules import (
    LOOK_S,
    Sample,
    is_idle,
    with_sample,
)
from portweave.system.processes import (
    HAS_PROC,
    read_bytes,
)

_NANOSECONDS = 1e9
# Running or runnable, and waiting for a disk: proc(5).
_BUSY = frozenset({b"R", b"D"})


class _Waiting:
    def __init__(self, tree: ProcessTree, began_s: float) -> None:
        self.tree = tree
        self.samples: tuple[Sample, ...] = (Sample(began_s),)
        self.idle = asyncio.Event()


class IdleWatch:
    """Observes when services become idle after their start.

    Args:
        snapshots: Lists processes.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._waiting: dict[str, _Waiting] = {}
        self._added = asyncio.Event()
        self._newest_s = 0.0

    async def wait_until_idle(self, name: str, tree: ProcessTree, began_s: float) -> None:
        """Wait until a run is idle.

        Args:
            name: The instance.
            tree: The processes of the run.
            began_s: When the run began.
        """
        waiting = self._waiting[name] = _Waiting(tree, began_s)
        self._newest_s = time.monotonic()
        self._added.set()
        try:
            await waiting.idle.wait()
        finally:
            if self._waiting.get(name) is waiting:
                del self._waiting[name]

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            self._added = asyncio.Event()
            if not self._waiting:
                await self._added.wait()
                await self._wait_for_starts()
            else:
                await asyncio.sleep(LOOK_S)
            if self._waiting:
                with suppress(OSError):  # for example no free descriptor
                    await self._look()

    async def _wait_for_starts(self) -> None:
        """Wait before the first sample, until all services that start together have started."""
        latest_s = time.monotonic() + LOOK_S
        at_s = self._newest_s + LOOK_S
        while (left_s := at_s - time.monotonic()) > 0:
            await asyncio.sleep(left_s)
            at_s = min(self._newest_s + LOOK_S, latest_s + LOOK_S)

    async def _look(self) -> None:
        trees = {name: waiting.tree for name, waiting in self._waiting.items()}
        found = owners(trees, await self._snapshots.take(), zombies=True)
        pids: dict[str, list[int]] = {name: [] for name in trees}
        for pid, name in found.items():
            pids[name].append(pid)
        for name, waiting in list(self._waiting.items()):
            if trees.get(name) is waiting.tree:
                waiting.samples = with_sample(waiting.samples, _sample(pids[name]))
                if is_idle(waiting.samples):
                    waiting.idle.set()


def _sample(pids: list[int]) -> Sample:
    if not HAS_PROC:
        return _sample_by_psutil(pids)
    ticks, is_busy = 0, False
    waited_s: dict[int, float] = {}
    for pid in pids:
        # proc(5): the name, in parentheses, may hold anything.
        fields = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if fields:
            ticks += sum(int(field) for field in fields[11:15])
            is_busy = is_busy or fields[0] in _BUSY
            waited_s |= _waits(pid)
    return Sample(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), waited_s, is_busy)


def _waits(pid: int) -> dict[int, float]:
    """How long each thread of a process has waited for a processor (proc(5), schedstat)."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:  # it has ended meanwhile
        return {}
    found: dict[int, float] = {}
    for thread in threads:
        fields = read_bytes(f"/proc/{pid}/task/{thread}/schedstat").split()
        if len(fields) > 1:
            found[int(thread)] = int(fields[1]) / _NANOSECONDS
    return found


def _sample_by_psutil(pids: list[int]) -> Sample:
    import psutil

    cpu_s = 0.0
    for pid in pids:
        try:
            cpu_s += sum(psutil.Process(pid).cpu_times()[:4])
        except psutil.Error:
            continue
    return Sample(time.monotonic(), cpu_s)
