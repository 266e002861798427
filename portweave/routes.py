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
    "parse_hostname",
]
