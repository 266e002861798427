"""Pure. Find the route for the Host field of a request."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# A name (RFC 1035, section 2.3.4), a trailing dot, a colon and a port.
LONGEST = 253 + 1 + 6
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=%")
_HEX = frozenset("0123456789abcdef:.")
# The prefix of a route for all names below another one.
ANY = "*."


class Named(Protocol):
    """A route: anything with a host name."""

    @property
    def hostname(self) -> str:
        """The name, in upper or lower case."""
        ...


Route = TypeVar("Route", bound=Named)


@lru_cache(maxsize=512)
def split_host(host: bytes) -> tuple[str, str] | None:
    """Split a Host field into name and port (RFC 9110, section 7.2; RFC 3986, section 3.2.2).

    Returns:
        The name in lower case, without a trailing dot or the brackets of an address, and the port,
        empty if none is given. None if it is not a Host field.
    """
    if len(host) > LONGEST:
        return None
    try:
        text = host.decode("ascii").lower()
    except UnicodeDecodeError:
        return None
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        if not bracket or not name or not _HEX.issuperset(name) or rest[:1] not in ("", ":"):
            return None
        port = rest[1:]
    else:
        name, _, port = text.partition(":")
        name = name.removesuffix(".")
        if not name or not _NAME.issuperset(name):
            return None
    if port and not (port.isdecimal() and len(port) <= 5):
        return None
    return name, port


class Directory(Generic[Route]):
    """Routes by host name.

    A route `*.b.localhost` serves all names below `b.localhost` that have no route of their own.

    Args:
        routes: The routes; the first one of a name counts.
        wildcard: Whether the route `b.localhost` also serves `a.b.localhost`; the longest counts.
    """

    def __init__(self, routes: Iterable[Route], *, wildcard: bool) -> None:
        self._wildcard = wildcard
        self._by_name: dict[str, Route] = {}
        for route in routes:
            self._by_name.setdefault(route.hostname.lower(), route)
        self._has_parents = wildcard or any(name.startswith(ANY) for name in self._by_name)

    def find(self, name: str) -> Route | None:
        """The route of a name from `split_host`; None if there is none."""
        found = self._by_name.get(name)
        while found is None and self._has_parents and name:
            name = name.partition(".")[2]
            if name:
                found = self._by_name.get(f"{ANY}{name}")
                if found is None and self._wildcard:
                    found = self._by_name.get(name)
        return found


def is_our_concern(name: str, tlds: Iterable[str]) -> bool:
    """Whether a request for a name may see the list of routes.

    A stranger's web page, whose own name points to this machine, must not read the list.

    Args:
        name: The host name of the request.
        tlds: The top-level domains of the routes.
    """
    return name in LOOPBACK_NAMES or any(name.endswith(f".{tld}") for tld in tlds)
