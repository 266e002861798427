"""Which run of a service each process belongs to."""

import os
from collections.abc import Mapping

from portweave.supervisor.processes.process_tree import (
    Seen,
    Tribe,
)


def owners(
    tribes: Mapping[str, Tribe], processes: Mapping[int, Seen], *, zombies: bool = False
) -> dict[int, str]:
    """The tribe of each process that has one; one look at each, however many tribes.

    Args:
        tribes: Runs of instances, by name.
        processes: A snapshot.
        zombies: Whether those that have ended and are not reaped yet are meant too.
    """
    by_session = {session: name for name, tribe in tribes.items() for session in tribe.sessions}
    by_group = {group: name for name, tribe in tribes.items() for group in tribe.groups}
    found: dict[int, str | None] = {os.getpid(): None}
    for seen in processes.values():
        chain: list[int] = []
        owner: str | None = None
        at: Seen | None = seen
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
