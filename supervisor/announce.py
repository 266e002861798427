"""A stack's names: registered while it runs, with a proxy that follows them.

All of this waits for files and processes: call it in a thread where an event loop runs.
"""

from collections.abc import Mapping

from portweave.allocator.routetext import RouteMapping
from portweave.errors import PortweaveError
from portweave.supervisor.core.value import value
from portweave.supervisor.proxy.start import start
from portweave.supervisor.proxy.station import open_store

_NEVER = frozenset({"0", "false", "no", "off"})


@value
class Announced:
    """What came of it.

    Attributes:
        proxy_port: Where the proxy listens; None where there is none.
        warnings: What did not work, in words.
    """

    proxy_port: int | None
    warnings: tuple[str, ...] = ()


def wants_proxy(environ: Mapping[str, str]) -> bool:
    """Whether the user's environment allows a proxy: not with `PORTWEAVE_PROXY=0`."""
    return environ.get("PORTWEAVE_PROXY", "").lower() not in _NEVER


def register(routes: Mapping[str, int], pid: int, environ: Mapping[str, str]) -> Announced:
    """Register a stack's names, and see to it that a proxy runs.

    Args:
        routes: Hostname to port.
        pid: The process whose end takes the names away.
        environ: Says where the state lies.

    Returns:
        What came of it; a stack without names is a stack all the same, so nothing is raised.
    """
    if not routes:
        return Announced(None)
    store = open_store(None, environ)
    try:
        holders = store.add_routes(
            RouteMapping(hostname, port, pid) for hostname, port in routes.items()
        )
        warnings = [_taken(holder) for holder in holders]
        running, _ = start(store, for_stacks=True, environ=environ)
    except PortweaveError as error:
        return Announced(None, (f"no names: {error.message}", *error.hints))
    except OSError as error:
        return Announced(None, (f"no names: {error}",))
    return Announced(running.port, tuple(warnings))


def withdraw(pid: int, environ: Mapping[str, str]) -> None:
    """Take a stack's names away; where that fails they go with the process."""
    try:
        open_store(None, environ).remove_routes(pid)
    except (PortweaveError, OSError):
        return


def _taken(holder: RouteMapping) -> str:
    if holder.pid == 0:
        return (
            f"{holder.hostname} is an alias of port {holder.port}:"
            f" portweave alias --remove {holder.hostname} gives the name back"
        )
    return f"{holder.hostname} belongs to pid {holder.pid} (port {holder.port})"
