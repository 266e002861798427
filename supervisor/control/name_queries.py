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
from portweave.supervisor.reporting.crash_loop import reason_of
from portweave.supervisor.reporting.redact import hide_printed

# How many lines to look through for one with text, and where to cut it.
_LAST_LINES = 10
_LONGEST_LINE = 500


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
        `listens` lists the other ports that the instance listens on. `sinceS` is how long the
        instance has been in its state. `text`, `reason` and `lastLine` have no secrets.
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
        now_s = time.monotonic()
        pending = "" if readiness is None else readiness.pending
        since_s = self._host.reporter.since_s.get(name)
        return [
            {
                "name": name,
                "state": str(life.phase),
                "text": self._without_secrets(name, describe(life, now_s)),
                "reason": self._without_secrets(name, reason_of(life, now_s, pending)) or None,
                "sinceS": None if since_s is None else now_s - since_s,
                "lastLine": self._last_line(name),
                "patienceS": wait_limit_s(life, again=again, elsewhere=bool(others)),
                "listens": others,
                "ageS": None if life.started_s is None else now_s - life.started_s,
            }
        ]

    async def states(self, _params: list[object], _stream: Stream) -> list[object]:
        """The state of each instance with a port, for the proxy's index; it measures nothing."""
        fleet, now_s = self._host.engine.fleet, time.monotonic()
        since_s = self._host.reporter.since_s
        return [
            [
                {
                    "name": name,
                    "port": plan.port,
                    "state": str(fleet.lives[name].phase),
                    "sinceS": now_s - since_s[name] if name in since_s else None,
                }
                for name, plan in fleet.plans.items()
                if plan.port is not None
            ]
        ]

    def _last_line(self, name: str) -> str | None:
        """The last line with text that an instance printed in this run or the last one."""
        lines = self._host.engine.services[name].last_lines.lines(_LAST_LINES)
        line = next((line for line in reversed(lines) if line.strip()), "")
        # Cut last: a part of a secret would not be recognised.
        return self._without_secrets(name, line)[:_LONGEST_LINE] or None

    def _without_secrets(self, name: str, text: str) -> str:
        service = self._host.engine.services[name]
        environment = {**service.plan.environment, "PORTWEAVE_TOKEN": service.token}
        return hide_printed(text, environment)

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
