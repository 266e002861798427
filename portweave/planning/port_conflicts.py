"""Check that ports which variables choose are not in use elsewhere."""

from portweave import errors

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.supervisor.services.plan import InstancePlan


def check_chosen_ports(
    instances: "Iterable[InstancePlan]",
    allocated: "Mapping[str, int]",
    stack: tuple[str, str],
    folder: str,
    kept: "Mapping[str, int] | None" = None,
) -> list[str]:
    """Check the ports that variables choose for instances.

    Args:
        instances: The planned instances.
        allocated: The port that the worktree has for each instance.
        stack: Root and namespace of the stack.
        folder: The folder of stack records.
        kept: Ports of instances of the stack that continue as they are.

    Returns:
        A warning for each of these ports on which a process outside the worktree listens.

    Raises:
        PortHeldError: Another live stack, or another instance of this stack, has one of the ports.
    """
    from portweave.supervisor.registry.stack_records import live_stacks

    kept = kept or {}
    seen = {port: name for name, port in kept.items()}
    chosen: dict[int, str] = {}
    for instance in instances:
        port, name = instance.port, instance.name
        if port is None or name in kept:
            continue
        if port != allocated.get(name):
            chosen[port] = name
        holder = seen.get(port)
        if holder is not None and (port in chosen or allocated.get(holder) != port):
            raise errors.PortHeldError(name, port, f"{holder} of this stack")
        seen[port] = name
    if not chosen:
        return []
    for other in live_stacks(folder):
        if (other.root, other.namespace) == stack:
            continue
        for holder, port in other.ports.items():
            if port in chosen:
                where = f"the live stack {other.project}/{other.namespace} ({other.root})"
                raise errors.PortHeldError(chosen[port], port, f"{holder} of {where}")
    return _other_listeners(chosen, stack[0])


def _other_listeners(chosen: "Mapping[int, str]", root: str) -> list[str]:
    from portweave.system.listeners import listening

    busy = listening(list(chosen))
    if not busy:
        return []
    from portweave.allocator.ports.port_check import listeners

    return [
        f"warning: port {port}, which a variable chose for {chosen[port]}, is held by {holder},"
        " which does not belong to this worktree"
        for port, holder in listeners(busy).items()
        if not holder.belongs_to(root)
    ]
