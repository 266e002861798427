"""Run the panel: find a port, listen, and serve until a signal."""

import asyncio
import contextlib
import errno
import signal
import socket
import webbrowser
from collections.abc import Mapping
from types import FrameType

import anyio
import uvicorn
from anyio import to_thread
from uvicorn.protocols.http.h11_impl import H11Protocol

from portweave.client.verb_queries import say
from portweave.errors import PanelPortError
from portweave.panel.panel_route import PanelRoute
from portweave.panel.server import Panel
from portweave.system.peer_credentials import is_own

DEFAULT_PORT = 6767
_CANDIDATES = 20
_LARGEST_PORT = 65_535
# The time for answers to requests that run when the panel stops.
_LAST_ANSWERS_S = 2
_ENDS = (signal.SIGINT, signal.SIGTERM)


def listen(port: int) -> socket.socket:
    """Return a listening socket on 127.0.0.1.

    Args:
        port: The first port to try; 0 for any free one.

    Raises:
        PanelPortError: None of twenty ports is free, or binding failed for another reason.
    """
    for candidate in range(port, min(port + _CANDIDATES, _LARGEST_PORT + 1)):
        # Without the protocol asyncio keeps Nagle's algorithm on, which delays answers by 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", candidate))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise PanelPortError(candidate, error.strerror or str(error)) from error
        else:
            return listener
    raise PanelPortError(port)


def run(port: int, environ: Mapping[str, str], *, open_page: bool) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        port: The first port to try.
        environ: The environment of portweave.
        open_page: Whether to open the page in a browser.

    Raises:
        PanelPortError: No port is free.
    """
    with listen(port) as listener:
        found: int = listener.getsockname()[1]
        url = f"http://127.0.0.1:{found}/"
        # Signals that arrive before the server exists are kept for it. After its end the server
        # sends them to itself again; that changes nothing.
        early_signals: list[int] = []
        for number in _ENDS:
            signal.signal(number, lambda number, _frame: early_signals.append(number))
        say(f"panel: {url}")
        route = PanelRoute(environ, found)
        route.claim()
        say("press Ctrl-C to stop")
        try:
            server = _Server(Panel(environ, found), early_signals)
            anyio.run(_serve, listener, server, route, url if open_page else None)
        finally:
            route.release()
            # While it shuts down, Python restores the default handlers; a signal would then kill
            # us.
            for number in _ENDS:
                signal.signal(number, signal.SIG_IGN)


async def _serve(
    listener: socket.socket, server: "_Server", route: PanelRoute, url: str | None
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.panel.watch.run)
        tasks.start_soon(route.follow)
        if url is not None:
            tasks.start_soon(_show, url)
        await server.serve(sockets=[listener])
        tasks.cancel_scope.cancel()


async def _show(url: str) -> None:
    with contextlib.suppress(webbrowser.Error):
        await to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)


class _Server(uvicorn.Server):
    """A server that closes its event streams when it stops; they have no other end.

    Args:
        panel: The application.
        early_signals: Signals that arrived before the server handles them itself.

    Attributes:
        panel: The application.
    """

    def __init__(self, panel: Panel, early_signals: list[int]) -> None:
        config = uvicorn.Config(
            panel,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        super().__init__(config)
        self.panel = panel
        self._early_signals = early_signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, unless a signal has already arrived."""
        await super().startup(sockets)
        for number in self._early_signals:
            self.handle_exit(number, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        self.panel.close()
        super().handle_exit(sig, frame)


class _Connection(H11Protocol):
    """A connection; one from another user is closed before anything is read from it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or close it."""
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        super().connection_made(transport)
        if not peer or not is_own(peer, own):
            transport.abort()
