"""Names instead of ports, for programs: the store of routes and the proxy that follows them.

The work is done in `portweave.allocator` and `portweave.supervisor`; the proxy, and what it needs,
is imported when it is asked for.
"""

from portweave.allocator.hostnames import parse_hostname
from portweave.allocator.routes import (
    DIR_MODE,
    FILE_MODE,
    SYSTEM_DIR_MODE,
    SYSTEM_FILE_MODE,
    RouteStore,
)
from portweave.allocator.routetext import RouteInfo, RouteMapping
from portweave.errors import HostnameError, RouteConflictError, RouteLockError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portweave.supervisor.proxy.server import ProxyServer

__all__ = [
    "DIR_MODE",
    "FILE_MODE",
    "SYSTEM_DIR_MODE",
    "SYSTEM_FILE_MODE",
    "HostnameError",
    "RouteConflictError",
    "RouteInfo",
    "RouteLockError",
    "RouteMapping",
    "RouteStore",
    "create_proxy_server",
    "parse_hostname",
]


def create_proxy_server(
    get_routes: "Callable[[], Iterable[RouteInfo]]",
    proxy_port: int = 0,
    *,
    tld: str = "localhost",
    strict: bool = True,
    wildcard: bool = False,
    on_error: "Callable[[str], object] | None" = None,
) -> "ProxyServer":
    """A proxy that does not listen yet; use it in an event loop of asyncio.

    Args:
        get_routes: Called for each request, in the loop: where each host's requests go.
        proxy_port: The port in URLs that the proxy shows; 0 for the one that it listens on.
        tld: What names end in.
        strict: False for what `wildcard` says, as portless has it.
        wildcard: Whether a host without a route is for that of its longest parent.
        on_error: Takes a line about each service that did not answer properly.

    Returns:
        The proxy: `async with server: await server.listen(port, host="127.0.0.1")`, or
        `await server.close()`.
    """
    from portweave.supervisor.proxy.server import ProxyServer

    return ProxyServer(
        get_routes, proxy_port, tld=tld, wildcard=wildcard or not strict, on_error=on_error
    )
