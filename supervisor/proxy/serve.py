"""The proxy as a process: it follows the routes of a state folder until it is asked to end."""

import asyncio
import gc
import resource
import signal
import time
from collections.abc import Callable
from errno import EADDRNOTAVAIL, EAFNOSUPPORT

from portweave.allocator.routes import RouteStore
from portweave.errors import ProxyPortError
from portweave.supervisor.paths import live_stacks
from portweave.supervisor.proxy.server import ProxyServer
from portweave.supervisor.proxy.station import Post, candidate_ports
from portweave.supervisor.proxy.table import Owners, Table

DRAIN_S = 1.5
# How long after the last stack one that was started for stacks ends, and how often it looks.
IDLE_S = 30.0
LOOK_S = 5.0
GARBAGE_OBJECTS = 20_000


def serve(
    store: RouteStore,
    port: int | None,
    *,
    wildcard: bool,
    stacks: str | None,
    say: Callable[[int], object],
) -> None:
    """Run the proxy of a folder until SIGINT, SIGTERM or SIGHUP.

    Args:
        store: The folder's.
        port: Where to listen; None for 1355, or the next one that is free.
        wildcard: Whether a host without a route is for that of its longest parent.
        stacks: Where the records of stacks lie, if it is to end when the last of them has gone for
            a while; else None.
        say: Called with the port when it listens.

    Raises:
        ProxyPortError: The port cannot be had.
        ProxyRunningError: The folder has a proxy.
    """
    post = Post(store)
    try:
        _raise_descriptor_limit()
        asyncio.run(_serve(store, port, post, wildcard=wildcard, stacks=stacks, say=say))
    finally:
        post.close()


async def _serve(
    store: RouteStore,
    port: int | None,
    post: Post,
    *,
    wildcard: bool,
    stacks: str | None,
    say: Callable[[int], object],
) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Who is started by nohup(1) does not end with the terminal.
        if signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, over.set)
    table = Table(store)
    server = ProxyServer(table.routes, wildcard=wildcard, advice=Owners(table))
    found = await listen(server, candidate_ports(port))
    post.sign(found)
    say(found)
    # What is there now stays: to look through it again and again would cost every request.
    gc.collect()
    gc.freeze()
    # A request makes a hundred objects and no cycle; only connections make some.
    gc.set_threshold(GARBAGE_OBJECTS)
    if stacks is None:
        await over.wait()
    else:
        await _wait(over, stacks)
    await server.close(DRAIN_S)


async def _wait(over: asyncio.Event, stacks: str) -> None:
    """Wait until it is to end, or the last stack has been gone for a while."""
    last_s = time.monotonic()
    while time.monotonic() - last_s < IDLE_S:
        try:
            async with asyncio.timeout(LOOK_S):
                await over.wait()
                return
        except TimeoutError:
            if live_stacks(stacks):
                last_s = time.monotonic()


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
