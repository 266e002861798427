"""The proxy as a server: it listens, tracks its clients and finds each request's service."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Self

from portweave.errors import ProxyPortError
from portweave.supervisor.proxy.http.frontend import (
    NO_HTTP_2,
    Client,
)
from portweave.supervisor.proxy.http.pool import Pool
from portweave.supervisor.proxy.http.upstream_status import (
    SILENT,
    UNKNOWN,
    USES_TOLD_S,
    StackStatus,
    Target,
    UpstreamStatus,
)
from portweave.supervisor.proxy.routing.host_table import (
    ANY,
    Directory,
    is_our_concern,
)
from portweave.system import peer_credentials
from portweave.system.fast_loop import (
    ACCEPTED_AT_ONCE,
    BACKLOG,
    lengthen_queue,
)

if TYPE_CHECKING:
    from types import TracebackType

    from portweave.supervisor.proxy.http.exchange import Upstreams
    from portweave.supervisor.proxy.http.frontend import (
        ClientConnection,
        Http2ClientConnection,
    )
    from portweave.supervisor.proxy.http.http1_heads import Request
    from portweave.supervisor.proxy.http.listener import ProxyListener
    from portweave.supervisor.proxy.http.page_source import PageSource
    from portweave.supervisor.proxy.http.pages.page import Page
    from portweave.supervisor.proxy.tls.contexts import Identities

SWEEP_S = 1.0
LONGEST_USE = 80
DRAIN_S = 5.0
TLD = "localhost"


class ProxyServer:
    """A proxy, not listening yet: `async with server: await server.listen(1355)`.

    Args:
        get_routes: Returns the routes; called for each request.
        proxy_port: The port in URLs of error pages; 0 for the listening port.
        tld: The last label of host names.
        wildcard: Whether a host without a route uses the route of its longest parent.
        advice: Looks up the state of services.
        on_error: Takes one line for each service that did not answer properly. It also takes one
            when `get_routes` raises: then the earlier routes stay.
        identities: The certificates for HTTPS; None for plain HTTP.
        any_user: Whether other users of this machine are served; a proxy of root serves all.

    Attributes:
        pool: Connections to services.
        is_draining: Whether the proxy is closing.
        serves_all: Whether all users of this machine are served.
        ports: The ports that it listens on.
    """

    def __init__(
        self,
        get_routes: Callable[[], Iterable[Target]],
        proxy_port: int = 0,
        *,
        tld: str = TLD,
        wildcard: bool = False,
        advice: StackStatus | None = None,
        on_error: Callable[[str], object] | None = None,
        identities: "Identities | None" = None,
        any_user: bool = False,
    ) -> None:
        self.serves_all = any_user or os.getuid() == 0
        self._is_shared = any_user
        self.pool = Pool()
        self.is_draining = False
        self.ports: list[int] = []
        self._get_routes = get_routes
        self._routes: tuple[Target, ...] = ()
        self._directory: Directory[Target] = Directory((), wildcard=wildcard)
        self._proxy_port = proxy_port
        self._tld = tld
        self._wildcard = wildcard
        self._stack_status = advice or StackStatus()
        self._tells_use = advice is not None
        self._on_error = on_error
        self._identities = identities
        self._tls_listener: ProxyListener | None = None
        if identities is not None:
            # Imported here: it needs libraries that a plain proxy does not.
            from portweave.supervisor.proxy.http import listener

            identities.is_ours = self._is_ours
            self._tls_listener = listener.ProxyListener(self, identities.context, identities.common)
        self._servers: list[asyncio.Server] = []
        self._clients: set[ClientConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        # Names whose stack has just been told that it is used, until the timer fires.
        self._noted: dict[str, asyncio.TimerHandle] = {}
        self._no_clients: asyncio.Event | None = None

    async def listen(self, port: int, host: str = "127.0.0.1") -> int:
        """Listen on a port (0 for any free one) of an address; return the port.

        Raises:
            ProxyPortError: The port is not available.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._make_protocol, host, port, backlog=ACCEPTED_AT_ONCE
            )
        except (OSError, OverflowError) as error:
            # The text of asyncio repeats the address.
            number = getattr(error, "errno", None)
            why = os.strerror(number) if number else str(error)
            raise ProxyPortError(host, port, why) from error
        lengthen_queue(server)
        self._servers.append(server)
        found: int = server.sockets[0].getsockname()[1]
        self.ports.append(found)
        return found

    def _make_protocol(self) -> asyncio.BaseProtocol:
        return Client(self) if self._tls_listener is None else self._tls_listener.greet()

    async def unlisten(self) -> None:
        """Accept no more connections; keep the open ones and accept those in the queue.

        When it returns, bytes that had arrived by then have been read.
        """
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        # A server that closes now would leak a connection that asyncio has just accepted.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting: list[socket.socket] = []
        # Nothing runs between the last accept and the close: the kernel resets connections that
        # arrive between them.
        for server in self._servers:
            for listener in server.sockets:
                waiting += _accept_all(listener.fileno())
            server.close()
        self._servers.clear()
        self.ports.clear()
        if waiting:
            made = (loop.connect_accepted_socket(self._make_protocol, taken) for taken in waiting)
            await asyncio.gather(*made, return_exceptions=True)
            # One turn of the loop finds readable connections, one reads them.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def close(self, drain_s: float = DRAIN_S) -> None:
        """Accept no more requests, wait `drain_s` for those under way, and abort the rest."""
        await self.unlisten()
        # Only now: connections from the queue still get an answer.
        self.is_draining = True
        for client in list(self._clients):
            client.finish_up()
        if self._clients:
            self._no_clients = asyncio.Event()
            try:
                async with asyncio.timeout(drain_s):
                    await self._no_clients.wait()
            except TimeoutError:
                for client in list(self._clients):
                    client.abort()
        self.pool.close()
        for timer in self._noted.values():
            timer.cancel()
        self._noted.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        # Callbacks finish the aborted connections.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        await self.close(DRAIN_S if kind is None else 0)

    # Methods for clients.

    @property
    def upstreams(self) -> "Upstreams":
        """The services that requests go to."""
        return self

    def enter(self, client: "ClientConnection") -> None:
        """Add a client."""
        if self.is_draining:
            client.abort()
        self._clients.add(client)
        if self._sweeper is None:
            self._sweep()

    def leave(self, client: "ClientConnection") -> None:
        """Remove a client."""
        self._clients.discard(client)
        if self._no_clients is not None and not self._clients:
            self._no_clients.set()

    def is_stranger(self, transport: asyncio.BaseTransport) -> bool:
        """Whether a connection comes from another user, whom the proxy does not serve."""
        if self.serves_all:
            return False
        client, server = map(transport.get_extra_info, ("peername", "sockname"))
        # A connection without an address has ended already.
        return bool(client and server) and peer_credentials.is_stranger(client, server)

    def new_streams(self, *, is_stranger: bool) -> "Http2ClientConnection | None":
        """Make the protocol of an HTTP/2 client; None without the library for it."""
        try:
            # Imported here: most proxies never need it.
            from portweave.supervisor.proxy.http.http2_connection import Streams
        except ModuleNotFoundError:
            if self._on_error is not None:
                self._on_error(NO_HTTP_2)
            return None
        return Streams(self, is_stranger=is_stranger)

    def _sweep(self) -> None:
        """Close connections that have timed out; no timer runs without connections."""
        now_s = time.monotonic()
        for client in list(self._clients):
            client.check_time(now_s)
        self.pool.sweep(now_s)
        self._sweeper = None
        if self._clients or len(self.pool):
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    # Methods for exchanges.

    def find(self, request: "Request") -> Target | None:
        """Return the route of a request's host; None if the client must repeat it by HTTPS."""
        if self._identities is not None and request.proto != b"https" and not request.upgrade:
            return None
        self._update_routes()
        found = self._directory.find(request.name)
        # For most requests, this is all that it costs to tell stacks that they are used.
        if self._tells_use and found is not None and found.hostname not in self._noted:
            self._note_use(request, found)
        return found

    def _note_use(self, request: "Request", target: Target) -> None:
        """Tell the stack of a route that it is used; for a while, count no more requests for it."""
        name = target.hostname
        loop = asyncio.get_running_loop()
        self._noted[name] = loop.call_later(USES_TOLD_S, self._noted.pop, name)
        # The query may hold secrets.
        path = request.target.partition(b"?")[0].decode("latin-1")
        use = f"{request.method.decode('latin-1')} {path}"
        self.spawn(self._stack_status.note_use(target, use[:LONGEST_USE]))

    def _update_routes(self) -> tuple[Target, ...]:
        """Update the routes and return them; keep the earlier ones if `get_routes` raises."""
        try:
            routes = self._get_routes()
            if routes is not self._routes:
                # A tuple cannot change: it is indexed once.
                self._routes = routes if isinstance(routes, tuple) else tuple(routes)
                self._directory = Directory(self._routes, wildcard=self._wildcard)
        except Exception as error:
            # Foreign code may raise anything; requests still get an answer.
            if self._on_error is not None:
                self._on_error(f"the routes cannot be told: {error!r}")
        return self._routes

    async def unknown(self, request: "Request", *, is_own: bool) -> "Page":
        """Return the page for a request without a route; arguments as in `Upstreams.unknown`."""
        from portweave.supervisor.proxy.http.pages import error_pages

        is_secure = self._identities is not None
        if is_secure and request.proto != b"https" and self._is_ours(request.name):
            host, port = request.host.decode("latin-1"), self._own_port
            return error_pages.secured(host, request.target, port)
        hosts = [route.hostname for route in self._update_routes()]
        if not self._may_know(request.name, hosts):
            # A request by a foreign name learns nothing.
            return error_pages.foreign()
        return await self._pages(is_own=is_own).unknown(request)

    @property
    def _own_port(self) -> int:
        return self._proxy_port or (self.ports[0] if self.ports else 0)

    def _pages(self, *, is_own: bool) -> "PageSource":
        from portweave.supervisor.proxy.http.page_source import PageSource
        from portweave.supervisor.proxy.http.pages.error_pages import Origin

        return PageSource(
            self._stack_status,
            Origin(self._own_port, "http" if self._identities is None else "https"),
            [route for route in self._update_routes() if not route.hostname.startswith(ANY)],
            is_own=is_own,
            is_shared=self._is_shared,
        )

    def _may_know(self, name: str, hosts: list[str]) -> bool:
        tlds = {self._tld, *(host.rpartition(".")[2].lower() for host in hosts)}
        return is_our_concern(name, tlds)

    def _is_ours(self, name: str) -> bool:
        """Whether the proxy answers for a name."""
        if is_our_concern(name, (self._tld,)):
            return True
        self._update_routes()
        return self._directory.find(name) is not None

    async def ask(self, target: Target, limit_s: float | None = None) -> UpstreamStatus:
        """Return the state of a service that does not answer; arguments as in `Upstreams.ask`."""
        try:
            async with asyncio.timeout(limit_s):
                return await self._stack_status.ask(target)
        except TimeoutError:
            return SILENT
        except Exception as error:  # the waiting request still gets an answer
            text = f"what is known of {target.hostname} could not be found out"
            context = {"message": text, "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return UNKNOWN

    async def explain(
        self, target: Target, status: UpstreamStatus, *, is_own: bool, why: str = ""
    ) -> "Page":
        """Return the error page for a service; arguments as in `Upstreams.explain`."""
        self.report(target, why or "nothing listens there")
        pages = self._pages(is_own=is_own)
        if why:
            return await pages.broken(target, status, why)
        return await pages.not_up(target, status)

    def report(self, target: Target, why: str) -> None:
        """Report a service that did not answer properly."""
        if self._on_error is not None:
            self._on_error(f"{target.hostname} (port {target.port}): {why}")
        # The stack learns that a request has failed, and runs its probes.
        self.spawn(self._tell_stack(target))

    async def _tell_stack(self, target: Target) -> None:
        await self.ask(target)

    def spawn(self, work: Coroutine[None, None, None]) -> Callable[[], object]:
        """Start a task; return the function that cancels it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task.cancel


def _accept_all(listener: int) -> list[socket.socket]:
    """Accept all connections in a listener's queue, up to twice the queue's length."""
    found: list[socket.socket] = []
    with socket.socket(fileno=os.dup(listener)) as same:
        same.setblocking(False)
        for _ in range(2 * BACKLOG):
            try:
                taken, _ = same.accept()
            except (ConnectionAbortedError, InterruptedError):
                continue
            except OSError:  # the queue is empty, or no descriptor is left
                break
            taken.setblocking(False)
            found.append(taken)
    return found
