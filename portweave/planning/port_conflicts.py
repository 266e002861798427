"""Ports that the user has chosen by variables: nobody else that lives is to have them."""

from portweave.errors import PortHeldError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.supervisor.services.plan import InstancePlan


def check_claims(
    instances: "Iterable[InstancePlan]",
    allocated: "Mapping[str, int]",
    stack: tuple[str, str],
    folder: str,
    stays: "Mapping[str, int] | None" = None,
) -> list[str]:
    """See that instances which are to start may have the ports that variables say.

    Args:
        instances: As they are planned.
        allocated: The worktree's own port of each.
        stack: Root and namespace of theirs.
        folder: Where the records of stacks lie.
        stays: The ports of those of them, and of others of the stack, that go on as they are.

    Returns:
        Warnings: which of these ports a process of somebody else listens on.

    Raises:
        PortHeldError: One is that of another live stack, or of another instance of this one.
    """
    from portweave.supervisor.registry.stack_records import live_stacks

    stays = stays or {}
    seen = {port: name for name, port in stays.items()}
    claimed: dict[int, str] = {}
    for instance in instances:
        port, name = instance.port, instance.name
        if port is None or name in stays:
            continue
        if port != allocated.get(name):
            claimed[port] = name
        holder = seen.get(port)
        if holder is not None and (port in claimed or allocated.get(holder) != port):
            raise PortHeldError(name, port, f"{holder} of this stack")
        seen[port] = name
    if not claimed:
        return []
    for other in live_stacks(folder):
        if (other.root, other.namespace) == stack:
            continue
        for holder, port in other.ports.items():
            if port in claimed:
                where = f"the live stack {other.project}/{other.namespace} ({other.root})"
                raise PortHeldError(claimed[port], port, f"{holder} of {where}")
    return _strangers(claimed, stack[0])


def _strangers(claimed: "Mapping[int, str]", root: str) -> list[str]:
    from portweave.system.listeners import listening

    busy = listening(list(claimed))
    if not busy:
        return []
    from portweave.allocator.ports.port_check import listeners

    return [
        f"warning: port {port}, which a variable chose for {claimed[port]}, is held by {holder},"
        " which does not belong to this worktree"
        for port, holder in listeners(busy).items()
        if not holder.belongs_to(root)
    ]
