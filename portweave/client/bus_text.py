"""Pure. What a stack tells of its bus, in words."""

from portweave.encoding.json_text import is_list
from portweave.errors import BusUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def bus_line(bus: "Mapping[str, object]") -> str:
    """One line about a bus.

    Args:
        bus: `bus` of `ps --json`.
    """
    if not bus.get("connected"):
        return f"{bus.get('problem')} ({BusUnreachable.code}); calls over the bus wait"
    found = bus.get("exported")
    exported = [str(name) for name in found] if is_list(found) else []
    services = [name for name in exported if "." not in name]
    shown = f"it exports {', '.join(services)}" if services else "it exports no service"
    return f"bus {bus.get('url')} is connected as {bus.get('address')}; {shown}"
