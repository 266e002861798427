"""Pure. The proxy's own answers: HTML pages for browsers, text for programs."""

from html import escape
from http import HTTPStatus

from portweave.allocator.names.hostnames import PANEL_HOST
from portweave.encoding.value import value
from portweave.supervisor.proxy.http.http1_heads import MARK

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:12vh auto;padding:0 1.5rem}"
    "h1{font-size:1.4rem}"
    "code{font:.95em ui-monospace,monospace}"
    "li{margin:.3rem 0}"
    ".status{color:#888}"
)
# The page may do nothing and load nothing: its style is allowed by its hash.
_POLICY = (
    "default-src 'none'; style-src 'sha256-%s';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# States that a service leaves only when the user starts it.
_OVER = frozenset({"stopped", "exited", "completed", "failed", "blocked"})


@value
class Page:
    """The content of an error page or a redirect.

    Attributes:
        status: The status code, such as 404.
        title: The title in a few words.
        lines: Paragraphs.
        links: (text, URL) pairs.
        reload_s: Seconds until the page reloads; None for never.
        location: The URL of a redirect; empty for none.
    """

    status: int
    title: str
    lines: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    reload_s: int | None = None
    location: str = ""


def render(page: Page, *, html: bool, body_wanted: bool = True, keep_alive: bool = True) -> bytes:
    """Render a page as a whole HTTP/1.1 answer, in bytes.

    Args:
        page: The content.
        html: True for a browser, False for plain text.
        body_wanted: False for the answer to HEAD.
        keep_alive: Whether the connection stays open.
    """
    body = (_html(page) if html else _text(page)).encode("utf-8", "replace")
    try:
        reason = HTTPStatus(page.status).phrase
    except ValueError:
        reason = "Error"
    fields = [
        f"HTTP/1.1 {page.status} {reason}",
        f"Content-Type: text/{'html' if html else 'plain'}; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
    ]
    if html:
        fields.append(f"Content-Security-Policy: {_POLICY % _style_digest()}")
    if page.reload_s is not None:
        fields.append(f"Retry-After: {page.reload_s}")
    if page.location:
        fields.append(f"Location: {page.location}")
    if not keep_alive:
        fields.append("Connection: close")
    head = "\r\n".join(fields).encode("latin-1") + b"\r\n" + MARK + b"\r\n"
    return head + body if body_wanted else head


def _style_digest() -> str:
    from base64 import b64encode
    from hashlib import sha256

    return b64encode(sha256(_STYLE.encode()).digest()).decode()


def _html(page: Page) -> str:
    reload = (
        "" if page.reload_s is None else f'<meta http-equiv="refresh" content="{page.reload_s}">'
    )
    lines = "".join(f"<p>{escape(line)}</p>" for line in page.lines)
    links = "".join(
        f'<li><a href="{escape(url)}">{escape(text)}</a></li>' for text, url in page.links
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"{reload}<title>{escape(page.title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(page.title)}</h1>{lines}{f'<ul>{links}</ul>' if links else ''}"
        f'<p class="status">{page.status} &middot; portweave</p></body></html>\n'
    )


def _text(page: Page) -> str:
    lines = [page.title, *page.lines, *(f"  {text}  {url}" for text, url in page.links)]
    return "".join(f"{line}\n" for line in lines)


def route_url(hostname: str, port: int, scheme: str = "http") -> str:
    """Return the URL of a route, without the port if it is the scheme's default.

    Args:
        hostname: The route's host name.
        port: The proxy's port.
        scheme: `http` or `https`.
    """
    usual = 443 if scheme == "https" else 80
    return f"{scheme}://{hostname}" + ("" if port == usual else f":{port}")


def refused(status: int, why: str) -> Page:
    """The page for a malformed request."""
    return Page(status, "This request cannot be passed on", (f"{why}.",))


def secured(host: str, target: bytes, port: int) -> Page:
    """The redirect of a plain HTTP request to a proxy with HTTPS.

    A 307 keeps the method, and clients do not cache it (RFC 9110, section 15.4.8). The proxy may
    speak plain HTTP again tomorrow.

    Args:
        host: The Host field, with its port if the client named one.
        target: The path.
        port: The proxy's port.
    """
    if not host.rpartition("]")[2].rpartition(":")[1]:
        host = route_url(host, port, "https").removeprefix("https://")
    path = target.decode("latin-1") if target.startswith(b"/") else "/"
    url = f"https://{host}{path}"
    return Page(307, "This proxy speaks HTTPS", (f"Ask for {url} instead.",), location=url)


def unknown(name: str, hostnames: list[str], port: int, scheme: str, *, may_know: bool) -> Page:
    """The page for a host without a route.

    Args:
        name: The host name.
        hostnames: The registered host names.
        port: The proxy's port.
        scheme: `http` or `https`.
        may_know: Whether the page may list the registered names.
    """
    if not may_know:
        # A request by a foreign name learns no more.
        return Page(404, "No such host", ("This proxy does not know the host of this request.",))
    way = f"portweave alias {name.removesuffix('.localhost')} PORT gives it to any port."
    if name == PANEL_HOST:
        way = "It is the panel's: portweave panel starts it."
    return Page(
        404,
        f"{name} has no route",
        (way, "These are registered:" if hostnames else "No routes are registered."),
        tuple((host, route_url(host, port, scheme)) for host in hostnames),
    )


def not_yours(name: str) -> Page:
    """The page for another user that asks for the panel."""
    return Page(
        403,
        f"{name} is another user's",
        (
            "Another user of this machine has started this proxy, and the panel behind it.",
            "portweave panel starts your own; it prints where it is.",
        ),
    )


def other_user() -> Page:
    """The page for another user of this machine; it names no route."""
    return Page(
        403,
        "This proxy serves its own user alone",
        (
            "Another user of this machine has started it.",
            "portweave proxy start starts your own; it prints where that listens.",
            "portweave proxy start --any-user starts one that serves all users.",
        ),
    )


def not_up(name: str, port: int, state: str, service: str = "") -> Page:
    """The page for a service that does not answer.

    Args:
        name: The host name.
        port: The port of the route.
        state: The service's state in a few words.
        service: The service's name in its stack; empty without a stack.
    """
    more = (f"portweave why {service} tells more.",) if service else ()
    # The states are those that `portweave ps` prints.
    is_over = state.partition(":")[0] in _OVER
    return Page(
        503,
        f"{name} is not up" if is_over else f"{name} is not up yet",
        (
            f"It is {state}.",
            f"Nothing listens on port {port}. This page asks again by itself.",
            *more,
        ),
        reload_s=1,
    )


def wrong_port(name: str, port: int, found: list[int]) -> Page:
    """The page for a service that listens on other ports.

    Args:
        name: The host name.
        port: The port of the route.
        found: The ports that the service listens on.
    """
    ports = " and ".join(str(other) for other in found)
    return Page(
        502,
        f"{name} listens on another port",
        (
            f"It was given port {port} (in the variable PORT), but it listens on {ports}.",
            f"Have it read PORT, or start it with an option such as --port {port}.",
        ),
        # You may have fixed it, or the service may still be starting.
        reload_s=2,
    )


def broken(name: str, port: int, why: str) -> Page:
    """The page for a service with an invalid answer.

    Args:
        name: The host name.
        port: The port of the route.
        why: The reason in words.
    """
    return Page(502, f"{name} did not answer properly", (f"Port {port}: {why}.",))


def loop(name: str, hops: int) -> Page:
    """The page for a request that passes the proxy in a loop."""
    return Page(
        508,
        "This request goes round in a circle",
        (
            f"It has come by {hops} times: the service behind {name} sends it to its own name.",
            "Where it is a development server's proxy that does so, set its changeOrigin to true.",
        ),
    )
