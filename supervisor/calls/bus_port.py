"""Where the hub of a stack meets a bus: calls from there to exported services, and from here."""

import asyncio
import os
from collections.abc import Callable, Iterable

from portweave.calls.bus_member import BusMember
from portweave.calls.bus_settings import BusSettings
from portweave.calls.nats_session import NatsSession
from portweave.supervisor.calls.hub import Hub
from portweave.supervisor.calls.names import SUPERVISOR


class BusPort:
    """A hub's connection to a bus.

    Args:
        hub: The hub.
        settings: The bus.
        on_state: Called when `problem` has changed.
    """

    def __init__(self, hub: Hub, settings: BusSettings, on_state: Callable[[], None]) -> None:
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._member = BusMember(
            os.urandom(11).hex(), settings.place, name_calls=True, env=settings.env
        )
        self._session = NatsSession(settings, self._member, hub.feed_bus)
        self._exported: frozenset[str] = frozenset()
        self._subscribing: set[asyncio.Task[None]] = set()
        hub.join_bus(self)
        self._session.keep(on_state)

    @property
    def problem(self) -> str:
        """Why the bus is not connected, in words; empty while it is."""
        return self._session.problem

    @property
    def exported(self) -> list[str]:
        """The services and instances that are called from the bus."""
        return sorted(self._exported)

    def export(self, names: Iterable[str]) -> None:
        """Take calls from the bus for these services and instances, and for no others."""
        exported = frozenset(names) - {SUPERVISOR}
        if exported != self._exported:
            self._exported = exported
            task = self._loop.create_task(self._session.serve(tuple(sorted(exported))))
            self._subscribing.add(task)
            task.add_done_callback(self._subscribing.discard)

    async def close(self) -> None:
        """Leave the bus."""
        for task in list(self._subscribing):
            task.cancel()
        await self._session.close()

    # For the hub.

    def write(self, data: bytes) -> None:
        """Send lines of the hub as messages."""
        now_s = self._loop.time()
        for line in data.split(b"\n")[:-1]:
            self._member.take_line(line, now_s)
        self._session.work_off()

    def close_when_written(self) -> None:
        """Do nothing: the hub's lines never end this connection."""

    def abort(self) -> None:
        """Do nothing: `close` leaves the bus."""
