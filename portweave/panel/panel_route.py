"""The route of the panel's host name in the user's proxy."""

import os
from collections.abc import Mapping

import anyio
from anyio import to_thread

from portweave.allocator.names.hostnames import PANEL_HOST
from portweave.allocator.names.route_file import RouteMapping
from portweave.allocator.names.route_store import RouteStore
from portweave.client.verb_queries import say
from portweave.errors import PortweaveError
from portweave.planning.url_names import wants_names
from portweave.supervisor.processes.spawn import wait_for_end_of_other
from portweave.supervisor.proxy.process.proxy_files import (
    find_proxy,
    routes_dir,
)

# The interval at which portweave retries, and checks whether an alias was removed.
_LOOK_S = 15.0


class PanelRoute:
    """The route of the panel.

    Args:
        environ: Says whether names are enabled, and names the state folder.
        port: The port that the panel listens on.
    """

    def __init__(self, environ: Mapping[str, str], port: int) -> None:
        self._is_wanted = wants_names(environ)
        self._store = RouteStore(routes_dir(environ), say, private=True)
        self._port = port
        # The route that holds the name instead of ours; None where we hold it, or want none.
        self._holder: RouteMapping | None = None

    def claim(self) -> None:
        """Register the route, and print the URL where a proxy runs.

        A proxy that starts later follows the route too. The panel starts none, and runs without
        one.
        """
        if not self._is_wanted:
            return
        try:
            holders = self._store.set_routes(os.getpid(), {PANEL_HOST: self._port})
            proxy = find_proxy(self._store)
        except (PortweaveError, OSError) as error:
            say(f"panel: no name: {error}")
            return
        before, self._holder = self._holder, holders[0] if holders else None
        if self._holder is not None and self._holder != before:
            say(f"panel: {_holder_text(self._holder)}")
        if proxy is not None and not holders:
            say(f"panel: {proxy.url(PANEL_HOST)}/")

    async def follow(self) -> None:
        """Wait until the holder ends or releases the name, then claim it."""
        while (holder := self._holder) is not None:
            if holder.pid and self._is_held():
                try:
                    await wait_for_end_of_other(holder.pid)
                except OSError:
                    await anyio.sleep(_LOOK_S)
            while self._is_held():  # noqa: ASYNC110 - no event exists for this
                await anyio.sleep(_LOOK_S)
            await to_thread.run_sync(self.claim)
            if self._holder is holder:
                # The route store could not be read or written.
                await anyio.sleep(_LOOK_S)

    def _is_held(self) -> bool:
        return self._holder in self._store.load_routes()

    def release(self) -> None:
        """Release the name."""
        if not self._is_wanted:
            return
        try:
            self._store.set_routes(os.getpid(), {})
        except (PortweaveError, OSError) as error:
            # The proxy ignores the route once its owner has ended.
            say(f"panel: its name was not released: {error}")


def _holder_text(holder: RouteMapping) -> str:
    if holder.pid == 0:
        return (
            f"{holder.hostname} is an alias of port {holder.port}:"
            " portweave alias --remove portweave releases the name"
        )
    return f"{holder.hostname} leads to the panel of pid {holder.pid}, on port {holder.port}"
