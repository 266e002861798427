"""Connect to a hub from any program: a service's own hub, a stack's, or one named by hand."""

import os
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, overload

from portweave.calls.connection import Connection
from portweave.calls.joining import NAME, SOCKET, TOKEN, join, join_blocking, join_bus
from portweave.calls.options import check_text
from portweave.errors import (
    ConfigError,
    HubUnreachable,
    NoStackError,
    StackUnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.calls.blocking import BlockingConnection
    from portweave.calls.bus_settings import BusSettings


@overload
def connect(
    socket: str | os.PathLike[str] | None = None,
    name: str | None = None,
    *,
    stack: str | None = None,
    sync: Literal[False] = False,
    **options: Any,
) -> AbstractAsyncContextManager[Connection]: ...


@overload
def connect(
    socket: str | os.PathLike[str] | None = None,
    name: str | None = None,
    *,
    stack: str | None = None,
    sync: Literal[True],
    **options: Any,
) -> "AbstractContextManager[BlockingConnection]": ...


def connect(
    socket: str | os.PathLike[str] | None = None,
    name: str | None = None,
    *,
    stack: str | None = None,
    sync: bool = False,
    **options: Any,
) -> """(
    AbstractAsyncContextManager[Connection] | AbstractContextManager[BlockingConnection]
)""":
    """Connect to a hub for as long as the context lasts.

    Without `socket` and `stack`, it is the hub of the stack or cluster that started this process.
    If none did, it is the bus that `PORTWEAVE_HUB` names, or else the hub of the worktree's stack
    around the working directory.

    Args:
        socket: Path of the hub's socket.
        name: A free name for addresses. A process that portweave started has its service's name by
            default, together with the service's other processes. Any other process has none, and
            only calls.
        stack: The stack, as `[PROJECT/]NAMESPACE`.
        sync: Whether to return a blocking connection: `with connect(sync=True) as connection:`.
        options: As in `Connection`.

    Raises:
        ConfigError: The name, an option or a variable cannot be used, or two hubs are named.
        HubUnreachable: There is no hub. If it does not listen, this is raised on entering.
        NameTaken: The name is not free; raised on entering.
        PortweaveError: The stack is ambiguous or unknown.
    """
    if socket is not None and stack is not None:
        raise ConfigError("connect takes a socket or a stack, not both")
    if stack is not None and not check_text(stack, "stack", "[PROJECT/]NAMESPACE"):
        raise ConfigError("stack must be [PROJECT/]NAMESPACE, not an empty text")
    joined = _joined(socket, name, stack, os.environ, options)
    return join_blocking(joined) if sync else joined


def _joined(
    socket: str | os.PathLike[str] | None,
    name: str | None,
    stack: str | None,
    environ: "Mapping[str, str]",
    options: dict[str, Any],
) -> AbstractAsyncContextManager[Connection]:
    """The hub or the bus that the arguments and the environment mean, to be entered."""
    found = _whereabouts(socket, name, stack, environ)
    if found is None and (settings := bus_of(environ)) is not None:
        return join_bus(settings, Connection(name or environ.get(NAME), **options))
    path, own_name, token = found or (_socket_of(stack, environ), name, None)
    return join(path, Connection(own_name, **options), token)


def bus_of(environ: "Mapping[str, str]") -> "BusSettings | None":
    """The bus that the environment names; None if it names none.

    Raises:
        ConfigError: A variable cannot be used.
    """
    if not environ.get("PORTWEAVE_HUB"):
        return None
    from portweave.calls.bus_settings import read_environment
    from portweave.system.machine_id import machine_id

    return read_environment(environ, machine_id())


def _whereabouts(
    socket: str | os.PathLike[str] | None,
    name: str | None,
    stack: str | None,
    environ: "Mapping[str, str]",
) -> tuple[str, str | None, str | None] | None:
    """Path of the hub's socket, this process's name there, and its token.

    None if neither an argument nor the environment names a hub.
    """
    if socket is not None:
        return os.fspath(socket), name, None
    path = environ.get(SOCKET)
    if stack is None and path:
        own_name, token = environ.get(NAME), environ.get(TOKEN)
        if own_name and name in (None, own_name):
            return path, own_name, token
        # `portweave run` passes the stack's socket, whether the stack runs or not.
        if own_name or os.path.exists(path):
            return path, name, None
    return None if stack is None else (_socket_of(stack, environ), name, None)


def _socket_of(stack: str | None, environ: "Mapping[str, str]") -> str:
    from portweave.client.client import (
        Client,
        stack_at,
    )

    try:
        record = stack_at(stack, os.path.realpath("."), environ)
        # A stack that has just begun may not listen yet; this waits for it.
        Client(record).close()
    except (NoStackError, StackUnreachableError) as error:
        raise HubUnreachable(
            f"no hub to join: {error.message}",
            hint=(
                "portweave up -d starts the stack of this worktree",
                "connect(stack='PROJECT/NAMESPACE') takes another stack, connect(socket) any hub",
            ),
        ) from None
    except UsageError as error:
        raise ConfigError(error.message, hint=error.hints) from None
    return record.socket
