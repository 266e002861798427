"""Run the proxy: follow the routes of a state folder until a signal comes."""

import asyncio
import gc
import resource
import signal
import time
from collections.abc import Callable
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from importlib import import_module
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
# How often a proxy that was started for stacks looks for running ones.
LOOK_S = 5.0
GARBAGE_OBJECTS = 20_000
_PAGE_MODULES = (
    "http.page_source",
    "http.pages.page_answer",
    "http.pages.page_html",
    "process.stack_summaries",
)
_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        store: The folder's route store.
        port: The port; None for 1355 or the next free one.
        wildcard: Whether a host without a route gets the route of its longest parent.
        tls: Whether it speaks HTTPS.
        any_user: Whether it serves other users of this machine too.
        stacks: The folder of the stack records.
        linger_s: How many seconds it outlives the last stack; None for as long as it can.
        say: Called with the port once it listens.

    Raises:
        AuthorityError: The certificate authority cannot be used.
        ProxyPortError: The port cannot be used.
        ProxyRunningError: The folder has a proxy already.
        TlsMissingError: The libraries for HTTPS are not installed.
    """
    lock = ProxyLock(store)
    _raise_descriptor_limit()
    try:
        identities = _identities(store) if tls else None
    except BaseException:
        lock.close()
        raise
    while True:
        process = _ProxyProcess(
            store, lock, stacks, identities, wildcard=wildcard, any_user=any_user
        )
        try:
            with asyncio.Runner(loop_factory=FastLoop) as runner:
                was_asked = runner.run(process.serve(port, linger_s, say))
        finally:
            lock.close()
        # A stack that began during our end has seen a running proxy and started none. From here on,
        # stacks see that none runs. So look for such a stack once more, and go on if there is one.
        if was_asked or not live_stacks(stacks):
            return
        try:
            lock = ProxyLock(store)
        except ProxyRunningError:
            return


def _identities(store: RouteStore) -> "Identities":
    # A plain proxy imports none of this.
    from portweave.supervisor.proxy.tls.authority import check_libraries

    check_libraries()
    from portweave.supervisor.proxy.tls.contexts import Identities

    return Identities(state_folder(store))


class _ProxyProcess:
    """One run of the proxy, with its routes and certificates."""

    def __init__(
        self,
        store: RouteStore,
        lock: ProxyLock,
        stacks: str,
        identities: "Identities | None",
        *,
        wildcard: bool,
        any_user: bool,
    ) -> None:
        self._lock = lock
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
        """Serve until a signal comes (returns True), or `linger_s` after the last stack (False)."""
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        if isinstance(loop, FastLoop):
            selector = loop.fast_selector
            self._table.get_wait_count = lambda: selector.wait_count
        # nohup(1) ignores SIGHUP, so that the process outlives the terminal.
        handled = [n for n in _END_SIGNALS if signal.getsignal(n) != signal.SIG_IGN]
        for number in handled:
            loop.add_signal_handler(number, end.set)
        found = await listen(self._server, candidate_ports(port))
        self._lock.write_files(found, secure=self._is_secure, any_user=self._server.serves_all)
        say(found)
        _import_pages()
        # These objects stay, so the garbage collector must not go through them again and again.
        gc.collect()
        gc.freeze()
        # A request makes a hundred objects without cycles; only connections make cycles.
        gc.set_threshold(GARBAGE_OBJECTS)
        if linger_s is None:
            await end.wait()
        else:
            await self._wait(end, linger_s)
        await self._server.close(DRAIN_S)
        if end.is_set():
            _ignore(handled, loop)
        return end.is_set()

    async def _wait(self, end: asyncio.Event, linger_s: float) -> None:
        last_s = time.monotonic()
        while time.monotonic() - last_s < linger_s:
            try:
                async with asyncio.timeout(min(LOOK_S, linger_s / 4)):
                    await end.wait()
                    return
            except TimeoutError:
                if live_stacks(self._stacks):
                    last_s = time.monotonic()


def _import_pages() -> None:
    """Import what pages need. Without a free descriptor, Python could not open a module later."""
    for name in _PAGE_MODULES:
        import_module(f"portweave.supervisor.proxy.{name}")


def _ignore(signals: list[signal.Signals], loop: asyncio.AbstractEventLoop) -> None:
    """Ignore further signals: without the loop's handlers they would interrupt the shutdown."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    for number in signals:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


async def listen(server: ProxyServer, ports: list[int]) -> int:
    """Listen on the first free port of a list, on both loopback addresses; return the port.

    Raises:
        ProxyPortError: None can be used.
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
                # Browsers try ::1 first, where another program would answer.
                await server.unlisten()
                error = error or refusal
                continue
        return found
    assert error is not None
    raise error


def _raise_descriptor_limit() -> None:
    """Allow more descriptors: each request needs one for the client and one for the service."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
