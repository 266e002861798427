"""Register a stack's names, and wake its proxy.

Functions here wait for files and processes, and this module takes a while to import. So the caller
imports and calls it in a thread, once the services have been started.
"""

import os
import select
from collections.abc import Mapping

from portweave.allocator.names.route_file import RouteMapping
from portweave.allocator.names.route_store import RouteStore
from portweave.errors import PortweaveError
from portweave.supervisor.proxy.announce.result import Announced
from portweave.supervisor.proxy.process.command import (
    Log,
    await_proxy,
)
from portweave.supervisor.proxy.process.proxy_files import (
    RunningProxy,
    find_proxy,
)
from portweave.supervisor.services.work_order import RouteSettings


def register(routes: Mapping[str, int], naming: RouteSettings, wake: int | None) -> Announced:
    """Replace a stack's registered names, and make sure that a proxy runs.

    Args:
        routes: The port of each host name.
        naming: The state folder and the owner of the routes.
        wake: The descriptor that wakes the waiting proxy process; None if there is none.

    Returns:
        The result. Nothing is raised, because a stack works without names too.
    """
    warnings: list[str] = []
    store = RouteStore(naming.folder, warnings.append, private=True)
    try:
        holders = store.set_routes(naming.owner, routes)
        running = _proxy(store, wake) if routes else None
    except PortweaveError as error:
        return Announced(warnings=(*warnings, f"no names: {error.message}", *error.hints))
    except OSError as error:
        return Announced(warnings=(*warnings, f"no names: {error}"))
    if running is None and routes:
        warnings.append("no proxy runs, so names lead nowhere: portweave proxy start")
    warnings += map(_taken, holders)
    taken = frozenset(holder.hostname for holder in holders)
    names = frozenset(routes) - taken
    if running is None:
        return Announced(None, names, tuple(warnings), taken=taken)
    return Announced(running.port, names, tuple(warnings), running.scheme, taken)


def is_any_free(taken: frozenset[str], naming: RouteSettings) -> bool:
    """Whether a name that another process had is free by now; takes no lock."""
    routes = RouteStore(naming.folder, private=True).load_routes()
    return not taken <= {route.hostname for route in routes}


def is_any_lost(names: frozenset[str], naming: RouteSettings) -> bool:
    """Whether one of our names has lost its route; takes no lock."""
    routes = RouteStore(naming.folder, private=True).load_routes()
    return not names <= {route.hostname for route in routes if route.pid == naming.owner}


def url_of(hostname: str, naming: RouteSettings) -> str | None:
    """The URL of a registered name; None if no proxy runs."""
    proxy = find_proxy(RouteStore(naming.folder, private=True))
    return None if proxy is None else proxy.url(hostname)


def _proxy(store: RouteStore, wake: int | None) -> RunningProxy | None:
    running = find_proxy(store)
    if running is not None or wake is None:
        return running
    log = Log(store)
    poll = select.poll()
    # poll(2) reports POLLERR once the other end is closed.
    poll.register(wake, 0)
    try:
        os.write(wake, b".")
        return await_proxy(store, log, lambda: bool(poll.poll(0)))
    finally:
        log.close()


def _taken(holder: RouteMapping) -> str:
    if holder.pid == 0:
        return (
            f"{holder.hostname} is an alias of port {holder.port}:"
            f" portweave alias --remove {holder.hostname} gives the name back"
        )
    return f"{holder.hostname} belongs to pid {holder.pid} (port {holder.port})"
