"""Join the star: find the hub, say hello, and leave again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from portweave.calls.connection import Connection
from portweave.calls.link import Link, open_link
from portweave.errors import HubUnreachable

if TYPE_CHECKING:
    from portweave.calls.blocking import BlockingConnection

SOCKET, NAME, TOKEN = "PORTWEAVE_SOCKET", "PORTWEAVE_NAME", "PORTWEAVE_TOKEN"


@contextlib.asynccontextmanager
async def join(path: str, connection: Connection, token: str | None) -> AsyncGenerator[Connection]:
    """Open a link for a connection, and say hello.

    Raises:
        HubUnreachable: Nobody listens at `path`.
        NameTaken: The name is not free.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            link = await stack.enter_async_context(_open_link(path, connection))
        except OSError as error:
            raise HubUnreachable(
                f"no hub listens at {path}: {error.strerror or error}",
                hint="it lives as long as the stack does",
            ) from error
        await connection.join(link, token)
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
    path: str, connection: Connection, token: str | None
) -> "Generator[BlockingConnection]":
    """The same for programs that block: the connection lives in a thread of its own."""
    from anyio.from_thread import start_blocking_portal

    from portweave.calls.blocking import BlockingConnection

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(join(path, connection, token)),
    ):
        yield BlockingConnection(connection, portal)
