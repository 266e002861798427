"""The control commands that read: they change nothing in the stack."""

import os
import time

from portweave.encoding.json_text import is_object
from portweave.supervisor.control.instance_rows import InstanceRows, now
from portweave.supervisor.control.lifetime_commands import LONGEST_USE
from portweave.supervisor.control.parameters import (
    event_count,
    instance_name,
    instance_names,
)
from portweave.supervisor.control.server import (
    INVALID_PARAMS,
    RefusedError,
    Stream,
)
from portweave.supervisor.control.stack_host import Host
from portweave.supervisor.control.wait_goals import (
    Goal,
    Verdict,
    describe,
    is_settled,
    judge,
)
from portweave.supervisor.diagnosis.cause import (
    Cause,
    as_json,
)
from portweave.supervisor.reporting.crash_loop import crashes
from portweave.supervisor.reporting.explanation import (
    Output,
    blocking_chain,
    explain,
)
from portweave.supervisor.reporting.run_history import differences
from portweave.supervisor.reporting.usage import measure
from portweave.supervisor.reporting.waited_services import WaitedServices
from portweave.supervisor.reporting.waiting_line import Waiting
from portweave.supervisor.reporting.waiting_line import as_json as as_item
from portweave.supervisor.reporting.waits import EXIT, READY
from portweave.supervisor.services.lifecycle import Life, Phase
from portweave.system.tasks import Within

LAST_LINES = 10
# How often `waiting` looks: probes and lines of output have no events.
WAITING_PAUSE_S = 0.25
# A hook is no service: it has a row while it runs, and after it has failed.
_HIDDEN = (Phase.STOPPED, Phase.COMPLETED, Phase.BLOCKED)
# How much longer `wait` waits for the end of a service that has failed and is being stopped.
ENDS_S = 1.0
# With these causes, restarts by `watch` explain more.
_HARMLESS_CAUSES = ("none", "not ready", "stopping")


class ReadCommands:
    """Answers what clients ask about a stack.

    Args:
        host: The stack.
        rows: Makes rows of its instances.
    """

    def __init__(self, host: Host, rows: InstanceRows) -> None:
        self._host = host
        self._engine = host.engine
        self._rows = rows
        self._waited = WaitedServices(host.engine)

    def _names(self, params: list[object]) -> list[str]:
        return instance_names(self._engine.fleet.plans, params)

    def _probe_listeners(self) -> None:
        """Have each service that is not ready look at once whether it listens."""
        for service in list(self._engine.services.values()):
            if service.leader is not None and service.readiness is not None and service.tree:
                service.readiness.recheck_listener(service.tree)

    async def ps(self, _params: list[object], _stream: Stream) -> list[object]:
        """The stack and its services, as `ps --json` prints them."""
        self._probe_listeners()
        processes = await self._host.snapshots.take()
        trees = {
            name: service.tree
            for name, service in self._engine.services.items()
            if service.leader is not None and service.tree is not None
        }
        usage = measure(trees, processes)
        clock = now()
        return [
            {
                "schemaVersion": 1,
                "project": self._host.plan.project,
                "namespace": self._host.plan.namespace,
                "worktreeRoot": self._host.plan.root,
                "supervisor": {
                    "pid": os.getpid(),
                    "startedAt": clock.stamp(self._host.began_s),
                    "version": self._host.version,
                },
                "lifetime": self._host.lifetime.as_json(),
                **({} if (bus := self._host.bus) is None else {"bus": bus}),
                "services": [
                    self._rows.row(name, clock, usage.get(name))
                    for name, plan in self._engine.fleet.plans.items()
                    if not plan.hook or self._engine.fleet.lives[name].phase not in _HIDDEN
                ],
            }
        ]

    async def wait(self, params: list[object], _stream: Stream) -> list[object]:
        """Wait until instances are ready or have ended; or until one cannot get there.

        Parameters: names, a `Goal`, the longest time in seconds, and whether to wait for the others
        when one cannot get there.
        """
        names = self._names(params) or sorted(self._engine.fleet.included)
        try:
            goal = Goal(str(params[1]) if len(params) > 1 else Goal.READY)
        except ValueError:
            raise RefusedError(INVALID_PARAMS, "wait takes `ready` or `exit`") from None
        limit = params[2] if len(params) > 2 else None
        timeout_s = float(limit) if isinstance(limit, (int, float)) else None
        over_all = len(params) > 3 and params[3] is True
        async with Within(timeout_s):
            while not self._is_settled(goal, names, over_all=over_all):
                if self._is_settled(goal, names, over_all=over_all, last=True):
                    # One was not ready in time. Its end may still come soon.
                    async with Within(ENDS_S):
                        while not self._is_settled(goal, names, over_all=over_all):
                            await self._engine.wait_for_change()
                    break
                await self._engine.wait_for_change()
        return [[self._outcome(goal, name) for name in names]]

    async def waiting(self, params: list[object], stream: Stream) -> list[object]:
        """Stream what is waited for, when it changes, until the stack has ended.

        Parameters: names, and a `Goal`.
        """
        names = self._names(params) or sorted(self._engine.fleet.included)
        goal = EXIT if len(params) > 1 and params[1] == Goal.EXIT else READY
        last: Waiting | None = None
        finished = self._host.finished
        while not finished.is_set():
            found = self._waited.now(names, goal)
            if found != last:
                last = found
                stream(as_item(found))
            async with Within(WAITING_PAUSE_S):
                await finished.wait()
        return []

    def _is_settled(
        self, goal: Goal, names: list[str], *, over_all: bool, last: bool = False
    ) -> bool:
        """Whether there is nothing more to wait for."""
        lives = self._engine.fleet.lives
        verdicts = [
            (self._verdict(goal, name, last=last), lives[name].phase if name in lives else None)
            for name in names
        ]
        return is_settled(verdicts, over_all=over_all)

    def _verdict(self, goal: Goal, name: str, *, last: bool = False) -> Verdict:
        life = self._engine.fleet.lives.get(name)
        if life is None:
            return Verdict.REACHED if goal is Goal.EXIT else Verdict.UNREACHABLE
        if name in self._engine.fleet.pending_stops:
            return Verdict.PENDING
        return judge(goal, life, last=last)

    def _outcome(self, goal: Goal, name: str) -> dict[str, object]:
        verdict = self._verdict(goal, name, last=True)
        life = self._engine.fleet.lives.get(name)
        is_reached = verdict is Verdict.REACHED
        cause = None if is_reached or life is None else self._cause(name, life)
        now_s = time.monotonic()
        known = {} if life is None else self._rows.row(name)
        pending = self._rows.pending(name)
        return {
            "name": name,
            **known,
            "verdict": str(verdict),
            "text": "removed" if life is None else describe(life, now_s, pending),
            "crashes": 0 if life is None else crashes(life, now_s),
            "cause": None if cause is None else dict(as_json(cause)),
            "lastLines": [] if cause is None else list(cause.lines),
            "stackStops": self._host.stops_because(),
        }

    async def events(self, params: list[object], stream: Stream) -> list[object]:
        """Stream past changes of state, then new ones until the stack has ended."""
        plans = self._engine.fleet.plans
        meant = {plans[name].full_name for name in self._names(params)}
        past = event_count(params)

        def is_meant(event: dict[str, object]) -> bool:
            return not meant or event["fullName"] in meant

        def sink(event: dict[str, object]) -> None:
            if is_meant(event):
                stream(event)

        found = [event for event in self._host.reporter.recent if is_meant(event)]
        for event in found[max(0, len(found) - past) :]:
            stream(event)
        stop = self._host.reporter.subscribe(sink)
        try:
            await self._host.finished.wait()
        finally:
            stop()
        return []

    async def origin(self, _params: list[object], _stream: Stream) -> list[object]:
        """The request that the stack was planned from, its variables included."""
        self._host.follow_folder()
        return [{"changes": 0, **self._host.origin}]

    async def warnings(self, _params: list[object], _stream: Stream) -> list[object]:
        """Warnings about logs, names and watched files, as texts."""
        return [list(self._host.reporter.warnings)]

    async def bus(self, _params: list[object], _stream: Stream) -> list[object]:
        """The bus of the stack, as in `ps`; null if it has none."""
        plan = self._host.plan
        return [{"project": plan.project, "namespace": plan.namespace, "bus": self._host.bus}]

    async def why(self, params: list[object], _stream: Stream) -> list[object]:
        """Explain the state of instances: a row with a cause for each."""
        self._probe_listeners()
        return [[self._explanation(name) for name in self._names(params)]]

    def _explanation(self, name: str) -> dict[str, object]:
        fleet = self._engine.fleet
        chain = blocking_chain(fleet, name)
        guilty = chain[-1]
        life, plan = fleet.lives[guilty], fleet.plans[guilty]
        cause = self._cause(guilty, life)
        trouble = self._engine.services[guilty].watch_trouble
        if trouble is not None and cause.kind in _HARMLESS_CAUSES:
            cause = trouble
        good = self._host.reporter.runs.read(guilty).get("good")
        return {
            **self._rows.row(name),
            "chain": chain,
            "culprit": self._rows.row(guilty),
            "cause": dict(as_json(cause)),
            "lastLines": list(cause.lines),
            "lastGoodAt": good.get("at") if is_object(good) else None,
            "differences": list(differences(plan, good)) if is_object(good) else [],
            "workingDir": plan.working_dir,
            **({} if (bus := self._host.bus) is None or bus["connected"] else {"bus": bus}),
        }

    def _cause(self, name: str, life: Life) -> Cause:
        """Why an instance is in its state, apart from what it depends on."""
        # Recognising errors is slow to import, and most stacks need it never.
        from portweave.supervisor.diagnosis.printed_error import find_error
        from portweave.supervisor.services.end_cause import with_missing_files

        fleet, service = self._engine.fleet, self._engine.services[name]
        plan = fleet.plans[name]
        lines = service.last_lines.lines()
        error = find_error(lines, plan.working_dir) if life.pid is not None else None
        lines = [line for line in lines if line.strip()]
        printed = Output(error, tuple(lines[-LAST_LINES:]), self._host.log_trouble(name))
        pending = self._rows.pending(name)
        is_stopped, now_s = name in fleet.stopped_by_user, time.monotonic()
        cause = explain(
            plan, life, service.last_end, pending, printed, now_s, stopped_by_user=is_stopped
        )
        # The others got it when their run ended.
        is_late = cause.kind in ("not ready", "unhealthy")
        return with_missing_files(cause, plan, self._host.plan.main_root) if is_late else cause

    async def describe(self, params: list[object], _stream: Stream) -> list[object]:
        """How instances are run and probed, with the last answers of their probes."""
        # Only the panel asks.
        from portweave.supervisor.reporting.description import description

        found: list[object] = []
        for name in self._names(params) or list(self._engine.fleet.plans):
            readiness = self._engine.services[name].readiness
            answers = {} if readiness is None else readiness.answers
            found.append(description(self._engine.fleet.plans[name], answers))
        return [found]

    async def joined(self, params: list[object], _stream: Stream) -> list[object]:
        """Rows of instances, each with `joined`: whether its program takes calls."""
        return [
            [
                {**self._rows.row(name), "joined": self._host.has_joined(name)}
                for name in self._names(params)
            ]
        ]

    async def environment(self, params: list[object], _stream: Stream) -> list[object]:
        """The environment and the working directory of an instance.

        The second parameter, if there is one, tells what for, as a use of the stack.
        """
        name = instance_name(self._engine.fleet.plans, params)
        if len(params) > 1:
            self._host.lifetime.note_use(str(params[1])[:LONGEST_USE])
        plan = self._engine.services[name].plan
        return [
            {
                "name": name,
                "environment": dict(plan.environment),
                "workingDir": plan.working_dir,
            }
        ]
