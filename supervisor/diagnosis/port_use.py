"""What has a port now: a listener, with the service that it is of, or a connection."""

from collections.abc import Sequence

from portweave.allocator.ports.port_check import listeners
from portweave.supervisor.diagnosis.port_in_use import PortUse
from portweave.system.listeners import connected


def port_uses(ports: Sequence[int], root: str) -> list[PortUse]:
    """What has each of these ports.

    Args:
        ports: The ports.
        root: Of the worktree that asks.
    """
    held = listeners(ports)
    closing = connected([port for port in ports if port not in held])
    return [
        PortUse(port, held[port].seen_from(root), held[port].pid)
        if port in held
        else PortUse(port, is_passing=port in closing)
        for port in dict.fromkeys(ports)
    ]
