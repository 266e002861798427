"""The state of instances, as answers of the control socket show it."""

import time

from portweave.supervisor.control.stack_host import Host
from portweave.supervisor.reporting.status_rows import (
    Clock,
    Usage,
    row,
)


class InstanceRows:
    """Makes a row of `ps --json` for an instance.

    Args:
        host: The stack.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._engine = host.engine

    def row(
        self, name: str, clock: Clock | None = None, usage: Usage | None = None
    ) -> dict[str, object]:
        """The row of an instance.

        Args:
            name: The instance.
            clock: The time of the answer; by default, now.
            usage: Processor time and memory of the instance, if measured.
        """
        fleet = self._engine.fleet
        plan = fleet.plans[name]
        url = self._host.url(plan)
        clock = clock or now()
        found = row(plan, fleet.lives[name], url, clock, usage, self.pending(name))
        service = self._engine.services.get(name)
        if service is not None and service.restart_due_s is not None:
            found["restartsAt"] = clock.stamp(service.restart_due_s)
        return found

    def rows(self, names: list[str]) -> list[object]:
        """The rows of instances, in the order of the plan."""
        return [self.row(name) for name in self._engine.fleet.plans if name in names]

    def pending(self, name: str) -> str:
        """Why an instance is not ready, by its last probe; empty if that is unknown."""
        service = self._engine.services.get(name)
        readiness = None if service is None else service.readiness
        return "" if readiness is None else readiness.pending


def now() -> Clock:
    """The time now."""
    return Clock(time.monotonic(), time.time())
