"""What the processes of services use: processor time and memory."""

import os
from collections.abc import Mapping

from portweave.allocator.processes import HAS_PROC, read_bytes
from portweave.supervisor.core.status import Usage
from portweave.supervisor.tribe import Seen, Tribe


def measure(tribes: Mapping[str, Tribe], processes: Mapping[int, Seen]) -> dict[str, Usage]:
    """What each tribe uses, by its name.

    Args:
        tribes: Runs of instances, by name.
        processes: A snapshot.
    """
    owners = _owners(tribes, processes)
    found = dict.fromkeys(tribes, Usage())
    for pid, name in owners.items():
        cpu_s, rss_bytes = _usage_of(pid)
        before = found[name]
        found[name] = Usage(before.cpu_s + cpu_s, before.rss_bytes + rss_bytes)
    return found


def _owners(tribes: Mapping[str, Tribe], processes: Mapping[int, Seen]) -> dict[int, str]:
    """The tribe of each living process that has one; one look at each, however many tribes."""
    by_session = {session: name for name, tribe in tribes.items() for session in tribe.sessions}
    by_group = {group: name for name, tribe in tribes.items() for group in tribe.groups}
    owners: dict[int, str | None] = {os.getpid(): None}
    for seen in processes.values():
        chain: list[int] = []
        owner: str | None = None
        at: Seen | None = seen
        while at is not None and at.pid not in owners and at.pid not in chain:
            chain.append(at.pid)
            owner = by_session.get(at.session) or by_group.get(at.group)
            if owner is not None:
                break
            at = processes.get(at.parent)
        else:
            owner = None if at is None else owners.get(at.pid)
        owners.update(dict.fromkeys(chain, owner))
    return {
        pid: name for pid, name in owners.items() if name is not None and not processes[pid].zombie
    }


def _usage_of(pid: int) -> tuple[float, int]:
    """Processor time in seconds, that of reaped children included, and resident bytes."""
    if not HAS_PROC:
        return _usage_by_psutil(pid)
    # proc(5): the name, in parentheses, may hold anything.
    fields = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if not fields:
        return 0.0, 0
    ticks = sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def _usage_by_psutil(pid: int) -> tuple[float, int]:
    import psutil

    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except psutil.Error:
        return 0.0, 0
