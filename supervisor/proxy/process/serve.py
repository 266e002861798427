"""The proxy as a process: it follows the routes of a state folder until it is asked to end."""

import asyncio
import gc
import resource
import signal
import time
from collections.abc import Callable
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from typing import TYPE_CHECKING

from portweave.allocator.names.route_store import RouteStore
from portweave.errors import ProxyPortError, ProxyRunningError
from portweave.supervisor.proxy.http.proxy_server import ProxyServer
from portweave.supervisor.proxy.process.proxy_files import (
    ProxyLock,
    candidate_ports,
    state_folder,
)
from portweave.supervisor.proxy.process.stack_status import Stacks
from portweave.supervisor.proxy.routing.route_table import Table
from portweave.supervisor.registry.stack_records import live_stacks
from portweave.system.fast_loop import FastLoop

if TYPE_CHECKING:
    from portweave.supervisor.proxy.tls.contexts import Identities

DRAIN_S = 1.5
# How often one that was started for stacks looks whether there are any.
LOOK_S = 5.0
GARBAGE_OBJECTS = 20_000
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(
    store: RouteStore,
    port: int | None,
    *,
    wildcard: bool,
    tls: bool,
    any_user: bool,
    stacks: str,
    linger_s: float | None,
    say: Callable[[int], object],
) -> None:
    """Run the proxy of a folder until SIGINT, SIGTERM or SIGHUP.

    Args:
        store: The folder's.
        port: Where to listen; None for 1355, or the next one that is free.
        wildcard: Whether a host without a route is for that of its longest parent.
        tls: Whether it speaks HTTPS.
        any_user: Whether other users of this machine are served, too.
        stacks: Where the records of stacks lie.
        linger_s: How long after the last stack it is to end; None for never.
        say: Called with the port when it listens.

    Raises:
        AuthorityError: Its certificates cannot be vouched for.
        ProxyPortError: The port cannot be had.
        ProxyRunningError: The folder has a proxy.
        TlsMissingError: The libraries for HTTPS are not installed.
    """
    post = ProxyLock(store)
    _raise_descriptor_limit()
    try:
        identities = _identities(store) if tls else None
    except BaseException:
        post.close()
        raise
    while True:
        house = _ProxyProcess(store, post, stacks, identities, wildcard=wildcard, any_user=any_user)
        try:
            with asyncio.Runner(loop_factory=FastLoop) as runner:
                was_asked = runner.run(house.serve(port, linger_s, say))
        finally:
            post.close()
        # A stack that began while we were ending has seen us run. Whoever looks from here on sees
        # that nobody does; so either we see him, or he sees that.
        if was_asked or not live_stacks(stacks):
            return
        try:
            post = ProxyLock(store)
        except ProxyRunningError:
            return


def _identities(store: RouteStore) -> "Identities":
    # A plain proxy needs nothing of all this.
    from portweave.supervisor.proxy.tls.authority import check_libraries

    check_libraries()
    from portweave.supervisor.proxy.tls.contexts import Identities

    return Identities(state_folder(store))


class _ProxyProcess:
    """A proxy with all that it goes by."""

    def __init__(
        self,
        store: RouteStore,
        post: ProxyLock,
        stacks: str,
        identities: "Identities | None",
        *,
        wildcard: bool,
        any_user: bool,
    ) -> None:
        self._post = post
        self._is_secure = identities is not None
        self._stacks = stacks
        self._table = table = Table(store)
        self._server = ProxyServer(
            table.routes,
            wildcard=wildcard,
            advice=Stacks(table, stacks),
            identities=identities,
            any_user=any_user,
        )

    async def serve(
        self, port: int | None, linger_s: float | None, say: Callable[[int], object]
    ) -> bool:
        """Serve until a signal comes (True), or the last stack has been gone for a while."""
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        if isinstance(loop, FastLoop):
            selector = loop.fast_selector
            self._table.get_wait_count = lambda: selector.wait_count
        # Who is started by nohup(1) does not end with the terminal.
        ending = [n for n in _ENDING if signal.getsignal(n) != signal.SIG_IGN]
        for number in ending:
            loop.add_signal_handler(number, over.set)
        found = await listen(self._server, candidate_ports(port))
        self._post.sign(found, secure=self._is_secure, any_user=self._server.serves_all)
        say(found)
        # What is there now stays: to look through it again and again would cost every request.
        gc.collect()
        gc.freeze()
        # A request makes a hundred objects and no cycle; only connections make some.
        gc.set_threshold(GARBAGE_OBJECTS)
        if linger_s is None:
            await over.wait()
        else:
            await self._wait(over, linger_s)
        await self._server.close(DRAIN_S)
        if over.is_set():
            _ignore(ending, loop)
        return over.is_set()

    async def _wait(self, over: asyncio.Event, linger_s: float) -> None:
        last_s = time.monotonic()
        while time.monotonic() - last_s < linger_s:
            try:
                async with asyncio.timeout(min(LOOK_S, linger_s / 4)):
                    await over.wait()
                    return
            except TimeoutError:
                if live_stacks(self._stacks):
                    last_s = time.monotonic()


def _ignore(signals: list[signal.Signals], loop: asyncio.AbstractEventLoop) -> None:
    """Have further signals do nothing: without the loop's handlers they would end our end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    for number in signals:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


async def listen(server: ProxyServer, ports: list[int]) -> int:
    """Listen on the first of these ports that is free, on both loopback addresses.

    Raises:
        ProxyPortError: None can be had.
    """
    error: ProxyPortError | None = None
    for port in ports:
        try:
            found = await server.listen(port)
        except ProxyPortError as refusal:
            error = error or refusal
            continue
        try:
            await server.listen(found, "::1")
        except ProxyPortError as refusal:
            cause = refusal.__cause__
            if not isinstance(cause, OSError) or cause.errno not in (EADDRNOTAVAIL, EAFNOSUPPORT):
                # Browsers try ::1 first: there, a stranger would answer for us.
                await server.unlisten()
                error = error or refusal
                continue
        return found
    assert error is not None
    raise error


def _raise_descriptor_limit() -> None:
    """A client and its service need a descriptor each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
