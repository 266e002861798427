"""What is asked about names: by the proxy, and by who waits for them."""

import time
from typing import Protocol

from portweave.allocator.ports.port_check import listening_ports
from portweave.supervisor.control.wait_goals import (
    ANSWERING,
    describe,
    patience_s,
)
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.proxy.announce.announcer import Announcer
from portweave.supervisor.services.engine import Engine


class Host(Protocol):
    """The stack, as far as it is asked here."""

    @property
    def engine(self) -> Engine:
        """Its instances."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """What processes there are."""
        ...

    @property
    def announcer(self) -> Announcer | None:
        """Keeps its names registered; None where it has none."""
        ...


class NameQueries:
    """Answers them.

    Args:
        host: The stack.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    async def at(self, port: object) -> dict[str, object] | None:
        """What the proxy is to know of the instance whose port it is, and nobody answers on.

        `patienceS` is how long a request may wait, `ageS` how long the process has run, and
        `listens` names the other ports on which the instance does.
        """
        fleet = self._host.engine.fleet
        name = next((n for n, plan in fleet.plans.items() if plan.port == port), None)
        if name is None:
            return None
        life = fleet.lives[name]
        readiness = self._host.engine.services[name].readiness
        if readiness is not None:
            # A request by its name has failed.
            readiness.doubt()
        found = await self._listens(name) if life.phase in ANSWERING else []
        others = [other for other in found if other != port]
        again = fleet.pending_stops.get(name, False)
        return {
            "name": name,
            "state": str(life.phase),
            "text": describe(life, time.monotonic()),
            "patienceS": patience_s(life, again=again, elsewhere=bool(others)),
            "listens": others,
            "ageS": None if life.started_s is None else time.monotonic() - life.started_s,
        }

    async def _listens(self, name: str) -> list[int]:
        tree = self._host.engine.services[name].tree
        if tree is None:
            return []
        members = tree.members(await self._host.snapshots.take())
        return sorted(listening_ports([member.pid for member in members]))

    async def names(self) -> dict[str, object]:
        """What came of the names; the answer comes when that is settled."""
        announcer = self._host.announcer
        if announcer is None:
            return {"proxyPort": None, "warnings": []}
        while not announcer.settled.is_set():
            # What changes meanwhile is waited for, too.
            await announcer.settled.wait()
        found = announcer.announced
        return {"proxyPort": found.proxy_port, "warnings": list(found.warnings)}
