"""Starting a proxy again that was killed: all of it that waits for files and processes.

One that ends by itself or is stopped takes its signature away, so who finds that of a dead one
knows that it was killed. It is imported in a thread, when there is something to watch.
"""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager

from portweave.allocator.names.route_store import RouteStore
from portweave.encoding.value import value
from portweave.supervisor.proxy.announce.revive_rules import (
    started_in_background,
    words_at,
)
from portweave.supervisor.proxy.process.command import START_S
from portweave.supervisor.proxy.process.proxy_files import (
    RunningProxy,
    find_proxy,
    signed_pid,
)
from portweave.system.processes import words_of

_TURN = "proxy.turn"
_PAUSE_S = 0.05


@value
class Watched:
    """A proxy that runs.

    Attributes:
        pid: Its process.
        port: Where it listens.
        words: Its command; empty where it is not ours to start again.
    """

    pid: int
    port: int
    words: tuple[str, ...]


def look(folder: str) -> Watched | None:
    """The proxy of a folder; None where there is none."""
    running = find_proxy(RouteStore(folder, private=True))
    if running is None:
        return None
    words = words_of(running.pid) if running.is_ours else ()
    return Watched(running.pid, running.port, words if started_in_background(words) else ())


def revive(folder: str, watched: Watched, *, same_port: bool) -> tuple[RunningProxy, bool] | None:
    """Start a proxy again that has ended, if it was killed and there is no other one by now.

    Args:
        folder: Of the routes and the proxy.
        watched: The one that has ended.
        same_port: Whether it is to listen where it did; else where its command says.

    Returns:
        The proxy there is, and whether it was started now; None where there is to be none.

    Raises:
        ProxyNotStartedError: It ended at once, or did not say where it listens.
        OSError: The folder cannot be used, or no process can be made.
    """
    from portweave.supervisor.proxy.process.start_proxy import start

    store = RouteStore(folder, private=True)
    with _turn(folder):
        running = find_proxy(store)
        if running is not None:
            return running, False
        if not watched.words or signed_pid(store) != watched.pid:
            return None
        words = words_at(watched.words, watched.port) if same_port else watched.words
        return start(store, list(words), os.environ)


@contextmanager
def _turn(folder: str) -> Generator[None]:
    """One stack after the other: the first one starts it, the others find it."""
    lock = os.open(f"{folder}/{_TURN}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # Whoever stands still for longer is not waited for.
    until_s = time.monotonic() + START_S
    try:
        while time.monotonic() < until_s:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_S)
            else:
                break
        yield
    finally:
        os.close(lock)
