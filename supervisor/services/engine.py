"""The fleet with its services: takes events, and has services carry out the actions."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable

from portweave.encoding.value import replace
from portweave.supervisor.services import fleet as fleets
from portweave.supervisor.services.fleet import (
    Fleet,
    Orders,
)
from portweave.supervisor.services.lifecycle import (
    Event,
    ImpossibleEventError,
    Life,
    Phase,
)
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.plan_diff import (
    Change,
    compare,
)
from portweave.supervisor.services.service import Service
from portweave.system.tasks import Group

# Stands for the life of an instance before it was added, and after it was removed.
_NO_LIFE = Life()


class Engine:
    """All instances of a stack while it runs.

    Args:
        make: Makes the service of an instance.
        on_change: Called after each change, with the fleet before it.
        on_impossible: Called with a message about an event that cannot happen: a bug in portweave.

    Attributes:
        fleet: The state of all instances.
        services: The service of each instance, by name.
    """

    def __init__(
        self,
        make: Callable[[InstancePlan], Service],
        on_change: Callable[[Fleet], None],
        on_impossible: Callable[[str], None],
    ) -> None:
        self.fleet = Fleet({}, {}, frozenset())
        self.services: dict[str, Service] = {}
        self._left: list[str] = []
        self._make = make
        self._on_change = on_change
        self._on_impossible = on_impossible
        self._changed = asyncio.Event()
        self._tasks: Group | None = None

    @property
    def left(self) -> list[str]:
        """A description of each process that could not be ended."""
        return [*self._left, *(text for one in self.services.values() for text in one.left)]

    def register(
        self,
        plans: tuple[InstancePlan, ...],
        *,
        done: frozenset[str] = frozenset(),
        detached: bool,
    ) -> None:
        """Create all instances, and start none. A fleet that was closed before stays closed.

        Args:
            plans: Of all instances.
            done: Names of jobs that have completed already, in an earlier run.
            detached: Whether the fleet goes on when nothing runs any more.
        """
        self.services = {plan.name: self._make(plan) for plan in plans}
        closing = self.fleet.closing
        self.fleet, _ = fleets.register(
            plans, frozenset(), 0.0, done=done, detached=detached, closing=closing
        )

    def serve(self, tasks: Group) -> None:
        """Start the task of each service."""
        self._tasks = tasks
        for service in self.services.values():
            tasks.start(service.serve)

    def handle_event(self, name: str, event: Event) -> None:
        """Apply what happened to an instance. There is no `await` here, so it is one step."""
        if name not in self.fleet.plans:
            # The last event of an instance that was removed meanwhile.
            return
        try:
            self._change(*fleets.step(self.fleet, name, event, time.monotonic()))
        except ImpossibleEventError as error:
            self._on_impossible(f"{name}: ignored {error}")

    def start(self, names: Iterable[str]) -> None:
        """Start instances, without the instances that they depend on."""
        self._change(*fleets.start(self.fleet, names, time.monotonic()))

    def start_on_request(
        self, names: Iterable[str], *, needs: bool, rerun: Collection[str] | None = None
    ) -> list[str]:
        """Start instances as a user asks for it.

        Args:
            names: The instances.
            needs: Whether to start the instances that they depend on too.
            rerun: Instances to run once more if they have completed; None for all of `names`.

        Returns:
            The names of the instances that did not run before.
        """
        names = list(names)
        found = fleets.with_needs(self.fleet, names) if needs else set(names)
        idle = [name for name in self.fleet.plans if name in found and not self._is_up(name)]
        done = [
            name
            for name in (names if rerun is None else rerun)
            if self.fleet.lives[name].phase is Phase.COMPLETED
        ]
        self.start(found)
        # These run once more, although they completed.
        self._change(*fleets.restart(self.fleet, done, time.monotonic()))
        return [name for name in self.fleet.plans if name in idle or name in done]

    def _is_up(self, name: str) -> bool:
        life = self.fleet.lives[name]
        return life.wanted and life.phase not in (Phase.FAILED, Phase.EXITED)

    def stop(self, names: Iterable[str]) -> None:
        """Stop instances."""
        self._change(*fleets.stop(self.fleet, names, time.monotonic()))

    def restart(self, names: Iterable[str]) -> None:
        """Stop instances and start them again."""
        self._change(*fleets.restart(self.fleet, names, time.monotonic()))

    def close(self) -> None:
        """Stop all instances, dependents first."""
        self._change(*fleets.close(self.fleet, time.monotonic()))

    def kill(self) -> None:
        """Kill all instances at once."""
        self._change(*fleets.kill(self.fleet, time.monotonic()))

    def ask_last_job(self) -> None:
        """Have the last job of the plans that are applied next run in any case."""
        self.fleet = fleets.ask_last_job(self.fleet)

    def limit_grace(self, grace_s: float) -> None:
        """Set an upper bound for the grace period of each instance."""
        for service in self.services.values():
            if service.plan.stop_grace_s > grace_s:
                service.set_plan(replace(service.plan, stop_grace_s=grace_s), at_once=True)

    def compare(self, plans: Iterable[InstancePlan]) -> Change:
        """The difference between the present plans and these."""
        staying = {n: p for n, p in self.fleet.plans.items() if n not in self.fleet.removed}
        return compare(staying, plans)

    def apply_plans(self, plans: tuple[InstancePlan, ...]) -> Change:
        """Replace all plans: restart instances that differ, and stop removed ones.

        New instances are not started.

        Returns:
            The difference from the plans before.
        """
        change = self.compare(plans)
        assert self._tasks is not None
        for plan in plans:
            service = self.services.get(plan.name)
            if service is None:
                service = self.services[plan.name] = self._make(plan)
                self._tasks.start(service.serve)
            else:
                service.set_plan(plan, at_once=plan.name in change.updated)
        after = fleets.apply_plans(
            self.fleet,
            plans,
            restarted=change.restarted,
            removed=change.removed,
            now_s=time.monotonic(),
        )
        self._change(*after)
        return change

    def replace_plans(self, plans: tuple[InstancePlan, ...]) -> None:
        """Replace all plans from the next start of each instance on, and restart none.

        Args:
            plans: Of the same instances.
        """
        for plan in plans:
            self.services[plan.name].set_plan(plan, at_once=False)
        removed = self.fleet.removed
        staying = [plan for plan in plans if plan.name not in removed]
        after = fleets.apply_plans(
            self.fleet, staying, restarted=(), removed=removed, now_s=time.monotonic()
        )
        self._change(*after)

    async def wait_for_change(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    def _change(self, after: Fleet, orders: Orders) -> None:
        before, self.fleet = self.fleet, after
        for name, action in orders:
            self.services[name].order(action)
        for name in self.services.keys() - after.plans.keys():
            gone = self.services.pop(name)
            self._left += gone.left
            gone.retire()
        self._on_change(before)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def phase_changes(before: Fleet, after: Fleet) -> list[tuple[InstancePlan, Life, Life]]:
    """The instances whose phase has changed: plan, life before, life after."""
    return [found for found in _pairs(before, after) if found[1].phase is not found[2].phase]


def reportable_changes(before: Fleet, after: Fleet) -> list[tuple[InstancePlan, Life, Life]]:
    """The instances of which users see a change: plan, life before, life after."""
    return [
        (plan, old, new)
        for plan, old, new in _pairs(before, after)
        if (old.phase, old.quiet, old.other_ports) != (new.phase, new.quiet, new.other_ports)
    ]


def _pairs(before: Fleet, after: Fleet) -> list[tuple[InstancePlan, Life, Life]]:
    return [
        (plan, before.lives.get(name, _NO_LIFE), after.lives.get(name, _NO_LIFE))
        for name, plan in {**before.plans, **after.plans}.items()
    ]
