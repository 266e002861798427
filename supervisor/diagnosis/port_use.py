"""Find out how ports are used now: by a listener and its service, or by a connection."""

from collections.abc import Sequence

from portweave.allocator.ports.port_check import listeners
from portweave.supervisor.diagnosis.port_in_use import PortUse
from portweave.system.listeners import connected


def port_uses(ports: Sequence[int], root: str) -> list[PortUse]:
    """The use of each of these ports.

    Args:
        ports: The ports.
        root: The root of the worktree from whose view a holder is described.
    """
    held = listeners(ports)
    closing = connected([port for port in ports if port not in held])
    return [
        PortUse(port, held[port].seen_from(root), held[port].pid)
        if port in held
        else PortUse(port, is_passing=port in closing)
        for port in dict.fromkeys(ports)
    ]
