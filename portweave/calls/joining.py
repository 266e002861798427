"""Join the star: find the hub, say hello, and leave again."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any, Literal, overload

from portweave.calls.connection import Connection
from portweave.calls.link import Link, open_link
from portweave.errors import HubUnreachable

if TYPE_CHECKING:
    from portweave.calls.blocking import BlockingConnection

SOCKET, NAME, TOKEN = "PORTWEAVE_SOCKET", "PORTWEAVE_NAME", "PORTWEAVE_TOKEN"


@overload
def connect(
    socket: str | None = None,
    name: str | None = None,
    *,
    sync: Literal[False] = False,
    **options: Any,
) -> contextlib.AbstractAsyncContextManager[Connection]: ...


@overload
def connect(
    socket: str | None = None,
    name: str | None = None,
    *,
    sync: Literal[True],
    **options: Any,
) -> "contextlib.AbstractContextManager[BlockingConnection]": ...


def connect(
    socket: str | None = None,
    name: str | None = None,
    *,
    sync: bool = False,
    **options: Any,
) -> """(
    contextlib.AbstractAsyncContextManager[Connection]
    | contextlib.AbstractContextManager[BlockingConnection]
)""":
    """Join the hub for as long as a context lasts.

    Args:
        socket: Path of the hub's socket; by default that of the supervisor that started us.
        name: A free name of your own; by default the one that the supervisor has for us.
        sync: Whether to give a connection that blocks: `with connect(sync=True) as connection:`.
        options: As of `Connection`.

    Raises:
        HubUnreachable: When entered: there is no hub.
        NameTaken: When entered: the name is not free.
    """
    path, own_name, token = whereabouts(socket, name)
    if sync:
        return _blocking(path, own_name, token, options)
    return join(path, Connection(own_name, **options), token)


def whereabouts(socket: str | None, name: str | None) -> tuple[str, str | None, str | None]:
    """Where the hub is, and who we are.

    Raises:
        HubUnreachable: Nobody has told us where it is.
    """
    path = socket or os.environ.get(SOCKET)
    if not path:
        raise HubUnreachable(
            f"no hub to join: {SOCKET} is not set",
            hint="portweave sets it for each service that it starts; connect(socket, name) names"
            " the hub by hand",
        )
    if socket is None and name is None:
        return path, os.environ.get(NAME), os.environ.get(TOKEN)
    return path, name, None


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
def _blocking(
    path: str, name: str | None, token: str | None, options: dict[str, Any]
) -> "Generator[BlockingConnection]":
    from anyio.from_thread import start_blocking_portal

    from portweave.calls.blocking import BlockingConnection

    with start_blocking_portal() as portal:
        connection = Connection(name, **options)
        with portal.wrap_async_context_manager(join(path, connection, token)):
            yield BlockingConnection(connection, portal)
