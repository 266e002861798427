"""The control commands about names: questions of the proxy, and of clients that wait for names."""

import time

from portweave.allocator.ports.port_check import listening_ports
from portweave.supervisor.control.server import Stream
from portweave.supervisor.control.stack_host import Host
from portweave.supervisor.control.wait_goals import (
    ANSWERING,
    describe,
    wait_limit_s,
)


class NameQueries:
    """Answers questions about names.

    Args:
        host: The stack.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    async def at(self, params: list[object], _stream: Stream) -> list[object]:
        """The state of the instance that has a port. The proxy asks when the port does not answer.

        `patienceS` is how long a request may wait. `ageS` is how long the process has run.
        `listens` lists the other ports that the instance listens on.
        """
        port = params[0] if params else None
        fleet = self._host.engine.fleet
        name = next((n for n, plan in fleet.plans.items() if plan.port == port), None)
        if name is None:
            return [None]
        life = fleet.lives[name]
        readiness = self._host.engine.services[name].readiness
        if readiness is not None:
            # A request by name has failed.
            readiness.probe_soon()
        found = await self._listens(name) if life.phase in ANSWERING else []
        others = [other for other in found if other != port]
        again = fleet.pending_stops.get(name, False)
        return [
            {
                "name": name,
                "state": str(life.phase),
                "text": describe(life, time.monotonic()),
                "patienceS": wait_limit_s(life, again=again, elsewhere=bool(others)),
                "listens": others,
                "ageS": None if life.started_s is None else time.monotonic() - life.started_s,
            }
        ]

    async def _listens(self, name: str) -> list[int]:
        tree = self._host.engine.services[name].tree
        if tree is None:
            return []
        members = tree.members(await self._host.snapshots.take())
        return sorted(listening_ports([member.pid for member in members]))

    async def names(self, _params: list[object], _stream: Stream) -> list[object]:
        """Whether the names are registered; the answer comes when that is settled."""
        announcer = self._host.announcer
        if announcer is None:
            return [{"proxyPort": None, "warnings": []}]
        while not announcer.settled.is_set():
            # A change in the meantime clears the event.
            await announcer.settled.wait()
        found = announcer.announced
        return [{"proxyPort": found.proxy_port, "warnings": list(found.warnings)}]
