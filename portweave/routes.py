"""Names instead of ports, for programs: the store of routes and the proxy that follows them.

The work is done in `portweave.allocator` and `portweave.supervisor`; the proxy, and what it needs,
is imported when it is asked for.
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

TYPE_CHECKING = False  # `typing` costs as much as the work
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
    """A proxy that does not listen yet; use it in an event loop of asyncio.

    Args:
        get_routes: Called for each request, in the loop: where each host's requests go.
        proxy_port: The port in URLs that the proxy shows; 0 for the one that it listens on.
        tld: What names end in.
        strict: False for what `wildcard` says, as portless has it.
        wildcard: Whether a host without a route is for that of its longest parent.
        on_error: Takes a line about each service that did not answer properly, and where
            `get_routes` has raised: then the routes of before hold.
        tls: Whether it speaks HTTPS too, by the CA of the user's own proxy; or the state folder of
            another CA. Either is made where it is missing, `ca.pem` in it is what clients trust.
        any_user: Whether other users of this machine are served too, where the kernel tells whose a
            connection is (Linux); a program of root's serves all.

    Returns:
        The proxy: `async with server: await server.listen(port, host="127.0.0.1")`, or
        `await server.close()`.

    Raises:
        AuthorityError: With `tls`: the CA cannot be used.
        TlsMissingError: With `tls`: the libraries for it are not installed.
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
