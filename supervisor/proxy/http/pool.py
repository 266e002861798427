"""Connections to services: new ones, and idle ones for the next request."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from portweave.supervisor.proxy.http.backend import (
    Backend,
    NoStreamsError,
)

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.http2_backend import (
        BackendStream,
        BackendStreams,
    )

CONNECT_S = 10.0
# Shorter than the keep-alive time of servers (Node and uvicorn: 5 s).
IDLE_S = 4.0
MOST_IDLE_PER_PORT = 256
ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

_Protocol = TypeVar("_Protocol", bound=asyncio.BaseProtocol)


class Pool:
    """The idle connections to services.

    Attributes:
        only_streams: Ports whose services have answered HTTP/1.1 by HTTP/2.
    """

    def __init__(self) -> None:
        self.only_streams: set[int] = set()
        self._streams: dict[int, BackendStreams] = {}
        self._idle: dict[int, list[Backend]] = {}
        # The index of the loopback address that a service last listened on.
        self._family: dict[int, int] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return sum(map(len, self._idle.values())) + len(self._streams)

    def take(self, port: int) -> Backend | None:
        """Take an idle connection; None if there is none."""
        idle = self._idle.get(port)
        while idle:
            backend = idle.pop()
            if backend.is_open:
                return backend
        return None

    def put(self, backend: Backend) -> None:
        """Keep a connection for the next request."""
        idle = self._idle.setdefault(backend.port, [])
        if self._is_closed or len(idle) >= MOST_IDLE_PER_PORT:
            backend.close()
            return
        backend.idle_since_s = time.monotonic()
        idle.append(backend)

    def forget(self, backend: Backend) -> None:
        """Remove a connection that has ended."""
        idle = self._idle.get(backend.port)
        if idle and backend in idle:
            idle.remove(backend)

    def sweep(self, now_s: float) -> None:
        """Close connections that have been idle for too long."""
        for port, idle in list(self._idle.items()):
            old = [backend for backend in idle if now_s - backend.idle_since_s > IDLE_S]
            for backend in old:
                idle.remove(backend)
                backend.close()
            if not idle:
                del self._idle[port]
        for one in list(self._streams.values()):
            one.check_time(now_s)

    def close(self) -> None:
        """Close all idle connections."""
        self._is_closed = True
        for idle in self._idle.values():
            for backend in list(idle):
                backend.close()
        self._idle.clear()
        for one in list(self._streams.values()):
            one.abort()

    def take_stream(self, port: int) -> "BackendStream | None":
        """Open a stream on an existing connection; None if it has no room."""
        one = self._streams.get(port)
        return one.open_stream() if one is not None else None

    async def open_stream(self, port: int) -> "BackendStream":
        """Open a stream on a new HTTP/2 connection to a port of either loopback address.

        Raises:
            ModuleNotFoundError: The library for HTTP/2 is not installed.
            NoStreamsError: The service does not speak HTTP/2.
            OSError: As in `connect`.
        """
        # Imported here: most proxies never need it.
        from portweave.supervisor.proxy.http.http2_backend import BackendStreams

        one = await self._connect(port, lambda: BackendStreams(self._forget_streams))
        try:
            stream = await one.first_stream()
        except BaseException as error:
            one.abort()
            if isinstance(error, NoStreamsError):
                self.only_streams.discard(port)
            raise
        # New streams use the newest connection; an older one closes after its last stream.
        before = self._streams.get(port)
        self._streams[port] = one
        if before is not None:
            before.leave()
        return stream

    def _forget_streams(self, ended: "BackendStreams") -> None:
        self._streams = {port: one for port, one in self._streams.items() if one is not ended}

    async def connect(self, port: int) -> Backend:
        """Open a connection to a port of either loopback address.

        Raises:
            OSError: Nothing listens there, or the connection takes longer than ten seconds.
        """
        return await self._connect(port, lambda: Backend(port, self))

    async def _connect(self, port: int, make: "Callable[[], _Protocol]") -> "_Protocol":
        loop = asyncio.get_running_loop()
        first = self._family.get(port, 0)
        error: OSError | None = None
        for index in (first, 1 - first):
            family, address = ADDRESSES[index]
            try:
                connection = socket.socket(family, socket.SOCK_STREAM)
            except OSError as refusal:
                error = error or refusal
                continue
            connection.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.sock_connect(connection, (address, port))
                    _, backend = await loop.create_connection(make, sock=connection)
            except OSError as refusal:
                connection.close()
                error = error or refusal
                continue
            except BaseException:
                connection.close()
                raise
            self._family[port] = index
            return backend
        raise error or OSError("no address")
