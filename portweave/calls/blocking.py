"""A connection for programs without an event loop: it runs in a thread of its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

from anyio.from_thread import BlockingPortal

from portweave.calls.connection import UNSET, Connection
from portweave.errors import RemoteError


class BlockingConnection:
    """The result of `connect(sync=True)`.

    Args:
        connection: The connection.
        portal: Runs calls in the connection's thread.

    Attributes:
        connection: The connection, to declare routes. They run in its thread.
    """

    def __init__(self, connection: Connection, portal: BlockingPortal) -> None:
        self.connection = connection
        self._portal = portal

    @property
    def name(self) -> str | None:
        """The name that addresses use; None if the connection only calls."""
        return self.connection.name

    def get(self, name: str, default: object = None) -> Any:
        """As `Connection.get`."""
        return self.connection.get(name, default)

    def request(
        self,
        path: str,
        *load: object,
        to: str | None = None,
        timeout: Any = UNSET,
        trace: str | None = None,
    ) -> Any:
        """As `Connection.request`."""
        ask = self.connection.request
        return self._portal.call(partial(ask, path, *load, to=to, timeout=timeout, trace=trace))

    def request_many(
        self,
        path: str,
        *load: object,
        to: str | None = None,
        timeout: Any = UNSET,
        trace: str | None = None,
    ) -> tuple[Any, ...]:
        """As `Connection.request_many`."""
        ask = self.connection.request_many
        call = partial(ask, path, *load, to=to, timeout=timeout, trace=trace)
        found: tuple[Any, ...] = self._portal.call(call)
        return found

    def notify(
        self, path: str, *load: object, to: str | None = None, trace: str | None = None
    ) -> None:
        """As `Connection.notify`."""
        self._portal.call(partial(self.connection.notify, path, *load, to=to, trace=trace))

    def map_error(self, name: str, make: Callable[[RemoteError], Exception]) -> None:
        """As `Connection.map_error`."""
        self.connection.map_error(name, make)

    def ready(self) -> None:
        """As `Connection.ready`: call it once all routes of `connection` are declared."""
        self._portal.call(self.connection.ready)

    def serve(self) -> None:
        """As `Connection.serve`: returns when the hub has gone."""
        self._portal.call(self.connection.serve)
