"""Connects the control socket with the hub of calls.

The control server answers clients that only ask the supervisor, which costs next to nothing. The
hub is made when the first client gives its name, or calls a service. Until then a stack does not
pay for it.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from portweave.supervisor.services.engine import (
    Engine,
    phase_changes,
)
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import Phase
from portweave.supervisor.services.plan import (
    CallsPlan,
    InstancePlan,
)

if TYPE_CHECKING:
    from portweave.calls.bus_settings import BusSettings
    from portweave.errors import ClusterError, PortweaveError
    from portweave.supervisor.calls.bus_port import BusPort
    from portweave.supervisor.calls.hub import (
        Hub,
        SupervisorCall,
    )
    from portweave.supervisor.control.server import Serve

_UNAVAILABLE = {
    Phase.STOPPED: "does not run",
    Phase.EXITED: "has ended",
    Phase.COMPLETED: "has completed",
    Phase.FAILED: "has failed",
    Phase.BLOCKED: "cannot start: what it depends on has failed",
}
# In these phases the process of the last run has ended.
_WITHOUT_PROCESS = frozenset({*_UNAVAILABLE, Phase.BACKOFF, Phase.WAITING})


class CallGateway:
    """Owns the hub of a stack.

    Args:
        engine: The stack's instances.
        plan: The hub's limits and options.
        serve: Answers requests to the supervisor.
        warn: Warns about the bus.
    """

    def __init__(
        self, engine: Engine, plan: CallsPlan, serve: "Serve", warn: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._serve = serve
        self._warn = warn
        self._hub: Hub | None = None
        self._bus: BusPort | None = None
        self._settings: BusSettings | None = None
        self._bus_was_lost = False

    def take_over(
        self, transport: asyncio.Transport, data: bytes, on_lost: Callable[[], None]
    ) -> asyncio.BufferedProtocol:
        """Continue a connection that is about calls.

        Args:
            transport: The connection.
            data: Bytes that were received and not read yet.
            on_lost: Called when the connection is lost.

        Returns:
            The connection's new protocol.
        """
        if self._hub is None:
            self._hub = self._make_hub()
        connection = self._hub.connection()
        connection.take_over(transport, data, on_lost)
        return connection

    def changed(self, before: Fleet) -> None:
        """Tell the hub about instances whose phase changed since `before`."""
        if self._hub is None:
            return
        after = self._engine.fleet
        for plan, _, life in phase_changes(before, after):
            name = plan.name
            if name not in before.plans:
                self._reserve(self._hub, plan)
            elif name not in after.plans:
                self._hub.remove(name)
                continue
            self._follow(self._hub, name, life.phase)
        self._export()

    def join_bus(self) -> None:
        """Meet the bus, if the stack has one. It is joined in the background."""
        if (plan := self._plan.bus) is None:
            return
        from portweave.calls.bus_address import Place
        from portweave.calls.bus_settings import BusSettings
        from portweave.supervisor.calls.bus_port import BusPort

        self._settings = settings = BusSettings(
            plan.urls,
            Place(plan.realm, plan.project, plan.namespace),
            plan.credentials,
            plan.ca,
            plan.cert,
            plan.key,
            plan.env,
        )

        if self._hub is None:
            self._hub = self._make_hub()
        self._bus = BusPort(self._hub, settings, self._tell_of_bus)
        self._export()

    def _export(self) -> None:
        if self._bus is not None:
            plans = [plan for plan in self._engine.fleet.plans.values() if plan.exported]
            self._bus.export(
                {plan.service for plan in plans}
                | {plan.name for plan in plans}
                | {f"{plan.service}.1" for plan in plans if plan.number == 1}
            )

    def _tell_of_bus(self) -> None:
        from portweave.errors import BusUnreachable

        assert self._bus is not None
        assert self._settings is not None
        if problem := self._bus.problem:
            self._warn(f"{problem} ({BusUnreachable.code}); calls over the bus wait")
            self._bus_was_lost = True
        elif self._bus_was_lost:
            self._bus_was_lost = False
            self._warn(f"the bus at {self._settings.shown} is connected")

    @property
    def bus(self) -> dict[str, object] | None:
        """The bus as `ps --json` prints it; None if the stack has none."""
        if self._bus is None or self._settings is None:
            return None
        place = self._settings.place
        return {
            "url": self._settings.shown,
            "connected": not self._bus.problem,
            "problem": self._bus.problem or None,
            "address": f"@{place.realm}:{place.project}:{place.namespace}",
            "exported": self._bus.exported,
        }

    def has_joined(self, name: str) -> bool:
        """Whether the program of an instance is connected to the hub."""
        return self._hub is not None and self._hub.calls.has_joined(name)

    @property
    def last_call(self) -> tuple[str, float] | None:
        """The service that was called last, and when, on the monotonic clock; None before."""
        calls = None if self._hub is None else self._hub.calls
        return (
            None if calls is None or calls.called is None else (calls.called.name, calls.called_s)
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._bus is not None:
            await self._bus.close()
        if self._hub is not None:
            await self._hub.close()

    def _make_hub(self) -> "Hub":
        # Only stacks with calls pay for these imports.
        from portweave.supervisor.calls.hub import Hub
        from portweave.supervisor.calls.state import Limits

        plan = self._plan
        hub = Hub(
            self._token_of,
            self._answer,
            Limits(
                message_bytes=plan.message_bytes,
                concurrency=plan.concurrency,
                queue=plan.queue,
                timeout_s=plan.timeout_s,
            ),
            dict(plan.options),
        )
        for name, instance in self._engine.fleet.plans.items():
            self._reserve(hub, instance)
            self._follow(hub, name, self._engine.fleet.lives[name].phase)
        return hub

    def _reserve(self, hub: "Hub", instance: InstancePlan) -> None:
        service = instance.service
        hub.reserve(
            instance.name,
            service,
            number=instance.number,
            askable=service not in self._plan.silent,
            default=service == self._plan.default,
        )

    def _follow(self, hub: "Hub", name: str, phase: Phase) -> None:
        if phase in _UNAVAILABLE:
            hub.unavailable(name, _UNAVAILABLE[phase])
            return
        hub.starting(name)
        if phase in _WITHOUT_PROCESS:
            hub.ended(name)

    def _token_of(self, name: str) -> str:
        service = self._engine.services.get(name)
        return service.token if service is not None else ""

    async def _answer(self, call: "SupervisorCall") -> list[object]:
        from portweave.errors import ClusterError, PortweaveError, RouteNotFound
        from portweave.supervisor.control.server import (
            NO_METHOD,
            RefusedError,
        )

        try:
            return await self._serve(f"/supervisor/{call.path}", call.load, call.stream)
        except RefusedError as refusal:
            if refusal.code == NO_METHOD:
                raise RouteNotFound(refusal.message, connection="supervisor") from None
            raise ClusterError(
                refusal.message, connection="supervisor", status=400, type="BadParams"
            ) from None
        except ClusterError:
            raise
        except PortweaveError as error:
            raise _as_answer(error) from None


def _as_answer(error: "PortweaveError") -> "ClusterError":
    from portweave.errors import ClusterError

    fields: Mapping[str, object] = {
        "code": error.code,
        "hints": list(error.hints),
        "exitStatus": error.exit_status,
        "facts": error.facts,
    }
    return ClusterError(
        error.message,
        connection="supervisor",
        type=type(error).__name__,
        fields=dict(fields),
    )
