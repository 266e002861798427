"""Pure. A request's Host in, its route out."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# A name (RFC 1035, section 2.3.4), a dot behind it, and a port.
LONGEST = 253 + 1 + 6
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=%")
_HEX = frozenset("0123456789abcdef:.")
# How the hostname of a route begins that is for all names below another one.
ANY = "*."


class Named(Protocol):
    """What has a hostname."""

    @property
    def hostname(self) -> str:
        """The name, in any case."""
        ...


Route = TypeVar("Route", bound=Named)


@lru_cache(maxsize=512)
def normal(host: bytes) -> tuple[str, str] | None:
    """The name and the port that a Host field has, None where it is not one.

    The name is in lower case, without a trailing dot, and without the brackets of an address; the
    port is empty where none is given (RFC 9110, section 7.2; RFC 3986, section 3.2.2).
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
    """Routes by the hosts that they are for.

    A route `*.b.localhost` is for all names below `b.localhost` that have none of their own.

    Args:
        routes: The first one of a name counts.
        wildcard: Whether `a.b.localhost` is also for the route `b.localhost`; the longest counts.
    """

    def __init__(self, routes: Iterable[Route], *, wildcard: bool) -> None:
        self._wildcard = wildcard
        self._by_name: dict[str, Route] = {}
        for route in routes:
            self._by_name.setdefault(route.hostname.lower(), route)
        self._looks_above = wildcard or any(name.startswith(ANY) for name in self._by_name)

    def find(self, name: str) -> Route | None:
        """The route of a host, whose name is from `normal`; None where there is none."""
        found = self._by_name.get(name)
        while found is None and self._looks_above and name:
            name = name.partition(".")[2]
            if name:
                found = self._by_name.get(f"{ANY}{name}")
                if found is None and self._wildcard:
                    found = self._by_name.get(name)
        return found


def is_our_concern(name: str, tlds: Iterable[str]) -> bool:
    """Whether a name may be told what routes there are.

    A page of a stranger, whose own name leads to this machine, must not read them.
    """
    return name in LOOPBACK_NAMES or any(name.endswith(f".{tld}") for tld in tlds)
