"""The client's side of HTTP/1.1: a connection and its requests, one after the other.

A request is passed on as soon as its head is complete, and an answer as soon as it begins. Bodies
are passed on as they arrive; a slow reader makes the sender wait. Pipelined requests are kept until
their turn.
"""

import asyncio
import time
from abc import abstractmethod
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from portweave.supervisor.proxy.http.exchange import Exchange
from portweave.supervisor.proxy.http.http1_heads import (
    From,
    Refusal,
    Request,
)
from portweave.supervisor.proxy.http.http1_parser import (
    RequestError,
    RequestParser,
)
from portweave.supervisor.proxy.http.request_start import (
    goaway,
    is_preface,
)
from portweave.system.fast_loop import InlineConnection
from portweave.system.peer_credentials import is_own

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.exchange import Upstreams
    from portweave.supervisor.proxy.http.http1_heads import Fields
    from portweave.supervisor.proxy.http.pages.page import Page

# Timeouts in seconds: for a head to arrive, between two requests, and for a refused client to stop
# sending.
HEAD_S = 30.0
IDLE_S = 120.0
LINGER_S = 3.0
NO_HTTP_2 = "this proxy speaks HTTP/2 once it has the library for it: pip install 'portweave[tls]'"


class Phase(Enum):
    """How a client's bytes are read."""

    REQUESTS = "requests"
    TUNNEL = "tunnel"
    LINGERING = "lingering"


class ClientConnection(Protocol):
    """A client's connection, as the server sees it."""

    def check_time(self, now_s: float) -> None:
        """Close the connection after a timeout."""

    def finish_up(self) -> None:
        """Take no further request."""

    def abort(self) -> None:
        """End it at once."""


class Http2ClientConnection(asyncio.BufferedProtocol):
    """A client that speaks HTTP/2."""

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Receive bytes."""


class ConnectionSet(Protocol):
    """The set of connected clients."""

    @property
    def upstreams(self) -> "Upstreams":
        """The services that requests go to."""
        ...

    @property
    def is_draining(self) -> bool:
        """Whether the proxy accepts no more requests."""
        ...

    def enter(self, client: ClientConnection) -> None:
        """Add a client."""

    def leave(self, client: ClientConnection) -> None:
        """Remove a client."""

    def is_stranger(self, transport: asyncio.BaseTransport) -> bool:
        """Whether a connection comes from another user, whom the proxy does not serve."""
        ...

    def new_streams(self, *, is_stranger: bool) -> Http2ClientConnection | None:
        """Make the protocol of an HTTP/2 client; None without the library for it."""
        ...


class Client(InlineConnection):
    """One connection of a client.

    Args:
        connections: The set of connected clients.
        is_stranger: Whether the client belongs to a user that the proxy does not serve; None to
            look it up.

    Attributes:
        since_s: When the idle time, head or lingering began, in seconds of the monotonic clock.
        is_stranger: As given, or as the kernel says.
    """

    __slots__ = (
        "_after_upgrade",
        "_came",
        "_connections",
        "_exchange",
        "_first",
        "_is_asked",
        "_is_full",
        "_is_own",
        "_parser",
        "_phase",
        "_upstreams",
        "_waiting",
        "is_stranger",
        "since_s",
    )

    def __init__(self, connections: ConnectionSet, *, is_stranger: bool | None = None) -> None:
        super().__init__()
        self._connections = connections
        self._is_asked = is_stranger is not None
        self.is_stranger = bool(is_stranger)
        self._upstreams = connections.upstreams
        self.since_s = 0.0
        # The first bytes, until they tell HTTP/1.1 from HTTP/2; then None.
        self._first: bytes | None = b""
        # Made for the first request: many connections never send one.
        self._parser: RequestParser | None = None
        self._phase = Phase.REQUESTS
        self._exchange: Exchange | None = None
        # Pipelined exchanges that have not begun.
        self._waiting: deque[Exchange] | None = None
        # Bytes after an upgrade request: a request, or the other protocol.
        self._after_upgrade: bytes | None = None
        # Whether the write buffer is full.
        self._is_full = False
        self._came: From | None = None
        self._is_own: bool | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        super().connection_made(transport)
        self.since_s = time.monotonic()
        if not self._is_asked:
            # Now: the kernel names no owner of a closed connection.
            self.is_stranger = self._connections.is_stranger(transport)
        self._connections.enter(self)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self._exchange is None

    @property
    def came(self) -> From:
        """Where its requests come from."""
        if self._came is None:
            assert self.transport is not None
            peer = self.transport.get_extra_info("peername")
            secure = self.transport.get_extra_info("sslcontext") is not None
            self._came = From(peer[0].encode(), b"https" if secure else b"http")
        return self._came

    @property
    def is_own(self) -> bool:
        """Whether the client belongs to this user or root; looked up once, on first use."""
        if self._is_own is None:
            assert self.transport is not None
            client, server = map(self.transport.get_extra_info, ("peername", "sockname"))
            # A connection without an address has ended already.
            self._is_own = bool(client and server) and is_own(client, server)
        return self._is_own

    def check_time(self, now_s: float) -> None:
        """Close the connection after a timeout."""
        if self._phase is Phase.TUNNEL or self._exchange is not None or self.transport is None:
            return
        waited_s = now_s - self.since_s
        if self._phase is Phase.LINGERING:
            if waited_s > LINGER_S:
                # `close` still sends what the buffer holds.
                self.close()
        elif waited_s > HEAD_S and (self._first or (self._parser and self._parser.is_waiting)):
            self._refuse(Refusal(408, "it took too long to arrive"))
            self._advance()
        elif waited_s > IDLE_S:
            self.close()

    def finish_up(self) -> None:
        """Take no further request."""
        if self._exchange is None or self._phase is not Phase.REQUESTS:
            self.close()

    # Methods for the event loop.

    def take(self, data: bytes) -> None:
        """Receive bytes."""
        if self._phase is Phase.REQUESTS:
            if self._after_upgrade is None:
                if self._first is None:
                    self._parse(data)
                else:
                    self._take_first(self._first + data)
                return
            self._after_upgrade += data
            # The service's answer decides what these bytes are.
            self.pause()
        elif self._phase is Phase.TUNNEL:
            assert self._exchange is not None
            self._exchange.take_tunnel_bytes(data)

    def _take_first(self, data: bytes) -> None:
        """Tell HTTP/1.1 from HTTP/2 by the first bytes; within TLS, ALPN has chosen already."""
        is_http_2 = is_preface(data)
        if is_http_2 is not False and self.came.scheme == b"http":
            self._first = data
            if is_http_2:
                self._switch_to_http_2(data)
            return
        self._first = None
        self._parse(data)

    def _switch_to_http_2(self, data: bytes) -> None:
        """Have the connection speak HTTP/2: RFC 9113, section 3.3."""
        streams = self._connections.new_streams(is_stranger=self.is_stranger)
        if streams is None:
            self.write(goaway(NO_HTTP_2))
            self.close()
            return
        transport = self.hand_over()
        self._connections.leave(self)
        transport.set_protocol(streams)
        streams.connection_made(transport)
        streams.feed(data)

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            parser = self._parser = RequestParser(self, self.came)
        if parser.is_between and self._exchange is None:
            self.since_s = time.monotonic()
        try:
            rest = parser.feed(data)
            while rest is not None:
                rest = self._take_upgrade(parser, rest)
        except RequestError as error:
            self._refuse(error.refusal)
        self._advance()

    def _parse_kept(self) -> None:
        """Parse the kept bytes, and read on."""
        rest, self._after_upgrade = self._after_upgrade, None
        if rest is not None and self.transport is not None:
            self._parser = None
            self.resume()
            self._parse(rest)

    def take_end(self) -> bool:
        """The peer sends no more; return whether the connection stays open for writing."""
        if self._phase is Phase.TUNNEL and self._exchange is not None:
            self._exchange.take_tunnel_eof()
            # TLS has no half-open connections.
            return self.came.scheme == b"http"
        return False

    def lost(self, error: Exception | None) -> None:
        """Handle the end of the connection."""
        self._connections.leave(self)
        exchange, self._exchange = self._exchange, None
        self._waiting = self._after_upgrade = None
        if exchange is not None:
            exchange.abandon()

    def pause_writing(self) -> None:
        """The write buffer is full."""
        self._is_full = True
        if self._exchange is not None:
            self._exchange.hold_service()

    def resume_writing(self) -> None:
        """The write buffer has room again."""
        self._is_full = False
        if self._exchange is not None:
            self._exchange.let_service_go_on()
            self._advance()

    # Methods for the parser. The parser may be several requests ahead of the exchange.

    def begin_request(self, request: Request | Refusal) -> None:
        """The head of a request has come."""
        exchange = Exchange(self, self._upstreams, request)
        if self._exchange is None:
            self._exchange = exchange
        else:
            self._add(exchange)

    def take_body(self, data: bytes) -> None:
        """A piece of its body has come."""
        self._newest().take_request_body(data)

    def end_request(self, trailers: "Fields") -> None:
        """All of it has come."""
        exchange = self._waiting[-1] if self._waiting else self._exchange
        assert exchange is not None
        exchange.end_request(trailers)

    def _add(self, exchange: Exchange) -> None:
        if self._exchange is None:
            self._exchange = exchange
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(exchange)

    def _newest(self) -> Exchange:
        exchange = self._waiting[-1] if self._waiting else self._exchange
        assert exchange is not None
        return exchange

    def _take_upgrade(self, parser: RequestParser, rest: bytes) -> bytes | None:
        """Handle an upgrade request and the bytes after it.

        Raises:
            RequestError: These bytes have to be a body, and are not.
        """
        newest = self._newest()
        head = newest.as_plain()
        if head is not None:
            # It stays an HTTP request.
            return parser.go_on(head, rest)
        newest.end_request([])
        self._after_upgrade = rest
        return None

    def _refuse(self, refusal: Refusal) -> None:
        """Accept no further request: the parser cannot find where one begins."""
        self._parser = None
        newest = self._waiting[-1] if self._waiting else self._exchange
        if newest is not None and not newest.is_request_complete:
            # Its body is damaged.
            newest.refuse(refusal)
        else:
            self._add(Exchange(self, self._upstreams, refusal))
        self._after_upgrade = self._after_upgrade or b""

    def _advance(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if self._is_full and not exchange.is_begun:
            # A client that reads no answers gets no more of them.
            self.pause()
            return
        exchange.advance()
        if self._waiting and self.transport is not None:
            self.pause()

    # Methods for exchanges.

    def say(self, page: "Page", request: Request | Refusal, *, keep_alive: bool) -> None:
        """Send an answer that the proxy itself writes; arguments as in `Downstream.say`."""
        from portweave.supervisor.proxy.http.pages.page_answer import render

        html, body_wanted = False, True
        if isinstance(request, Request):
            html, body_wanted = request.wants_html, request.method != b"HEAD"
        self.write(render(page, html=html, body_wanted=body_wanted, keep_alive=keep_alive))

    def begin_tunnel(self) -> None:
        """Pass on all further bytes as another protocol."""
        self._phase = Phase.TUNNEL
        rest, self._after_upgrade = self._after_upgrade, None
        self.resume()
        if rest and self._exchange is not None:
            # The service's buffer may fill up.
            self._exchange.take_tunnel_bytes(rest)

    def end_tunnel(self) -> None:
        """The service has closed its side of the tunnel."""
        if self.came.scheme == b"https":
            self.close()
        else:
            self.write_end()

    def end_exchange(self, *, keep_alive: bool, read_all: bool) -> None:
        """Finish an exchange whose answer is complete.

        Args:
            keep_alive: Whether the connection stays.
            read_all: Whether all of the request was read.
        """
        self._exchange = None
        transport = self.transport
        if transport is None:
            return
        self.since_s = time.monotonic()
        if not keep_alive or self._connections.is_draining:
            is_quiet = read_all and not self._waiting and not self._after_upgrade
            self._waiting = self._after_upgrade = None
            # TLS may deliver bytes even after a close.
            self._phase = Phase.LINGERING
            if is_quiet:
                self.close()
                return
            # An immediate close would reset a client that still sends, before it reads the answer.
            self.write_end()
            self.resume()
            return
        if self._waiting:
            self._exchange = self._waiting.popleft()
            asyncio.get_running_loop().call_soon(self._advance)
            return
        if self._after_upgrade:
            # The service has refused the upgrade, so these bytes are a request. Bytes that arrive
            # before they are parsed belong after them.
            asyncio.get_running_loop().call_soon(self._parse_kept)
            return
        self._after_upgrade = None
        self.resume()
