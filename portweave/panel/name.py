"""The panel's name: a route of the user's proxy for as long as the panel runs."""

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

# How often it is looked whether an alias has been removed, or what could not be found out can be.
_LOOK_S = 15.0


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
        # Who has the name instead of us; None where it is ours, or not wanted.
        self._holder: RouteMapping | None = None

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
        before, self._holder = self._holder, holders[0] if holders else None
        if self._holder is not None and self._holder != before:
            say(f"panel: {_whose(self._holder)}")
        if proxy is not None and not holders:
            say(f"panel: {proxy.url(PANEL_HOST)}/")

    async def follow(self) -> None:
        """Take the name over when whoever has it ends or gives it up; returns when it is ours."""
        while (holder := self._holder) is not None:
            if holder.pid and self._is_held():
                try:
                    await wait_for_end_of_other(holder.pid)
                except OSError:
                    await anyio.sleep(_LOOK_S)
            while self._is_held():  # noqa: ASYNC110 - nobody could set an event
                await anyio.sleep(_LOOK_S)
            await to_thread.run_sync(self.take)
            if self._holder is holder:
                # It could not be found out who has it now.
                await anyio.sleep(_LOOK_S)

    def _is_held(self) -> bool:
        return self._holder in self._store.load_routes()

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
