"""The Python API of names instead of ports: the route store and the proxy.

`portweave.allocator` and `portweave.supervisor` do the work. The proxy and its libraries are
imported on first use.
"""

import os

from portweave.allocator.names.hostnames import parse_hostname
from portweave.allocator.names.route_file import (
    RouteInfo,
    RouteMapping,
)
from portweave.allocator.names.route_store import (
    DIR_MODE,
    FILE_MODE,
    SYSTEM_DIR_MODE,
    SYSTEM_FILE_MODE,
    RouteStore,
)
from portweave.errors import (
    AuthorityError,
    HostnameError,
    RouteConflictError,
    RouteLockError,
    TlsMissingError,
)

TYPE_CHECKING = False  # an import of `typing` takes as long as all other work here
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portweave.supervisor.proxy.http.proxy_server import ProxyServer
    from portweave.supervisor.proxy.tls.contexts import Identities

__all__ = [
    "DIR_MODE",
    "FILE_MODE",
    "SYSTEM_DIR_MODE",
    "SYSTEM_FILE_MODE",
    "AuthorityError",
    "HostnameError",
    "RouteConflictError",
    "RouteInfo",
    "RouteLockError",
    "RouteMapping",
    "RouteStore",
    "TlsMissingError",
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
    tls: "bool | str | os.PathLike[str]" = False,
    any_user: bool = False,
) -> "ProxyServer":
    """Create a proxy that does not listen yet; use it in an asyncio event loop.

    Args:
        get_routes: Returns the routes; called for each request, in the event loop.
        proxy_port: The port in URLs of error pages; 0 for the listening port.
        tld: The last label of host names.
        strict: False has the same effect as `wildcard=True`; portless names it so.
        wildcard: Whether a host without a route uses the route of its longest parent.
        on_error: Takes one line for each service that did not answer properly. It also takes one
            when `get_routes` raises: then the earlier routes stay.
        tls: True for HTTPS by the CA of the user's own proxy, or the state folder of another CA.
            A missing CA is created; clients trust `ca.pem` in its folder.
        any_user: Whether other users of this machine are served. Only Linux tells which user owns a
            connection; elsewhere, and for root, the proxy serves all users.

    Returns:
        The proxy: `async with server: await server.listen(port, host="127.0.0.1")`, or
        `await server.close()`.

    Raises:
        AuthorityError: With `tls`, the CA cannot be used.
        TlsMissingError: With `tls`, the libraries for it are not installed.
    """
    from portweave.supervisor.proxy.http.proxy_server import ProxyServer

    return ProxyServer(
        get_routes,
        proxy_port,
        tld=tld,
        wildcard=wildcard or not strict,
        on_error=on_error,
        identities=_identities(tls),
        any_user=any_user,
    )


def _identities(tls: "bool | str | os.PathLike[str]") -> "Identities | None":
    if tls is False:
        return None
    from portweave.supervisor.proxy.tls.authority import check_libraries

    check_libraries()
    from portweave.supervisor.proxy.process.proxy_files import (
        open_store,
        state_folder,
    )
    from portweave.supervisor.proxy.tls.contexts import Identities

    store = open_store(None if tls is True else os.fspath(tls), os.environ)
    try:
        store.ensure_dir()
    except OSError as error:
        raise AuthorityError(state_folder(store), error.strerror or str(error)) from error
    return Identities(state_folder(store))
