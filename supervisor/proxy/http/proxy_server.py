"""The proxy as a server: it listens, knows its clients, and finds each request's service."""

import asyncio
import math
import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Self

from portweave.encoding.value import value
from portweave.errors import ProxyPortError
from portweave.supervisor.proxy.http import error_pages
from portweave.supervisor.proxy.http.exchange import Target
from portweave.supervisor.proxy.http.frontend import (
    NO_HTTP_2,
    Client,
)
from portweave.supervisor.proxy.http.pool import Pool
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

    from portweave.supervisor.proxy.http.error_pages import Page
    from portweave.supervisor.proxy.http.exchange import Upstreams
    from portweave.supervisor.proxy.http.frontend import (
        ClientConnection,
        Http2ClientConnection,
    )
    from portweave.supervisor.proxy.http.http1_heads import Request
    from portweave.supervisor.proxy.http.listener import ProxyListener
    from portweave.supervisor.proxy.tls.contexts import Identities

SWEEP_S = 1.0
DRAIN_S = 5.0
TLD = "localhost"


@value
class UpstreamStatus:
    """What is known of a service that does not answer.

    Attributes:
        state: What it is, in a few words.
        service: What its stack calls it; empty where it belongs to none.
        patience_s: How long a request may wait for it.
        ports: On which ports its processes listen instead.
        is_ready: Whether its stack takes it for one that answers.
        age_s: How long its process has run; for ever where that is not known.
    """

    state: str = "registered, but it does not answer"
    service: str = ""
    patience_s: float = 0.0
    ports: tuple[int, ...] = ()
    is_ready: bool = False
    age_s: float = math.inf


UNKNOWN = UpstreamStatus()


class StackStatus:
    """What is known of services beyond their routes; a proxy for itself knows nothing.

    A subclass may know more.
    """

    async def ask(self, target: Target) -> UpstreamStatus:
        """What is known of a service that does not answer."""
        return UNKNOWN


class ProxyServer:
    """A proxy, not listening yet: `async with server: await server.listen(1355)`.

    Args:
        get_routes: Called for each request: where each host's requests go.
        proxy_port: The port in URLs that the proxy shows; 0 for the one that it listens on.
        tld: What names end in.
        wildcard: Whether a host without a route is for that of its longest parent.
        advice: What is known of services beyond their routes.
        on_error: Takes a line about each service that did not answer properly, and where
            `get_routes` has raised: then the routes of before hold.
        identities: The certificates of one that speaks HTTPS; None for plain HTTP.
        any_user: Whether other users of this machine are served, too; those of root's are.

    Attributes:
        pool: Connections to services.
        is_draining: Whether it is being closed.
        serves_all: Whether all users of this machine are served.
        ports: Those that it listens on.
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
        self.pool = Pool()
        self.is_draining = False
        self.ports: list[int] = []
        self._get_routes = get_routes
        self._routes: tuple[Target, ...] = ()
        self._directory: Directory[Target] = Directory((), wildcard=wildcard)
        self._proxy_port = proxy_port
        self._tld = tld
        self._wildcard = wildcard
        self._advice = advice or StackStatus()
        self._on_error = on_error
        self._identities = identities
        self._door: ProxyListener | None = None
        if identities is not None:
            # Only here: it needs what a plain proxy does not.
            from portweave.supervisor.proxy.http import listener

            identities.is_ours = self._is_ours
            self._door = listener.ProxyListener(self, identities.context, identities.common)
        self._servers: list[asyncio.Server] = []
        self._clients: set[ClientConnection] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._nobody: asyncio.Event | None = None

    async def listen(self, port: int, host: str = "127.0.0.1") -> int:
        """Take requests on a port (0 for any) of an address; the port.

        Raises:
            ProxyPortError: It cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(self._greet, host, port, backlog=ACCEPTED_AT_ONCE)
        except (OSError, OverflowError) as error:
            # What asyncio says of it names the address again.
            number = getattr(error, "errno", None)
            why = os.strerror(number) if number else str(error)
            raise ProxyPortError(host, port, why) from error
        lengthen_queue(server)
        self._servers.append(server)
        found: int = server.sockets[0].getsockname()[1]
        self.ports.append(found)
        return found

    def _greet(self) -> asyncio.BaseProtocol:
        return Client(self) if self._door is None else self._door.greet()

    async def unlisten(self) -> None:
        """Take no more connections; those that are there stay, and those that wait come in.

        What they have sent already has been read by then.
        """
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        # One that was just accepted would be forgotten open if its server closed before it is made.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting: list[socket.socket] = []
        # From the last look into the queue to its end nothing else is done: who comes between is
        # reset by the kernel.
        for server in self._servers:
            for listener in server.sockets:
                waiting += _accept_all(listener.fileno())
            server.close()
        self._servers.clear()
        self.ports.clear()
        if waiting:
            made = (loop.connect_accepted_socket(self._greet, taken) for taken in waiting)
            await asyncio.gather(*made, return_exceptions=True)
            # One turn to find out what has come on them, and one to take it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def close(self, drain_s: float = DRAIN_S) -> None:
        """Take no more requests, finish those under way within `drain_s`, and end the rest."""
        await self.unlisten()
        # Not before: who had been waiting to come in is to be answered.
        self.is_draining = True
        for client in list(self._clients):
            client.finish_up()
        if self._clients:
            self._nobody = asyncio.Event()
            try:
                async with asyncio.timeout(drain_s):
                    await self._nobody.wait()
            except TimeoutError:
                for client in list(self._clients):
                    client.abort()
        self.pool.close()
        for task in list(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        # What was aborted is taken down by callbacks.
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

    # What clients call.

    @property
    def upstreams(self) -> "Upstreams":
        """Where requests find their service."""
        return self

    def enter(self, client: "ClientConnection") -> None:
        """A client has come."""
        if self.is_draining:
            client.abort()
        self._clients.add(client)
        if self._sweeper is None:
            self._sweep()

    def leave(self, client: "ClientConnection") -> None:
        """A client has gone."""
        self._clients.discard(client)
        if self._nobody is not None and not self._clients:
            self._nobody.set()

    def is_stranger(self, transport: asyncio.BaseTransport) -> bool:
        """Whether a connection comes from another user, whom the proxy does not serve."""
        if self.serves_all:
            return False
        client, server = map(transport.get_extra_info, ("peername", "sockname"))
        # Without a name it has ended by now.
        return bool(client and server) and peer_credentials.is_stranger(client, server)

    def new_streams(self, *, is_stranger: bool) -> "Http2ClientConnection | None":
        """A client that turns out to speak HTTP/2; None where the library for it is missing."""
        try:
            # Only here: most proxies never need it.
            from portweave.supervisor.proxy.http.http2_connection import Streams
        except ModuleNotFoundError:
            if self._on_error is not None:
                self._on_error(NO_HTTP_2)
            return None
        return Streams(self, is_stranger=is_stranger)

    def _sweep(self) -> None:
        """End what waits for too long; nothing wakes up where nobody is connected."""
        now_s = time.monotonic()
        for client in list(self._clients):
            client.check_time(now_s)
        self.pool.sweep(now_s)
        self._sweeper = None
        if self._clients or len(self.pool):
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    # What exchanges call.

    def find(self, request: "Request") -> Target | None:
        """The route of a request's host; none where it is to come again by HTTPS."""
        if self._identities is not None and request.proto != b"https" and not request.upgrade:
            return None
        self._look()
        return self._directory.find(request.name)

    def _look(self) -> tuple[Target, ...]:
        """The routes as they are now; those of before where they cannot be told."""
        try:
            routes = self._get_routes()
            if routes is not self._routes:
                # What cannot change is filed once.
                self._routes = routes if isinstance(routes, tuple) else tuple(routes)
                self._directory = Directory(self._routes, wildcard=self._wildcard)
        except Exception as error:
            # It is not ours: whatever it raises, no client is to pay for it.
            if self._on_error is not None:
                self._on_error(f"the routes cannot be told: {error!r}")
        return self._routes

    def unknown(self, request: "Request") -> "Page":
        """What to say to a request that no route was found for."""
        port = self._proxy_port or (self.ports[0] if self.ports else 0)
        is_secure = self._identities is not None
        if is_secure and request.proto != b"https" and self._is_ours(request.name):
            return error_pages.secured(request.host.decode("latin-1"), request.target, port)
        hosts = [r.hostname for r in self._look() if not r.hostname.startswith(ANY)]
        return error_pages.unknown(
            request.name,
            hosts,
            port,
            "https" if is_secure else "http",
            may_know=self._may_know(request.name, hosts),
        )

    def _may_know(self, name: str, hosts: list[str]) -> bool:
        tlds = {self._tld, *(host.rpartition(".")[2].lower() for host in hosts)}
        return is_our_concern(name, tlds)

    def _is_ours(self, name: str) -> bool:
        """Whether a name is one that we answer to."""
        if is_our_concern(name, (self._tld,)):
            return True
        self._look()
        return self._directory.find(name) is not None

    async def ask(self, target: Target) -> UpstreamStatus:
        """What is known of a service that does not answer."""
        try:
            return await self._advice.ask(target)
        except Exception as error:  # whoever waits for the service is to be answered all the same
            text = f"what is known of {target.hostname} could not be found out"
            context = {"message": text, "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return UNKNOWN

    async def explain(self, target: Target) -> "Page":
        """What to say about a service that nothing listens for."""
        standing = await self.ask(target)
        found = [port for port in standing.ports if port != target.port]
        self.report(target, "nothing listens there")
        if found:
            return error_pages.wrong_port(target.hostname, target.port, found)
        return error_pages.not_up(target.hostname, target.port, standing.state, standing.service)

    def report(self, target: Target, why: str) -> None:
        """A service has not answered properly."""
        if self._on_error is not None:
            self._on_error(f"{target.hostname} (port {target.port}): {why}")
        # Its stack is to know that a request has failed, and asks its probes then.
        self.spawn(self._tell_stack(target))

    async def _tell_stack(self, target: Target) -> None:
        await self.ask(target)

    def spawn(self, work: Coroutine[None, None, None]) -> Callable[[], object]:
        """Do something meanwhile; returns how to cancel it."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task.cancel


def _accept_all(listener: int) -> list[socket.socket]:
    """All connections that wait for a listener, up to a limit far above its queue's."""
    found: list[socket.socket] = []
    with socket.socket(fileno=os.dup(listener)) as same:
        same.setblocking(False)
        for _ in range(2 * BACKLOG):
            try:
                taken, _ = same.accept()
            except (ConnectionAbortedError, InterruptedError):
                continue
            except OSError:  # there are no more, or no descriptors for them
                break
            taken.setblocking(False)
            found.append(taken)
    return found
