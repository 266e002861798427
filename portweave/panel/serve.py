"""Run the panel: find a port, listen, and go on until a signal ends it."""

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
from portweave.panel.name import Name
from portweave.panel.server import Panel
from portweave.system.peer_credentials import is_own

DEFAULT_PORT = 6767
_CANDIDATES = 20
_LARGEST_PORT = 65_535
# What is asked when the panel is told to end is answered within this time.
_LAST_ANSWERS_S = 2
_ENDS = (signal.SIGINT, signal.SIGTERM)


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1.

    Args:
        port: The first to try; 0 for any that is free.

    Raises:
        PanelPortError: None of the next twenty is free, or this one cannot be had.
    """
    for candidate in range(port, min(port + _CANDIDATES, _LARGEST_PORT + 1)):
        # Without the protocol asyncio leaves Nagle's algorithm on: answers would come 40 ms later.
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
        port: The first to try.
        environ: What portweave was started with.
        open_page: Whether to open the page in a browser.

    Raises:
        PanelPortError: There is no port to listen on.
    """
    with listen(port) as listener:
        found: int = listener.getsockname()[1]
        url = f"http://127.0.0.1:{found}/"
        # One that comes before there is a server is kept for it. The server sends these to itself
        # again once it has ended, which says nothing new.
        asked: list[int] = []
        for number in _ENDS:
            signal.signal(number, lambda number, _frame: asked.append(number))
        say(f"panel: {url}")
        name = Name(environ, found)
        name.take()
        say("press Ctrl-C to stop")
        try:
            server = _Server(Panel(environ, found), asked)
            anyio.run(_serve, listener, server, name, url if open_page else None)
        finally:
            name.leave()
            # At its very end Python would let the next one kill us, who have ended well.
            for number in _ENDS:
                signal.signal(number, signal.SIG_IGN)


async def _serve(listener: socket.socket, server: "_Server", name: Name, url: str | None) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.panel.watch.run)
        tasks.start_soon(name.follow)
        if url is not None:
            tasks.start_soon(_show, url)
        await server.serve(sockets=[listener])
        tasks.cancel_scope.cancel()


async def _show(url: str) -> None:
    with contextlib.suppress(webbrowser.Error):
        await to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)


class _Server(uvicorn.Server):
    """A server that ends its streams when it is told to end, as they would not by themselves.

    Args:
        panel: Answers requests.
        asked: Signals that came before the server takes them itself.

    Attributes:
        panel: The same.
    """

    def __init__(self, panel: Panel, asked: list[int]) -> None:
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
        self._asked = asked

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, unless it is to end already."""
        await super().startup(sockets)
        for number in self._asked:
            self.handle_exit(number, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self.panel.close()
        super().handle_exit(sig, frame)


class _Connection(H11Protocol):
    """A connection; one of another user's ends before anything is read from it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse to."""
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        super().connection_made(transport)
        if not peer or not is_own(peer, own):
            transport.abort()
