"""The client's side: its connection, and the requests that come on it one after the other.

A request is passed on as soon as its head is known, an answer as soon as the service begins it, and
bodies as they come; whoever takes them more slowly than the other sends has the other wait. What a
client sends ahead is kept until its turn comes.
"""

import asyncio
import time
from abc import abstractmethod
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from portweave.supervisor.proxy.http import error_pages
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

# How long a request's head may take to arrive, a client may say nothing between two requests, and
# one that was refused may go on sending.
HEAD_S = 30.0
IDLE_S = 120.0
LINGER_S = 3.0
NO_HTTP_2 = "this proxy speaks HTTP/2 once it has the library for it: pip install 'portweave[tls]'"


class Phase(Enum):
    """What the bytes of a client are."""

    REQUESTS = "requests"
    TUNNEL = "tunnel"
    LINGERING = "lingering"


class ClientConnection(Protocol):
    """Who is connected."""

    def check_time(self, now_s: float) -> None:
        """End it where it has taken too long."""

    def finish_up(self) -> None:
        """Take no further request."""

    def abort(self) -> None:
        """End it at once."""


class Http2ClientConnection(asyncio.BufferedProtocol):
    """A client that speaks HTTP/2."""

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take what has come."""


class ConnectionSet(Protocol):
    """Where clients are known as long as they are connected."""

    @property
    def upstreams(self) -> "Upstreams":
        """Where requests find their service."""
        ...

    @property
    def is_draining(self) -> bool:
        """Whether no request is taken any more."""
        ...

    def enter(self, client: ClientConnection) -> None:
        """A client has come."""

    def leave(self, client: ClientConnection) -> None:
        """A client has gone."""

    def is_stranger(self, transport: asyncio.BaseTransport) -> bool:
        """Whether a connection comes from another user, whom the proxy does not serve."""
        ...

    def new_streams(self, *, is_stranger: bool) -> Http2ClientConnection | None:
        """A client that turns out to speak HTTP/2; None where the library for it is missing."""
        ...


class Client(InlineConnection):
    """One connection of a client.

    Args:
        connections: Where clients are known.
        is_stranger: Whether it is of another user, whom the proxy does not serve; None where that
            is still to be asked.

    Attributes:
        since_s: When it last began to be idle, a head, or a farewell.
        is_stranger: As given, or as the kernel has told.
    """

    __slots__ = (
        "_came",
        "_connections",
        "_exchange",
        "_first",
        "_is_asked",
        "_is_full",
        "_is_own",
        "_parser",
        "_phase",
        "_rest",
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
        # Its first bytes, until they tell whether it speaks HTTP/2; None from then on.
        self._first: bytes | None = b""
        # Made for the first request: many connections never send one.
        self._parser: RequestParser | None = None
        self._phase = Phase.REQUESTS
        self._exchange: Exchange | None = None
        # Exchanges whose turn has not come.
        self._waiting: deque[Exchange] | None = None
        # Behind a request to change the protocol: a request, or that protocol.
        self._rest: bytes | None = None
        # Whether too much waits to be sent.
        self._is_full = False
        self._came: From | None = None
        self._is_own: bool | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: it is connected."""
        super().connection_made(transport)
        self.since_s = time.monotonic()
        if not self._is_asked:
            # Now: a client that has gone later on has no owner.
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
        """Whether it is of this user, or of root; asked for once, and only where it matters."""
        if self._is_own is None:
            assert self.transport is not None
            ends = map(self.transport.get_extra_info, ("peername", "sockname"))
            self._is_own = is_own(*ends)
        return self._is_own

    def check_time(self, now_s: float) -> None:
        """End it where it has taken too long."""
        if self._phase is Phase.TUNNEL or self._exchange is not None or self.transport is None:
            return
        waited_s = now_s - self.since_s
        if self._phase is Phase.LINGERING:
            if waited_s > LINGER_S:
                # What is still to be sent is.
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

    # What the event loop calls.

    def take(self, data: bytes) -> None:
        """Take what has come."""
        if self._phase is Phase.REQUESTS:
            if self._rest is None:
                if self._first is None:
                    self._parse(data)
                else:
                    self._take_first(self._first + data)
                return
            self._rest += data
            # Until the service has answered, nobody knows what these bytes are.
            self.pause()
        elif self._phase is Phase.TUNNEL:
            assert self._exchange is not None
            self._exchange.take_tunnel_bytes(data)

    def _take_first(self, data: bytes) -> None:
        """Take the first bytes of the connection; HTTP/2 within TLS is agreed on otherwise."""
        is_http_2 = is_preface(data)
        if is_http_2 is not False and self.came.scheme == b"http":
            self._first = data
            if is_http_2:
                self._speak_streams(data)
            return
        self._first = None
        self._parse(data)

    def _speak_streams(self, data: bytes) -> None:
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
                rest = self._take_change(parser, rest)
        except RequestError as error:
            self._refuse(error.refusal)
        self._advance()

    def _parse_rest(self) -> None:
        """Take what was kept, and then what comes."""
        rest, self._rest = self._rest, None
        if rest is not None and self.transport is not None:
            self._parser = None
            self.resume()
            self._parse(rest)

    def take_end(self) -> bool:
        """The other side sends no more; whether the connection stays for our part."""
        if self._phase is Phase.TUNNEL and self._exchange is not None:
            self._exchange.take_tunnel_eof()
            # TLS has no half-open connections.
            return self.came.scheme == b"http"
        return False

    def lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        self._connections.leave(self)
        exchange, self._exchange = self._exchange, None
        self._waiting = self._rest = None
        if exchange is not None:
            exchange.abandon()

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        self._is_full = True
        if self._exchange is not None:
            self._exchange.hold_service()

    def resume_writing(self) -> None:
        """What waited has been sent."""
        self._is_full = False
        if self._exchange is not None:
            self._exchange.let_service_go_on()
            self._advance()

    # What the parser calls. It may be several requests ahead.

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

    def _take_change(self, parser: RequestParser, rest: bytes) -> bytes | None:
        """A request that asks for another protocol has come, and what stands behind it.

        Raises:
            RequestError: What stands there is to be its body, and is none.
        """
        newest = self._newest()
        head = newest.as_plain()
        if head is not None:
            # It is one of HTTP after all.
            return parser.go_on(head, rest)
        newest.end_request([])
        self._rest = rest
        return None

    def _refuse(self, refusal: Refusal) -> None:
        """Take no further request: what comes from now on is not understood."""
        self._parser = None
        newest = self._waiting[-1] if self._waiting else self._exchange
        if newest is not None and not newest.is_request_complete:
            # Its body is damaged.
            newest.refuse(refusal)
        else:
            self._add(Exchange(self, self._upstreams, refusal))
        self._rest = self._rest or b""

    def _advance(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if self._is_full and not exchange.is_begun:
            # Who does not take his answers is given no more of them.
            self.pause()
            return
        exchange.advance()
        if self._waiting and self.transport is not None:
            self.pause()

    # What exchanges call.

    def say(self, page: error_pages.Page, request: Request | Refusal, *, keep_alive: bool) -> None:
        """Answer ourselves."""
        html, body_wanted = False, True
        if isinstance(request, Request):
            html, body_wanted = request.wants_html, request.method != b"HEAD"
        self.write(
            error_pages.render(page, html=html, body_wanted=body_wanted, keep_alive=keep_alive)
        )

    def begin_tunnel(self) -> None:
        """From now on the bytes are those of another protocol."""
        self._phase = Phase.TUNNEL
        rest, self._rest = self._rest, None
        self.resume()
        if rest and self._exchange is not None:
            # The service may not be able to take it all at once.
            self._exchange.take_tunnel_bytes(rest)

    def end_tunnel(self) -> None:
        """The other side has no more to say."""
        if self.came.scheme == b"https":
            self.close()
        else:
            self.write_end()

    def end_exchange(self, *, keep_alive: bool, read_all: bool) -> None:
        """An answer is complete.

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
            is_quiet = read_all and not self._waiting and not self._rest
            self._waiting = self._rest = None
            # Within TLS, something may come even when it is closed.
            self._phase = Phase.LINGERING
            if is_quiet:
                self.close()
                return
            # Who is still sending would be cut off before he has read the answer.
            self.write_end()
            self.resume()
            return
        if self._waiting:
            self._exchange = self._waiting.popleft()
            asyncio.get_running_loop().call_soon(self._advance)
            return
        if self._rest:
            # The service has refused to change the protocol, so it is a request of HTTP. What comes
            # before it is read is to stand behind it.
            asyncio.get_running_loop().call_soon(self._parse_rest)
            return
        self._rest = None
        self.resume()
