"""A connection's link to a bus: its lines become messages, and messages become lines."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from portweave.calls.bus_member import BusMember
from portweave.calls.bus_settings import BusSettings
from portweave.calls.connection import Connection
from portweave.calls.link import AsyncioTasks
from portweave.calls.nats_session import NatsSession
from portweave.errors import BadPath, ConfigError


class BusLink(AsyncioTasks):
    """The link of one connection.

    Args:
        settings: The bus.
        owner: Gets lines. Others call it by its name.
    """

    def __init__(self, settings: BusSettings, owner: Connection) -> None:
        super().__init__()
        self._owner = owner
        self._member = BusMember(os.urandom(11).hex(), settings.place, env=settings.env)
        self.session = NatsSession(settings, self._member, self._deliver)
        self._end = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether much waits to be sent."""
        return self.session.is_full

    def write(self, line: bytes, *, now: bool = False) -> None:
        """Send a line as a message."""
        if self._member.take_line(line, self._loop.time()):
            self._serve()
        self.session.work_off()

    def _serve(self) -> None:
        name = self._owner.name
        if name is not None:
            self.start(self._subscribe(name))

    async def _subscribe(self, name: str) -> None:
        await self.in_task()
        await self.session.serve((name,))

    def _deliver(self, lines: list[bytes]) -> None:
        self._owner.take(b"".join(lines))

    async def drain(self) -> None:
        """Wait until less waits to be sent."""
        await self.session.drain()

    async def closed(self) -> None:
        """Wait until the link is closed. A lost bus is joined again."""
        await self._end.wait()

    async def close(self) -> None:
        """Cancel all tasks, wait for them, and leave the bus."""
        await self.end_tasks()
        await self.session.close()
        self._end.set()


@asynccontextmanager
async def open_link(settings: BusSettings, connection: Connection) -> AsyncGenerator[BusLink]:
    """Join a bus.

    Args:
        settings: The bus.
        connection: Gets lines. Others call it by its name.

    Raises:
        ConfigError: A setting or the name cannot be used.
        HubUnreachable: No bus answers, or it refuses.
    """
    if connection.name is not None:
        try:
            settings.place.subject(connection.name)
        except BadPath as error:
            raise ConfigError(error.message) from None
    link = BusLink(settings, connection)
    await link.session.connect()
    link.session.keep()
    try:
        yield link
    finally:
        await link.close()
