"""Look every half minute for use of a stack that no event tells of.

Such use is an attached terminal, a job at work, a TCP connection from outside, and processor time.
Only a stack that ends without use is looked at.
"""

import os
import time
from collections.abc import Callable
from functools import partial

from portweave.allocator.ports.port_check import held_sockets
from portweave.supervisor.processes.process_owners import owners
from portweave.supervisor.processes.process_tree import ProcessTree
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.reporting.usage import measure
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.lifecycle import Phase
from portweave.supervisor.services.use_rules import (
    LEAST_PERCENT,
    Connection,
    CpuSample,
    busy_percent,
    connections_to,
    from_outside,
    with_sample,
)
from portweave.system.listeners import open_connections
from portweave.system.tasks import in_thread, until_next

LOOK_S = 30.0
_AT_WORK = (Phase.STARTING, Phase.READY, Phase.UNHEALTHY)


class UseWatch:
    """Looks for use of a stack.

    Args:
        engine: The stack's instances.
        snapshots: The processes of the machine.
        note: Takes each use: what for, and when on the monotonic clock.
        last_used_s: Tells when the stack was last used, as far as events tell.
    """

    def __init__(
        self,
        engine: Engine,
        snapshots: Snapshots,
        note: Callable[[str, float], None],
        last_used_s: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._note = note
        self._last_used_s = last_used_s
        self._samples: tuple[CpuSample, ...] = ()
        self._known: frozenset[Connection] = frozenset()
        self._looked_s = time.monotonic()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await until_next(LOOK_S)
            try:
                await self.look()
            except OSError:  # for example no free descriptor; the next look may get one
                continue

    async def look_and_call(self, then: Callable[[], None]) -> None:
        """Look once more, and call a function in any case."""
        try:
            await self.look()
        except OSError:
            pass
        finally:
            then()

    async def look(self) -> None:
        """Look once, and note what was found."""
        now_s = time.monotonic()
        before_s, self._looked_s = self._looked_s, now_s
        found = [await self._find_busy(now_s), await self._find_connection(), self._find_job()]
        # What the events tell says more than processor time or a port.
        if self._last_used_s() >= before_s:
            found = found[2:]
        for use in (*found, self._find_terminal()):
            if use:
                self._note(use, now_s)

    def _find_terminal(self) -> str:
        services = self._engine.services
        return next((f"attach {name}" for name, one in services.items() if one.taps), "")

    def _find_job(self) -> str:
        fleet = self._engine.fleet
        return next(
            (
                f"{name} at work"
                for name, plan in fleet.plans.items()
                if plan.oneshot and fleet.lives[name].phase in _AT_WORK
            ),
            "",
        )

    async def _find_busy(self, now_s: float) -> str:
        trees = self._trees()
        usage = measure(trees, await self._snapshots.take())
        by_name = tuple((name, one.cpu_s) for name, one in usage.items())
        self._samples = with_sample(self._samples, CpuSample(now_s, by_name))
        percent = busy_percent(self._samples)
        return "" if percent is None or percent < LEAST_PERCENT else f"{percent:.0f} % of a core"

    async def _find_connection(self) -> str:
        ports = {plan.port for plan in self._engine.fleet.plans.values() if plan.port is not None}
        there = connections_to(ports, open_connections())
        new, self._known = there - self._known, there
        if not new:
            return ""
        pids = [os.getpid(), *owners(self._trees(), await self._snapshots.take())]
        outside = from_outside(new, await in_thread(partial(held_sockets, pids)))
        return f"a connection to port {outside[0].port}" if outside else ""

    def _trees(self) -> dict[str, ProcessTree]:
        return {
            name: service.tree
            for name, service in self._engine.services.items()
            if service.leader is not None and service.tree is not None
        }
