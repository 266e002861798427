"""The control commands that act: they start, stop, signal and replan services."""

import signal
from collections.abc import Callable, Container, Mapping

from portweave import errors
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.supervisor.control.instance_rows import InstanceRows
from portweave.supervisor.control.parameters import (
    instance_names,
    signal_number,
    stack_plan,
)
from portweave.supervisor.control.server import (
    INVALID_PARAMS,
    RefusedError,
    Stream,
)
from portweave.supervisor.control.stack_host import Host
from portweave.supervisor.reporting.state_messages import stopping_message
from portweave.supervisor.services.fleet import failures, is_stopping
from portweave.supervisor.services.plan import InstancePlan
from portweave.system.tasks import Within

# How often a client that waits for an end hears that it still waits.
STILL_THERE_S = 5.0
# These go to all processes of a service. Any other signal goes to its leader, which understands it.
_FOR_ALL = frozenset(
    {"SIGTERM", "SIGINT", "SIGQUIT", "SIGKILL", "SIGABRT", "SIGSTOP", "SIGTSTP", "SIGCONT"}
)


class ActCommands:
    """Changes a stack for clients.

    Args:
        host: The stack.
        rows: Makes rows of its instances.
    """

    def __init__(self, host: Host, rows: InstanceRows) -> None:
        self._host = host
        self._engine = host.engine
        self._rows = rows
        # Services of earlier plans that the newest plan lacks.
        self._removed: frozenset[str] = frozenset()

    def _names(self, params: list[object]) -> list[str]:
        return instance_names(self._engine.fleet.plans, params)

    def _services(self, names: Container[str]) -> list[str]:
        """These names without those of hooks, which only run when they are due or named."""
        plans = self._engine.fleet.plans
        return [name for name in plans if name in names and not plans[name].hook]

    def _refuse_to_start(self) -> None:
        """Refuse, before anything is stopped, if nothing can be started."""
        if self._engine.fleet.closing:
            raise errors.StackStoppingError(self._host.plan.namespace)
        self._host.follow_folder()
        self._host.anchor.check(self._host.plan.namespace)

    async def start(self, params: list[object], _stream: Stream) -> list[object]:
        """Start instances, and what they depend on unless the second parameter is false."""
        known = set(self._engine.fleet.plans)
        names = self._names(params) or self._services(self._host.plan.wanted & known)
        self._refuse_to_start()
        needs = params[1] is not False if len(params) > 1 else True
        return [self._rows.rows(self._engine.start_on_request(names, needs=needs))]

    async def stop(self, params: list[object], stream: Stream) -> list[object]:
        """Stop instances, and answer when they have ended."""
        names = self._names(params) or list(self._engine.fleet.included)
        self._engine.stop(names)
        while running := [name for name in names if is_stopping(self._engine.fleet, name)]:
            async with Within(STILL_THERE_S):
                await self._engine.wait_for_change()
                continue
            stream({"event": "services stopping", "text": f"waiting for {', '.join(running)}"})
        return [self._rows.rows(names)]

    async def restart(self, params: list[object], _stream: Stream) -> list[object]:
        """Restart instances, and answer at once."""
        names = self._names(params) or self._services(self._engine.fleet.included)
        self._refuse_to_start()
        self._engine.restart(names)
        return [self._rows.rows(names)]

    async def kill(self, params: list[object], _stream: Stream) -> list[object]:
        """Send a signal, by default SIGKILL, to instances that run."""
        names = self._names(params)
        number = signal_number(params[1] if len(params) > 1 else "SIGKILL")
        sent: list[str] = []
        for name in names:
            service = self._engine.services.get(name)
            if service is None or service.leader is None:
                continue
            sent.append(name)
            signal_name = signal.Signals(number).name
            by = f"portweave kill has sent it {signal_name}"
            if signal_name in _FOR_ALL:
                await service.signal_all(number, by)
            else:
                service.send_signal(number, by)
        return [self._rows.rows(sent)]

    async def down(self, params: list[object], stream: Stream) -> list[object]:
        """Stop the stack, and answer when it has ended."""
        limit = params[0] if params else None
        self._host.end(float(limit) if isinstance(limit, (int, float)) else None)
        while not self._host.finished.is_set():
            async with Within(STILL_THERE_S):
                await self._host.finished.wait()
                break
            stream({"event": "stack stopping", "text": stopping_message(self._engine.fleet)})
        fleet = self._engine.fleet
        failed = [n for n in failures(fleet) if fleet.plans[n].last]
        hook = {"name": failed[0], "reason": fleet.lives[failed[0]].reason} if failed else None
        left, summary = list(self._host.left), self._host.summary
        return [{"left": left, "summary": summary, "failedHook": hook}]

    async def apply(self, params: list[object], _stream: Stream) -> list[object]:
        """Adopt a plan, or a part of it.

        The second parameter holds options:

        - `only`: services to change. All others stay as they are.
        - `addOnly`: whether to add instances and change none.
        - `start`: instances to start.
        - `startNew`: instances to start if the plan adds them.
        - `again`: services to start again if they have completed; by default, all of `start`.
        - `dryRun`: whether to answer what would change, and change nothing.
        - `origin`: the request that the plan was made of. If the stack has a newer one, the answer
          is `stale` and nothing changes: the client must plan again.
        """
        self._refuse_to_start()
        options = params[1] if len(params) > 1 else None
        if not is_object(options):
            raise RefusedError(INVALID_PARAMS, "apply takes a plan and options")
        plan = stack_plan(params[0])
        only = options.get("only")
        old = self._engine.fleet.plans
        plans = plan.instances
        whole_change = self._engine.compare(plans).as_json()
        if options.get("addOnly") is True:
            plans = _merged(old, plans, lambda name: name not in old)
        elif is_list(only):
            meant = {i.name for i in (*plans, *old.values()) if i.service in only}
            plans = _merged(old, plans, meant.__contains__)
        if options.get("dryRun") is True:
            return [{"change": self._engine.compare(plans).as_json(), "started": []}]
        origin, changes = options.get("origin"), self._host.origin.get("changes", 0)
        if is_object(origin) and origin.get("changes", changes) != changes:
            return [{"stale": True}]
        self._host.lifetime.note_use("reload")
        change = self._engine.apply_plans(plans)
        self._host.update_ports()
        if is_object(origin):
            wanted = plan.wanted
            if options.get("addOnly") is True:
                # The plan may be of one definition file among several.
                wanted = self._host.plan.wanted | (wanted & set(change.added))
            count = changes if isinstance(changes, int) else 0
            if not is_list(only):  # a service scaled to no instances is not removed
                self._removed |= {plan.service for plan in old.values()}
                self._removed -= {plan.service for plan in plans}
            self._host.set_origin({**origin, "changes": count + 1}, wanted, self._removed)
        start = options.get("start")
        names = [str(name) for name in start] if is_list(start) else []
        new = options.get("startNew")
        # An instance that the user stopped stays stopped; a new one starts.
        names += [n for n in map(str, new) if n in change.added] if is_list(new) else []
        current = self._engine.fleet.plans
        known = [name for name in names if name in current]
        again = options.get("again")
        done = [n for n in known if current[n].service in again] if is_list(again) else None
        started = self._engine.start_on_request(known, needs=True, rerun=done)
        shown = whole_change if options.get("addOnly") is True else change.as_json()
        return [{"change": shown, "started": started}]


def _merged(
    old: Mapping[str, InstancePlan],
    new: tuple[InstancePlan, ...],
    is_meant: Callable[[str], bool],
) -> tuple[InstancePlan, ...]:
    """The new plans of the instances that are meant, and the old plans of the others."""
    others = {name: plan for name, plan in old.items() if not is_meant(name)}
    found = [plan if is_meant(plan.name) else others.pop(plan.name, None) for plan in new]
    return (*(plan for plan in found if plan is not None), *others.values())
