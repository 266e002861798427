"""A listener for TLS and plain HTTP on one port; the first byte tells them apart.

A TLS connection begins with a handshake record (byte 22; RFC 8446, section 5.1). No HTTP method
begins with that byte. Before it arrives, a connection costs no more than a plain one. Within TLS,
ALPN (RFC 7301) chooses HTTP/2 or HTTP/1.1.
"""

import asyncio
import time
from asyncio.sslproto import SSLProtocol
from typing import TYPE_CHECKING, cast

from portweave.supervisor.proxy.http.frontend import Client
from portweave.supervisor.proxy.http.http2_connection import Streams
from portweave.system.fast_loop import shared_buffer

if TYPE_CHECKING:
    import ssl

    from portweave.supervisor.proxy.http.frontend import ConnectionSet

_HANDSHAKE = 22
# Seconds for the first byte to arrive, and for the handshake.
SILENT_S = 30.0
HANDSHAKE_S = 10
# A TLS connection costs fifty times a plain one; a browser opens one for each host.
MOST_SECURE = 1000


class ProxyListener:
    """Makes the protocol of each new connection.

    Args:
        connections: The set of connected clients.
        context: The TLS context for clients of this user.
        common: The context for other users: a certificate of its own would reveal a route's name.
    """

    def __init__(
        self, connections: "ConnectionSet", context: "ssl.SSLContext", common: "ssl.SSLContext"
    ) -> None:
        self.connections = connections
        self.context = context
        self.common = common
        self._tls_connections: set[Handshake] = set()

    def greet(self) -> "ProtocolSniffer":
        """Return the protocol of a new connection."""
        return ProtocolSniffer(self)

    def add(self, handshake: "Handshake") -> bool:
        """Add a TLS connection; return False if too many are busy.

        At the limit, the connection with the longest idle time is closed.
        """
        if len(self._tls_connections) >= MOST_SECURE:
            idle = [one for one in self._tls_connections if one.is_idle]
            if not idle:
                return False
            oldest = min(idle, key=lambda one: one.since_s)
            self._tls_connections.discard(oldest)
            oldest.abort()
        self._tls_connections.add(handshake)
        return True

    def remove(self, handshake: "Handshake") -> None:
        """Remove a TLS connection that has ended."""
        self._tls_connections.discard(handshake)


class ProtocolSniffer(asyncio.BufferedProtocol):
    """A connection before its first byte."""

    __slots__ = ("_buffer", "_is_stranger", "_listener", "_since_s", "_transport")

    def __init__(self, listener: ProxyListener) -> None:
        self._buffer = shared_buffer()
        self._listener = listener
        self._since_s = 0.0
        self._is_stranger = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        # Not every loop's transport derives from it.
        self._transport = cast("asyncio.Transport", transport)
        self._since_s = time.monotonic()
        self._is_stranger = self._listener.connections.is_stranger(transport)
        self._listener.connections.enter(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer for received bytes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Choose the protocol by the first byte, and hand the bytes to it."""
        transport, self._transport = self._transport, None
        if transport is None or transport.is_closing():
            return
        self._listener.connections.leave(self)
        if self._buffer[0] != _HANDSHAKE:
            client = Client(self._listener.connections, is_stranger=self._is_stranger)
            transport.set_protocol(client)
            client.connection_made(transport)
            client.buffer_updated(nbytes)
            return
        handshake = Handshake(self._listener, is_stranger=self._is_stranger)
        if not self._listener.add(handshake):
            transport.abort()
            return
        transport.set_protocol(handshake)
        handshake.connection_made(transport)
        # The handshake's own buffer is smaller.
        data = bytes(self._buffer[:nbytes])
        while data and not transport.is_closing():
            room = handshake.get_buffer(len(data))
            size = min(len(room), len(data))
            room[:size], data = data[:size], data[size:]
            handshake.buffer_updated(size)

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        if self._transport is not None:
            self._listener.connections.leave(self)

    def check_time(self, now_s: float) -> None:
        """Close the connection after a timeout."""
        if now_s - self._since_s > SILENT_S:
            self.abort()

    def finish_up(self) -> None:
        """Take no further request."""
        self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()


class Handshake(SSLProtocol):
    """TLS on a connection, and the protocol within.

    Attributes:
        max_size: The size of its buffer in bytes. asyncio's default of 256 KiB would take a
            gigabyte for a few thousand connections.
    """

    max_size = 1 << 14

    def __init__(self, listener: ProxyListener, *, is_stranger: bool) -> None:
        self._selector = _AlpnSelector(listener.connections, is_stranger=is_stranger)
        super().__init__(
            asyncio.get_running_loop(),
            self._selector,
            listener.common if is_stranger else listener.context,
            None,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_S,
        )
        self._listener = listener
        self._began_s = time.monotonic()
        self._raw: asyncio.Transport | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        chosen = self._selector.chosen
        return chosen is None or chosen.is_idle

    @property
    def since_s(self) -> float:
        """When it became idle, in seconds of the monotonic clock."""
        chosen = self._selector.chosen
        return self._began_s if chosen is None else chosen.since_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the TLS handshake."""
        self._raw = cast("asyncio.Transport", transport)
        self._listener.connections.enter(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Handle the end of the connection."""
        self._raw = None
        self._listener.connections.leave(self)
        self._listener.remove(self)
        super().connection_lost(exc)

    def check_time(self, now_s: float) -> None:
        """Do nothing: the handshake has its own time limit."""

    def finish_up(self) -> None:
        """Accept no further request; after the handshake, the inner protocol does so itself."""
        if self._selector.chosen is None:
            self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._raw is not None:
            self._raw.abort()


class _AlpnSelector(asyncio.Protocol):
    """Installs the protocol that ALPN chose, once TLS is ready."""

    def __init__(self, connections: "ConnectionSet", *, is_stranger: bool) -> None:
        self._connections = connections
        self._is_stranger = is_stranger
        self.chosen: Client | Streams | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is ready."""
        transport = cast("asyncio.Transport", transport)
        connection: ssl.SSLObject = transport.get_extra_info("ssl_object")
        is_second = connection.selected_alpn_protocol() == "h2"
        kind = Streams if is_second else Client
        self.chosen = chosen = kind(self._connections, is_stranger=self._is_stranger)
        transport.set_protocol(chosen)
        chosen.connection_made(transport)
