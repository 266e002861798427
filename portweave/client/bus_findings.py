"""The findings of `portweave doctor` about the buses of running stacks."""

from collections.abc import Mapping

from portweave.client.bus_text import bus_line
from portweave.client.client import all_stacks
from portweave.client.lifetimes import ask_each
from portweave.encoding.json_text import is_object
from portweave.errors import BusUnreachable
from portweave.maintenance.findings import Finding


def check_buses(environ: Mapping[str, str]) -> list[Finding]:
    """Return a finding for each running stack whose bus is not connected."""
    found: list[Finding] = []
    for answer in ask_each(all_stacks(environ), "/supervisor/bus").values():
        bus = answer.get("bus")
        if is_object(bus) and not bus.get("connected"):
            stack = f"{answer.get('project')}/{answer.get('namespace')}"
            remedy = "start the NATS server, or correct its URL in the definition or PORTWEAVE_HUB"
            message = f"stack {stack}: {bus_line(bus)}"
            found.append(Finding(BusUnreachable.code, "warning", message, remedy))
    return found
