"""What has a port now: a listener, with the service that it is of, or a connection."""

from collections.abc import Sequence

from portweave.allocator.listeners import connected
from portweave.allocator.model import Holder
from portweave.allocator.probe import listeners
from portweave.allocator.processes import variable_of
from portweave.supervisor.core.port_in_use import PortUse


def port_uses(ports: Sequence[int], root: str) -> list[PortUse]:
    """What has each of these ports.

    Args:
        ports: The ports.
        root: Of the worktree that asks.
    """
    held = listeners(ports)
    closing = connected([port for port in ports if port not in held])
    return [
        PortUse(port, holder_words(held[port], root), held[port].pid)
        if port in held
        else PortUse(port, is_passing=port in closing)
        for port in dict.fromkeys(ports)
    ]


def holder_words(holder: Holder, root: str) -> str:
    """A listener in words: the service that it is of, and its process.

    Args:
        holder: It.
        root: Of the worktree that asks.
    """
    if holder.pid is None or not holder.worktree:
        return str(holder)
    service = variable_of(holder.pid, "PORTWEAVE_SERVICE") or "a process"
    where = "this stack" if holder.worktree == root else f"the worktree {holder.worktree}"
    return f"{service} of {where}, {holder}"
