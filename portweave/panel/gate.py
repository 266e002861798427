"""Pure. Who may ask the panel for something.

Any page that a browser shows can send requests to a port of this machine. Three things keep it out:

- The `Host` has to be one of ours. A page whose own name was made to mean 127.0.0.1 (DNS rebinding)
  sends that name.
- A browser tells whether the page that asks is of the same origin (Fetch Metadata Request Headers,
  `Sec-Fetch-Site`; RFC 6454, `Origin`). Servers on other ports of this machine are not.
- A change needs the token that stands in our own page, which no other origin can read.

There is no cookie: cookies do not tell ports apart (RFC 6265, section 8.5), so any development
server on this machine would be sent it.
"""

import hmac

from portweave.allocator.names.hostnames import PANEL_HOST
from portweave.encoding.value import value

_LOCAL = ("127.0.0.1", "localhost")
_OWN_SITES = frozenset({"same-origin", "none"})


@value
class Asked:
    """What a request tells of who sends it; None for a header that it has not.

    Attributes:
        host: `Host`; None also where it has several.
        origin: `Origin`.
        site: `Sec-Fetch-Site`.
        mode: `Sec-Fetch-Mode`.
        token: `X-Portweave-Csrf`.
    """

    host: str | None
    origin: str | None = None
    site: str | None = None
    mode: str | None = None
    token: str | None = None


def is_known_host(host: str | None, port: int) -> bool:
    """Whether a `Host` is ours: of this machine with our port, or our name through the proxy."""
    if host is None:
        return False
    name, _, given = host.lower().partition(":")
    if name == PANEL_HOST:
        return given == "" or (given.isascii() and given.isdigit())
    return name in _LOCAL and given == str(port)


def may_read(asked: Asked, port: int) -> bool:
    """Whether what is there may be told.

    Args:
        asked: The request.
        port: Ours.
    """
    if not is_known_host(asked.host, port):
        return False
    # A link from elsewhere may lead here; what a page loads by itself has to be our own.
    return asked.site is None or asked.site in _OWN_SITES or asked.mode == "navigate"


def may_change(asked: Asked, port: int, token: str) -> bool:
    """Whether something may be done.

    Args:
        asked: The request.
        port: Ours.
        token: What stands in our page.
    """
    if not is_known_host(asked.host, port) or asked.token is None:
        return False
    if asked.site is not None and asked.site not in _OWN_SITES:
        return False
    if asked.origin is not None and not _is_own_origin(asked, port):
        return False
    return hmac.compare_digest(asked.token.encode("utf-8", "surrogateescape"), token.encode())


def _is_own_origin(asked: Asked, port: int) -> bool:
    scheme, _, rest = (asked.origin or "").partition("://")
    if not is_known_host(rest, port):
        return False
    if rest.lower().partition(":")[0] == PANEL_HOST:
        return scheme in ("http", "https") and rest.lower() == (asked.host or "").lower()
    return scheme == "http"
