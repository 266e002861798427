"""A stack's names: registered while it runs, with a proxy that follows them."""

import os
from collections.abc import Callable, Mapping
from functools import partial

import anyio
from anyio import to_thread

from portweave.allocator.routes import RouteStore
from portweave.allocator.routetext import RouteMapping
from portweave.errors import PortweaveError
from portweave.supervisor.core.fleet import Fleet
from portweave.supervisor.core.plan import InstancePlan
from portweave.supervisor.core.value import value
from portweave.supervisor.proxy.command import Log, await_proxy
from portweave.supervisor.proxy.station import Running, find_proxy
from portweave.supervisor.work import Naming

# The first services have been spawned by then.
_PAUSE_S = 0.05
# Where the names cannot be taken away by then they go with their owner.
_WITHDRAW_S = 1.0


@value
class Announced:
    """What came of it.

    Attributes:
        proxy_port: Where the proxy listens; None where there is none.
        names: Those that are registered.
        warnings: What did not work, in words.
    """

    proxy_port: int | None = None
    names: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


NOTHING = Announced()


class Announcer:
    """Keeps the names of a stack registered as its instances come and go.

    Args:
        naming: How.
        wake: The descriptor that wakes the one who becomes the proxy; None where there is none.
        say: Takes a warning.

    Attributes:
        announced: What came of it last.
        settled: Set when the names that there are at first are registered, or cannot be.
    """

    def __init__(self, naming: Naming, wake: int | None, say: Callable[[str], None]) -> None:
        self.announced = NOTHING
        self.settled = anyio.Event()
        self._naming = naming
        self._wake = wake
        self._say = say
        self._told: set[str] = set()
        self._store = RouteStore(naming.folder, private=True)
        self._plans: Mapping[str, InstancePlan] = {}
        self._dropped: frozenset[str] = frozenset()
        self._wanted: dict[str, int] = {}
        self._news = anyio.Event()
        self._scope = anyio.CancelScope()

    def take(self, fleet: Fleet) -> None:
        """Take the fleet as it is now."""
        if fleet.plans is self._plans and fleet.dropped == self._dropped:
            return
        self._plans, self._dropped = fleet.plans, fleet.dropped
        wanted = {
            plan.hostname: plan.port
            for plan in fleet.plans.values()
            if plan.hostname is not None
            and plan.port is not None
            and plan.name not in fleet.dropped
        }
        if wanted != self._wanted:
            self._wanted = wanted
            self._news.set()

    def url(self, plan: InstancePlan) -> str | None:
        """Where an instance is reached now; None without a port."""
        if plan.hostname in self.announced.names:
            proxy = find_proxy(self._store)
            if proxy is not None:
                return f"http://{plan.hostname}:{proxy.port}"
        return None if plan.port is None else f"http://127.0.0.1:{plan.port}"

    async def run(self) -> None:
        """Register what is wanted, until it is closed."""
        with self._scope:
            await anyio.sleep(_PAUSE_S)
            registered: dict[str, int] = {}
            while True:
                self._news = anyio.Event()
                if self._wanted != registered:
                    registered = self._wanted
                    work = partial(register, registered, self._naming, self._wake)
                    self.announced = await to_thread.run_sync(work, abandon_on_cancel=True)
                    self._forget_starter()
                    self._tell()
                self.settled.set()
                await self._news.wait()

    async def close(self) -> None:
        """Take the names away."""
        self._scope.cancel()
        self._forget_starter()
        if self.announced.names:
            work = partial(register, {}, self._naming, None)
            with anyio.move_on_after(_WITHDRAW_S):
                await to_thread.run_sync(work, abandon_on_cancel=True)

    def _forget_starter(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            os.close(wake)

    def _tell(self) -> None:
        warnings = list(self.announced.warnings)
        port = self.announced.proxy_port
        if port not in (None, self._naming.port):
            warnings.append(
                f"the proxy listens on port {port}, not on {self._naming.port} as services find it"
                " in PORTWEAVE_URL"
            )
        for text in warnings:
            if text not in self._told:
                self._told.add(text)
                self._say(text)


def register(routes: Mapping[str, int], naming: Naming, wake: int | None) -> Announced:
    """Have a stack's names be these, and see to it that a proxy runs.

    It waits for files and processes: call it in a thread.

    Args:
        routes: Hostname to port.
        naming: How they are registered.
        wake: The descriptor that wakes the one who becomes the proxy; None where there is none.

    Returns:
        What came of it; a stack without names is a stack all the same, so nothing is raised.
    """
    warnings: list[str] = []
    store = RouteStore(naming.folder, warnings.append, private=True)
    try:
        holders = store.set_routes(naming.owner, routes)
        running = _proxy(store, wake) if routes else None
    except PortweaveError as error:
        return Announced(warnings=(*warnings, f"no names: {error.message}", *error.hints))
    except OSError as error:
        return Announced(warnings=(*warnings, f"no names: {error}"))
    if running is None and routes:
        warnings.append("no proxy runs, so names lead nowhere: portweave proxy start")
    warnings += map(_taken, holders)
    names = frozenset(routes.keys() - {holder.hostname for holder in holders})
    return Announced(None if running is None else running.port, names, tuple(warnings))


def _proxy(store: RouteStore, wake: int | None) -> Running | None:
    running = find_proxy(store)
    if running is not None or wake is None:
        return running
    # select(2) and the log are only looked at where there is something to wait for.
    import select

    log = Log(store)
    poll = select.poll()
    # When nobody has the other end any more: poll(2), POLLERR.
    poll.register(wake, 0)
    try:
        os.write(wake, b".")
        return await_proxy(store, log, lambda: bool(poll.poll(0)))
    finally:
        log.close()


def _taken(holder: RouteMapping) -> str:
    if holder.pid == 0:
        return (
            f"{holder.hostname} is an alias of port {holder.port}:"
            f" portweave alias --remove {holder.hostname} gives the name back"
        )
    return f"{holder.hostname} belongs to pid {holder.pid} (port {holder.port})"
