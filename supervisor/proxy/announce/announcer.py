"""Register a stack's names while it runs."""

import asyncio
import os
from collections.abc import Callable, Mapping
from functools import partial

from portweave.supervisor.proxy.announce.result import (
    NOTHING,
    Announced,
)
from portweave.supervisor.proxy.routing.host_table import ANY
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.work_order import RouteSettings
from portweave.system.tasks import (
    Within,
    in_thread,
)

# By then the first services have been started.
_PAUSE_S = 0.05
# After this time, other processes remove the names because their owner has ended.
_WITHDRAW_S = 1.0
# How often to look whether a name of another process is free.
_LOOK_S = 2.0


class Announcer:
    """Keeps the names of a stack registered as its instances come and go.

    Args:
        naming: The state folder and the owner of the routes.
        wake: The descriptor that wakes the waiting proxy process; None if there is none.
        say: Takes a warning.

    Attributes:
        announced: The last result.
        settled: Set when registering the names of the current plans has succeeded or failed.
        registered: Set after the first registration.
        naming: As given.
    """

    def __init__(self, naming: RouteSettings, wake: int | None, say: Callable[[str], None]) -> None:
        self.announced = NOTHING
        self.settled = asyncio.Event()
        self.registered = asyncio.Event()
        self.naming = naming
        self._wake = wake
        self._say = say
        self._said: set[str] = set()
        self._plans: Mapping[str, InstancePlan] = {}
        self._dropped: frozenset[str] = frozenset()
        self._wanted: dict[str, int] = {}
        self._changed = asyncio.Event()
        # The last state of the file of routes, and whether another program has changed it since.
        self._seen: tuple[int, int, int] | None = (0, 0, 0)
        self._is_file_changed = False
        self._run: asyncio.Task[None] | None = None

    def update(self, fleet: Fleet) -> None:
        """Note the plans of the fleet, and register the names if they have changed."""
        if fleet.plans is self._plans and fleet.removed == self._dropped:
            return
        self._plans, self._dropped = fleet.plans, fleet.removed
        wanted = {
            hostname: plan.port
            for plan in fleet.plans.values()
            for hostname in _hostnames(plan)
            if plan.port is not None and plan.name not in fleet.removed
        }
        if wanted != self._wanted:
            self._wanted = wanted
            self.settled = asyncio.Event()
            self._changed.set()

    def check_file(self) -> None:
        """Notice if another program has changed the file of routes, and may have lost ours."""
        found = _mark(f"{self.naming.folder}/routes.json")
        if found != self._seen:
            self._seen, self._is_file_changed = found, True
            self._changed.set()

    def url(self, plan: InstancePlan) -> str | None:
        """The current URL of an instance; None if it has no port or no URL."""
        if plan.hostname is not None and plan.hostname in self.announced.names:
            from portweave.supervisor.proxy.announce.register import url_of

            url = url_of(plan.hostname, self.naming)
            if url is not None:
                return url
        is_linked = plan.port is not None and plan.url is not None
        return f"http://127.0.0.1:{plan.port}" if is_linked else None

    async def run(self) -> None:
        """Register the names whenever they change, until closed."""
        self._run = asyncio.current_task()
        await asyncio.sleep(_PAUSE_S)
        registered: dict[str, int] = {}
        while True:
            self._changed = asyncio.Event()
            is_file_changed, self._is_file_changed = self._is_file_changed, False
            if self._wanted != registered or (is_file_changed and await self._is_any_lost()):
                registered = self._wanted
                await self._register(registered)
            if self._wanted == registered:
                self.settled.set()
            taken = self.announced.taken
            async with Within(_LOOK_S if taken else None):
                await self._changed.wait()
            if self._wanted == registered and await self._is_any_free(taken):
                await self._register(registered)
                for name in sorted(taken & self.announced.names):
                    self._say(f"{name} is free again, and leads here now")

    async def _register(self, routes: Mapping[str, int]) -> None:
        self.announced = await in_thread(partial(_register, routes, self.naming, self._wake))
        self._close_wake()
        self._warn()
        self.registered.set()

    async def _is_any_free(self, taken: frozenset[str]) -> bool:
        if not taken:
            return False
        from portweave.supervisor.proxy.announce.register import is_any_free

        return await in_thread(partial(is_any_free, taken, self.naming))

    async def _is_any_lost(self) -> bool:
        if not self.announced.names:
            return False
        from portweave.supervisor.proxy.announce.register import is_any_lost

        return await in_thread(partial(is_any_lost, self.announced.names, self.naming))

    async def close(self) -> None:
        """Remove the names."""
        if self._run is not None:
            self._run.cancel()
        self._close_wake()
        if self.announced.names:
            work = partial(_register, {}, self.naming, None)
            async with Within(_WITHDRAW_S):
                await in_thread(work)

    def _close_wake(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            os.close(wake)

    def _warn(self) -> None:
        warnings = list(self.announced.warnings)
        port, scheme = self.announced.proxy_port, self.announced.proxy_scheme
        if port not in (None, self.naming.port):
            warnings.append(
                f"the proxy listens on port {port}, not on {self.naming.port} as services find it"
                " in PORTWEAVE_URL"
            )
        elif port is not None and scheme != self.naming.scheme:
            warnings.append(
                f"the proxy speaks {scheme}, not {self.naming.scheme} as services find it in"
                " PORTWEAVE_URL"
            )
        for text in warnings:
            if text not in self._said:
                self._said.add(text)
                self._say(text)


def _mark(path: str) -> tuple[int, int, int] | None:
    """Inode, mtime (ns) and size of a file, which change with it; None if it does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _hostnames(plan: InstancePlan) -> tuple[str, ...]:
    """The host names of an instance's routes."""
    if plan.hostname is None:
        return ()
    return (plan.hostname, f"{ANY}{plan.hostname}") if plan.wildcard else (plan.hostname,)


def _register(routes: Mapping[str, int], naming: RouteSettings, wake: int | None) -> Announced:
    # This takes a while to import, so it happens in a thread.
    from portweave.supervisor.proxy.announce.register import register

    return register(routes, naming, wake)
