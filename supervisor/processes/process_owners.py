"""Find the run of a service that each process belongs to."""

import os
from collections.abc import Mapping

from portweave.supervisor.processes.process_tree import (
    ProcessInfo,
    ProcessTree,
)


def owners(
    trees: Mapping[str, ProcessTree], processes: Mapping[int, ProcessInfo], *, zombies: bool = False
) -> dict[int, str]:
    """The name of the run that each process belongs to, by pid. It looks at each process once.

    Args:
        trees: Runs of instances, by name.
        processes: A snapshot.
        zombies: Whether to include processes that have ended and are not reaped yet.
    """
    by_session = {session: name for name, tree in trees.items() for session in tree.sessions}
    by_group = {group: name for name, tree in trees.items() for group in tree.groups}
    found: dict[int, str | None] = {os.getpid(): None}
    for seen in processes.values():
        chain: list[int] = []
        owner: str | None = None
        at: ProcessInfo | None = seen
        while at is not None and at.pid not in found and at.pid not in chain:
            chain.append(at.pid)
            owner = by_session.get(at.session) or by_group.get(at.group)
            if owner is not None:
                break
            at = processes.get(at.parent)
        else:
            owner = None if at is None else found.get(at.pid)
        found.update(dict.fromkeys(chain, owner))
    return {
        pid: name
        for pid, name in found.items()
        if name is not None and (zombies or not processes[pid].zombie)
    }
