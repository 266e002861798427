"""The panel's name: a route of the user's proxy for as long as the panel runs."""

import os
from collections.abc import Mapping

from portweave.allocator.hostnames import PANEL_HOST
from portweave.allocator.routes import RouteStore
from portweave.allocator.routetext import RouteMapping
from portweave.asking import say
from portweave.errors import PortweaveError
from portweave.supervisor.proxy.station import find_proxy, routes_dir
from portweave.webnames import wants_names


class Name:
    """The panel's route.

    Args:
        environ: Says whether there are to be names, and where the state lies.
        port: On which the panel listens.
    """

    def __init__(self, environ: Mapping[str, str], port: int) -> None:
        self._is_wanted = wants_names(environ)
        self._store = RouteStore(routes_dir(environ), say, private=True)
        self._port = port

    def take(self) -> None:
        """Have the name lead here, and say so where a proxy runs; without it the panel goes on.

        A proxy that is started later follows the route too. None is started for a panel.
        """
        if not self._is_wanted:
            return
        try:
            holders = self._store.set_routes(os.getpid(), {PANEL_HOST: self._port})
            proxy = find_proxy(self._store)
        except (PortweaveError, OSError) as error:
            say(f"panel: no name: {error}")
            return
        for holder in holders:
            say(f"panel: {_whose(holder)}")
        if proxy is not None and not holders:
            say(f"panel: {proxy.url(PANEL_HOST)}/")

    def leave(self) -> None:
        """Give the name back."""
        if not self._is_wanted:
            return
        try:
            self._store.set_routes(os.getpid(), {})
        except (PortweaveError, OSError) as error:
            # The route is not followed once its owner has ended.
            say(f"panel: its name was not given back: {error}")


def _whose(holder: RouteMapping) -> str:
    if holder.pid == 0:
        return (
            f"{holder.hostname} is an alias of port {holder.port}:"
            " portweave alias --remove portweave gives the name back"
        )
    return f"{holder.hostname} leads to that of pid {holder.pid}, on port {holder.port}"
