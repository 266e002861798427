"""Connect to a hub: find it, say hello, and disconnect at the end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from portweave.calls.connection import Connection
from portweave.calls.link import Link, open_link
from portweave.errors import ConfigError, HubUnreachable

if TYPE_CHECKING:
    from portweave.calls.blocking import BlockingConnection
    from portweave.calls.bus_settings import BusSettings

SOCKET, NAME, TOKEN = "PORTWEAVE_SOCKET", "PORTWEAVE_NAME", "PORTWEAVE_TOKEN"


@contextlib.asynccontextmanager
async def join(path: str, connection: Connection, token: str | None) -> AsyncGenerator[Connection]:
    """Connect to the hub at `path` for as long as the context lasts.

    Args:
        path: Path of the hub's socket.
        connection: The connection to use.
        token: What proves the right to the name; None if it needs no proof.

    Raises:
        HubUnreachable: No hub listens at `path`.
        NameTaken: The name is not free.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            link = await stack.enter_async_context(_open_link(path, connection))
        except OSError as error:
            raise HubUnreachable(
                f"no hub listens at {path}: {error.strerror or error}",
                hint="the hub ends with its stack",
            ) from error
        await connection.join(link, token)
        try:
            yield connection
        finally:
            await connection.close()


@contextlib.asynccontextmanager
async def join_bus(settings: "BusSettings", connection: Connection) -> AsyncGenerator[Connection]:
    """Join a bus for as long as the context lasts.

    Args:
        settings: The bus.
        connection: The connection to use. Its name is not proven.

    Raises:
        ConfigError: A setting cannot be used, or the program runs on trio.
        HubUnreachable: No bus answers, or it refuses.
    """
    from portweave.calls.bus_link import open_link

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigError("calls over a bus need asyncio; this program runs on trio") from None
    async with open_link(settings, connection) as link:
        await connection.join(link, None)
        try:
            yield connection
        finally:
            await connection.close()


def _open_link(path: str, connection: Connection) -> contextlib.AbstractAsyncContextManager[Link]:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # this is trio
        from portweave.calls import anyio_link

        return anyio_link.open_link(path, connection)
    return open_link(path, connection)


@contextlib.contextmanager
def join_blocking(
    joined: contextlib.AbstractAsyncContextManager[Connection],
) -> "Generator[BlockingConnection]":
    """Join for programs without an event loop: the connection has a thread of its own.

    Args:
        joined: From `join` or `join_bus`.
    """
    from anyio.from_thread import start_blocking_portal

    from portweave.calls.blocking import BlockingConnection

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(joined) as connection,
    ):
        yield BlockingConnection(connection, portal)
