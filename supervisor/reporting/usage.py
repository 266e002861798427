"""Measure the processor time and memory of services."""

import os
from collections.abc import Mapping

from portweave.supervisor.processes.process_owners import owners
from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    ProcessTree,
)
from portweave.supervisor.reporting.status_rows import Usage
from portweave.system.processes import (
    HAS_PROC,
    read_bytes,
)


def measure(
    trees: Mapping[str, ProcessTree], processes: Mapping[int, ProcessInfo]
) -> dict[str, Usage]:
    """The usage of each instance, by name.

    Args:
        trees: The processes of instances, by name.
        processes: A snapshot of all processes.
    """
    found = dict.fromkeys(trees, Usage())
    for pid, name in owners(trees, processes).items():
        cpu_s, rss_bytes = _usage_of(pid)
        before = found[name]
        found[name] = Usage(before.cpu_s + cpu_s, before.rss_bytes + rss_bytes)
    return found


def _usage_of(pid: int) -> tuple[float, int]:
    """Processor time in seconds, with reaped children, and resident memory in bytes."""
    if not HAS_PROC:
        return _usage_by_psutil(pid)
    # proc(5): the name, in parentheses, may hold anything.
    fields = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if not fields:
        return 0.0, 0
    ticks = sum(int(field) for field in fields[11:15])
    pages = int(fields[21])
    if fields[0] == b"Z" and int(fields[17]) > 1:
        # Its first thread has ended, and `stat` shows the memory of that thread only.
        pages = _pages_of_threads(pid)
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")


def _pages_of_threads(pid: int) -> int:
    """Resident pages of a process, by its threads that have not ended."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:  # the process has ended meanwhile
        return 0
    stats = [read_bytes(f"/proc/{pid}/task/{thread}/stat") for thread in threads]
    return max((int(text.rpartition(b")")[2].split()[21]) for text in stats if text), default=0)


def _usage_by_psutil(pid: int) -> tuple[float, int]:
    import psutil

    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except psutil.Error:
        return 0.0, 0
