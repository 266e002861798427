"""Pure. Decide which requests the panel accepts.

Any web page in the browser can send requests to a port of this machine. Three checks refuse them:

- `Host` must be one of the panel's names. A page with DNS rebinding sends its own name.
- The browser must say that the page has the same origin (Fetch Metadata Request Headers,
  `Sec-Fetch-Site`; RFC 6454, `Origin`). Servers on other ports of this machine have another.
- A change needs the token in the panel's page, which no other origin can read.

The panel sets no cookie. Cookies do not distinguish ports (RFC 6265, section 8.5), so a browser
would send it to each development server on this machine.
"""

import hmac

from portweave.allocator.names.hostnames import PANEL_HOST
from portweave.encoding.value import value

_LOCAL = ("127.0.0.1", "localhost")
_OWN_SITES = frozenset({"same-origin", "none"})


@value
class RequestHeaders:
    """Headers of a request; None for a header that is missing.

    Attributes:
        host: `Host`; None also where it occurs several times.
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
    """Whether `Host` names the panel: this machine with its port, or its name through the proxy."""
    if host is None:
        return False
    name, _, given = host.lower().partition(":")
    if name == PANEL_HOST:
        return given == "" or (given.isascii() and given.isdigit())
    return name in _LOCAL and given == str(port)


def may_read(asked: RequestHeaders, port: int) -> bool:
    """Whether the request may read.

    Args:
        asked: The headers of the request.
        port: The panel's port.
    """
    if not is_known_host(asked.host, port):
        return False
    # A link on another site may lead here; everything that a page loads needs the same origin.
    return asked.site is None or asked.site in _OWN_SITES or asked.mode == "navigate"


def may_change(asked: RequestHeaders, port: int, token: str) -> bool:
    """Whether the request may change something.

    Args:
        asked: The headers of the request.
        port: The panel's port.
        token: The token in the panel's page.
    """
    if not is_known_host(asked.host, port) or asked.token is None:
        return False
    if asked.site is not None and asked.site not in _OWN_SITES:
        return False
    if asked.origin is not None and not _is_own_origin(asked, port):
        return False
    return hmac.compare_digest(asked.token.encode("utf-8", "surrogateescape"), token.encode())


def _is_own_origin(asked: RequestHeaders, port: int) -> bool:
    scheme, _, rest = (asked.origin or "").partition("://")
    if not is_known_host(rest, port):
        return False
    if rest.lower().partition(":")[0] == PANEL_HOST:
        return scheme in ("http", "https") and rest.lower() == (asked.host or "").lower()
    return scheme == "http"
