"""Start a proxy again that was killed.

A proxy that ends by itself or is stopped removes `proxy.pid`. So if that file names a dead process,
the proxy was killed. Functions here wait for files and processes, and this module takes a while to
import. So the caller imports and calls it in a thread, once there is a proxy to watch.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress

from portweave.allocator.names.route_store import RouteStore
from portweave.encoding.value import value
from portweave.supervisor.proxy.announce.revive_rules import (
    command_with_port,
    started_in_background,
)
from portweave.supervisor.proxy.process.command import START_S
from portweave.supervisor.proxy.process.proxy_files import (
    RunningProxy,
    find_proxy,
    recorded_pid,
)
from portweave.system.processes import words_of

_LOCK = "proxy.turn"
_PAUSE_S = 0.05


@value
class WatchedProxy:
    """A running proxy.

    Attributes:
        pid: Its process.
        port: The port that it listens on.
        command: The words of its command; empty if portweave must not start it again.
    """

    pid: int
    port: int
    command: tuple[str, ...]


def find_watched(folder: str) -> WatchedProxy | None:
    """Find the proxy of a state folder; None if none runs."""
    running = find_proxy(RouteStore(folder, private=True))
    if running is None:
        return None
    command = words_of(running.pid) if running.is_ours else ()
    return WatchedProxy(
        running.pid, running.port, command if started_in_background(command) else ()
    )


def revive(
    folder: str, watched: WatchedProxy, *, same_port: bool
) -> tuple[RunningProxy, bool] | None:
    """Start a proxy again if it was killed and no other proxy runs by now.

    Args:
        folder: The state folder of the routes and the proxy.
        watched: The proxy that has ended.
        same_port: Whether the new proxy listens on the same port; otherwise its command decides.

    Returns:
        The running proxy, and whether this call started it; None if there is to be no proxy.

    Raises:
        ProxyNotStartedError: The new proxy ended at once, or did not report its port in time.
        OSError: The folder cannot be used, or no process can be made.
    """
    from portweave.supervisor.proxy.process.start_proxy import start

    store = RouteStore(folder, private=True)
    with _locked(folder):
        running = find_proxy(store)
        if running is not None:
            return running, False
        if not watched.command or recorded_pid(store) != watched.pid:
            return None
        command = command_with_port(watched.command, watched.port) if same_port else watched.command
        return start(store, list(command), os.environ)


@contextmanager
def _locked(folder: str) -> Generator[None]:
    """Let one stack at a time look for the proxy: the first one starts it, the others find it."""
    # Importing it takes as long as starting twenty services.
    from filelock import FileLock, Timeout

    lock = FileLock(f"{folder}/{_LOCK}", mode=0o600)
    # A holder may hang, so go on without the lock after this time.
    with suppress(Timeout):
        lock.acquire(timeout=START_S, poll_interval=_PAUSE_S)
    try:
        yield
    finally:
        lock.release()
