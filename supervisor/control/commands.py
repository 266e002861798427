"""What clients may ask of a supervisor: `/supervisor/ps`, `/supervisor/restart` and the others.

Params are positional. Names are those of services (all their instances) or of instances (`web.2`);
none stands for all.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from portweave.encoding.json_write import (
    is_list,
    is_object,
)
from portweave.errors import StackStoppingError, UnknownServiceError
from portweave.supervisor.control.attach import TerminalAttachments
from portweave.supervisor.control.name_queries import NameQueries
from portweave.supervisor.control.server import (
    INVALID_PARAMS,
    NO_METHOD,
    RefusedError,
    Stream,
)
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
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.proxy.announce.announcer import Announcer
from portweave.supervisor.registry.moved_folder import FolderAnchor
from portweave.supervisor.registry.stack_records import PROTOCOL
from portweave.supervisor.reporting.crash_loop import crashes
from portweave.supervisor.reporting.explanation import (
    Output,
    blocking_chain,
    explain,
)
from portweave.supervisor.reporting.reporter import Reporter
from portweave.supervisor.reporting.run_history import differences
from portweave.supervisor.reporting.state_messages import stopping_message
from portweave.supervisor.reporting.status_rows import (
    Clock,
    Usage,
    row,
)
from portweave.supervisor.reporting.usage import measure
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.services.fleet import is_stopping
from portweave.supervisor.services.lifecycle import Life
from portweave.supervisor.services.plan import (
    InstancePlan,
    StackPlan,
)
from portweave.system.tasks import Within

LAST_LINES = 10
# Who waits for a service that has failed, and is being stopped for that, waits so long for its end.
ENDS_S = 1.0
# Who waits for the end of a stack is told this often that it goes on.
STILL_THERE_S = 5.0
# These tell a whole service what to do; any other is for its leader to understand.
_FOR_ALL = frozenset(
    {"SIGTERM", "SIGINT", "SIGQUIT", "SIGKILL", "SIGABRT", "SIGSTOP", "SIGTSTP", "SIGCONT"}
)
# Causes beside which a loop of restarts by `watch` is what matters.
_GOES_WELL = ("none", "not ready", "stopping")


class Host(Protocol):
    """The stack, as clients may act on it.

    Attributes:
        engine: Its instances.
        snapshots: What processes there are.
        plan: What it was started with.
        origin: What it was started from, for whoever plans it anew.
        version: Portweave's.
        began_s: When it began, on the monotonic clock.
        finished: Set when nothing of it runs any more.
        left: Processes that could not be ended, in words.
        reporter: What is told of it, and remembered.
        announcer: Keeps its names registered; None where it has none.
        anchor: Its hold on its folder.
    """

    engine: Engine
    snapshots: Snapshots
    plan: StackPlan
    origin: Mapping[str, object]
    version: str
    began_s: float
    finished: asyncio.Event
    left: list[str]
    reporter: Reporter
    announcer: Announcer | None
    anchor: FolderAnchor

    def update_ports(self) -> None:
        """Have others know the ports of its instances as they are planned now."""

    def url(self, plan: InstancePlan) -> str | None:
        """Where an instance is reached now; None without a port."""

    def has_joined(self, name: str) -> bool:
        """Whether the program of an instance takes part in the calls."""
        ...

    def log_trouble(self, name: str) -> str:
        """Why the log of an instance lacks bytes, in words; empty where it has them all."""
        ...

    def end(self, grace_s: float | None) -> None:
        """Stop all because a client asked for it."""

    def take_over(
        self, origin: Mapping[str, object], wanted: frozenset[str], removed: frozenset[str]
    ) -> None:
        """Keep what the stack was planned from last, and what that starts by itself.

        Args:
            origin: What it was planned from.
            wanted: Names of the instances that start by themselves.
            removed: The services that it had and has no more.
        """


Method = Callable[[list[object], Stream], Awaitable[list[object]]]


class Commands:
    """Carries out what clients ask.

    Args:
        host: The stack.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._engine = host.engine
        self._attaching = TerminalAttachments(host.engine)
        self._inquiries = NameQueries(host)
        # Services that the definitions had when the stack began, or later, and have no more.
        self._removed: frozenset[str] = frozenset()
        self._methods: dict[str, Method] = {
            "ps": self._ps,
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "kill": self._kill,
            "wait": self._wait,
            "down": self._down,
            "events": self._events,
            "origin": self._origin,
            "environment": self._environment,
            "apply": self._apply,
            "warnings": self._warnings,
            "why": self._why,
            "at": self._at,
            "names": self._named,
            "joined": self._joined,
            "attach": self._attach,
            "type": self._type,
            "resize": self._resize,
        }

    async def serve(self, address: str, params: list[object], stream: Stream) -> list[object]:
        """Carry out one request.

        Raises:
            RefusedError: There is no such method, or its params are wrong.
            PortweaveError: It cannot be done.
        """
        if address == "$/hello":
            return [{"protocol": PROTOCOL, "version": self._host.version}]
        service, _, name = address.removeprefix("/").partition("/")
        if service != "supervisor" or name not in self._methods:
            raise RefusedError(NO_METHOD, f"nothing answers {address}")
        return await self._methods[name](params, stream)

    def _look_again(self) -> None:
        """Have it known of each service whether it has come to listen meanwhile."""
        for service in list(self._engine.services.values()):
            if service.leader is not None and service.readiness is not None and service.tree:
                service.readiness.recheck_listener(service.tree)

    async def _ps(self, _params: list[object], _stream: Stream) -> list[object]:
        self._look_again()
        processes = await self._host.snapshots.take()
        trees = {
            name: service.tree
            for name, service in self._engine.services.items()
            if service.leader is not None and service.tree is not None
        }
        usage = measure(trees, processes)
        fleet, clock = self._engine.fleet, _clock()
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
                "services": [
                    self._row(name, fleet.lives[name], clock, usage.get(name))
                    for name in fleet.plans
                ],
            }
        ]

    async def _start(self, params: list[object], _stream: Stream) -> list[object]:
        names = self._names(params, 0) or sorted(self._host.plan.wanted & self._known())
        self._refuse_to_start()
        needs = params[1] is not False if len(params) > 1 else True
        return [self._rows(self._engine.start_on_request(names, needs=needs))]

    async def _stop(self, params: list[object], stream: Stream) -> list[object]:
        names = self._names(params, 0) or list(self._engine.fleet.included)
        self._engine.stop(names)
        return [await self._until_gone(names, stream)]

    async def _restart(self, params: list[object], _stream: Stream) -> list[object]:
        names = self._names(params, 0) or list(self._engine.fleet.included)
        self._refuse_to_start()
        self._engine.restart(names)
        return [self._rows(names)]

    async def _kill(self, params: list[object], _stream: Stream) -> list[object]:
        names = self._names(params, 0)
        number = _signal(params[1] if len(params) > 1 else "SIGKILL")
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
        return [self._rows(sent)]

    async def _wait(self, params: list[object], _stream: Stream) -> list[object]:
        names = self._names(params, 0) or sorted(self._engine.fleet.included)
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
                    # One was late, and is being stopped for that: it may take its time.
                    async with Within(ENDS_S):
                        while not self._is_settled(goal, names, over_all=over_all):
                            await self._engine.wait_for_change()
                    break
                await self._engine.wait_for_change()
        return [[self._outcome(goal, name) for name in names]]

    def _is_settled(
        self, goal: Goal, names: list[str], *, over_all: bool, last: bool = False
    ) -> bool:
        """Whether there is nothing more to wait for."""
        lives = self._engine.fleet.lives
        stands = [
            (self._verdict(goal, name, last=last), lives[name].phase if name in lives else None)
            for name in names
        ]
        return is_settled(stands, over_all=over_all)

    def _verdict(self, goal: Goal, name: str, *, last: bool = False) -> Verdict:
        life = self._engine.fleet.lives.get(name)
        if life is None:
            return Verdict.COME if goal is Goal.EXIT else Verdict.IN_VAIN
        if name in self._engine.fleet.pending_stops:
            return Verdict.PENDING
        return judge(goal, life, last=last)

    def _outcome(self, goal: Goal, name: str) -> dict[str, object]:
        verdict = self._verdict(goal, name, last=True)
        life = self._engine.fleet.lives.get(name)
        come = verdict is Verdict.COME
        cause = None if come or life is None else self._cause(name, life)
        now_s = time.monotonic()
        known = {} if life is None else self._row(name, life)
        return {
            "name": name,
            **known,
            "verdict": str(verdict),
            "text": "removed" if life is None else describe(life, now_s, self._pending(name)),
            "crashes": 0 if life is None else crashes(life, now_s),
            "cause": None if cause is None else dict(as_json(cause)),
            "lastLines": [] if cause is None else list(cause.lines),
        }

    def _row(
        self, name: str, life: Life, clock: Clock | None = None, usage: Usage | None = None
    ) -> dict[str, object]:
        plan = self._engine.fleet.plans[name]
        url = self._host.url(plan)
        return row(plan, life, url, clock or _clock(), usage, self._pending(name))

    def _pending(self, name: str) -> str:
        """Why an instance is not ready, as its probes said last."""
        service = self._engine.services.get(name)
        readiness = None if service is None else service.readiness
        return "" if readiness is None else readiness.pending

    async def _until_gone(self, names: list[str], stream: Stream) -> list[object]:
        while staying := [name for name in names if is_stopping(self._engine.fleet, name)]:
            async with Within(STILL_THERE_S):
                await self._engine.wait_for_change()
                continue
            stream({"event": "services stopping", "text": f"waiting for {', '.join(staying)}"})
        return self._rows(names)

    async def _down(self, params: list[object], stream: Stream) -> list[object]:
        limit = params[0] if params else None
        self._host.end(float(limit) if isinstance(limit, (int, float)) else None)
        while not self._host.finished.is_set():
            async with Within(STILL_THERE_S):
                await self._host.finished.wait()
                break
            stream({"event": "stack stopping", "text": stopping_message(self._engine.fleet)})
        return [{"left": list(self._host.left)}]

    async def _events(self, params: list[object], stream: Stream) -> list[object]:
        plans = self._engine.fleet.plans
        meant = {plans[name].full_name for name in self._names(params, 0)}

        def sink(event: dict[str, object]) -> None:
            if not meant or event["fullName"] in meant:
                stream(event)

        stop = self._host.reporter.subscribe(sink)
        try:
            await self._host.finished.wait()
        finally:
            stop()
        return []

    async def _origin(self, _params: list[object], _stream: Stream) -> list[object]:
        return [{"changes": 0, **self._host.origin}]

    async def _warnings(self, _params: list[object], _stream: Stream) -> list[object]:
        return [list(self._host.reporter.warnings)]

    async def _why(self, params: list[object], _stream: Stream) -> list[object]:
        self._look_again()
        return [[self._explanation(name) for name in self._names(params, 0)]]

    def _explanation(self, name: str) -> dict[str, object]:
        fleet = self._engine.fleet
        chain = blocking_chain(fleet, name)
        guilty = chain[-1]
        life, plan = fleet.lives[guilty], fleet.plans[guilty]
        cause = self._cause(guilty, life)
        trouble = self._engine.services[guilty].watch_trouble
        if trouble is not None and cause.kind in _GOES_WELL:
            cause = trouble
        good = self._host.reporter.runs.read(guilty).get("good")
        return {
            **self._row(name, fleet.lives[name]),
            "chain": chain,
            "culprit": self._row(guilty, life),
            "cause": dict(as_json(cause)),
            "lastLines": list(cause.lines),
            "lastGoodAt": good.get("at") if is_object(good) else None,
            "differences": list(differences(plan, good)) if is_object(good) else [],
            "workingDir": plan.working_dir,
        }

    def _cause(self, name: str, life: Life) -> Cause:
        """What is wrong with an instance, if it is not held up by another one."""
        # What recognises errors takes a while to import, and most stacks are never asked.
        from portweave.supervisor.diagnosis.printed_error import find_error
        from portweave.supervisor.services.end_cause import with_missing_files

        fleet, service = self._engine.fleet, self._engine.services[name]
        plan = fleet.plans[name]
        lines = service.last_lines.lines()
        error = find_error(lines, plan.working_dir) if life.pid is not None else None
        lines = [line for line in lines if line.strip()]
        printed = Output(error, tuple(lines[-LAST_LINES:]), self._host.log_trouble(name))
        pending = self._pending(name)
        is_rested, now_s = name in fleet.stopped_by_user, time.monotonic()
        cause = explain(
            plan, life, service.last_end, pending, printed, now_s, stopped_by_user=is_rested
        )
        # All others have it since the end of the run.
        is_late = cause.kind in ("not ready", "unhealthy")
        return with_missing_files(cause, plan, self._host.plan.main_root) if is_late else cause

    async def _at(self, params: list[object], _stream: Stream) -> list[object]:
        return [await self._inquiries.at(params[0] if params else None)]

    async def _named(self, _params: list[object], _stream: Stream) -> list[object]:
        return [await self._inquiries.names()]

    async def _joined(self, params: list[object], _stream: Stream) -> list[object]:
        lives = self._engine.fleet.lives
        return [
            [
                {**self._row(name, lives[name]), "joined": self._host.has_joined(name)}
                for name in self._names(params, 0)
            ]
        ]

    async def _attach(self, params: list[object], stream: Stream) -> list[object]:
        name = self._name(params)
        size = _size(params[1:]) if len(params) > 1 else None
        await self._attaching.attach(name, stream, size)
        return []

    async def _type(self, params: list[object], _stream: Stream) -> list[object]:
        await self._attaching.type(self._name(params), str(params[1] if len(params) > 1 else ""))
        return []

    async def _resize(self, params: list[object], _stream: Stream) -> list[object]:
        self._attaching.resize(self._name(params), _size(params[1:]))
        return []

    def _name(self, params: list[object]) -> str:
        names = self._names(params, 0)
        if not names:
            raise RefusedError(INVALID_PARAMS, "it takes the name of a service")
        return names[0]

    async def _environment(self, params: list[object], _stream: Stream) -> list[object]:
        name = self._name(params)
        plan = self._engine.services[name].plan
        return [
            {
                "name": name,
                "environment": dict(plan.environment),
                "workingDir": plan.working_dir,
            }
        ]

    async def _apply(self, params: list[object], _stream: Stream) -> list[object]:
        """Take over a plan, or some of it.

        Its second parameter may say `only` which services are meant, or `addOnly` those that are
        not there yet; which instances to `start`, or to `startNew` if they are not there yet; of
        which services to start those `again` that have completed (all of `start`, if left out);
        `dryRun`; and the `origin` to keep. One that was made of an origin which is no longer the
        stack's is `stale`, and nothing is done: who made it has to look again.
        """
        self._refuse_to_start()
        wishes = params[1] if len(params) > 1 else None
        if not is_object(wishes):
            raise RefusedError(INVALID_PARAMS, "apply takes a plan and wishes")
        plan = _plan(params[0])
        only = wishes.get("only")
        old = self._engine.fleet.plans
        plans = plan.instances
        all_of_it = self._engine.compare(plans).as_json()
        if wishes.get("addOnly") is True:
            plans = _merged(old, plans, lambda name: name not in old)
        elif is_list(only):
            # The others stay as they are, whatever is planned for them.
            meant = {i.name for i in (*plans, *old.values()) if i.service in only}
            plans = _merged(old, plans, meant.__contains__)
        if wishes.get("dryRun") is True:
            return [{"change": self._engine.compare(plans).as_json(), "started": []}]
        origin, changes = wishes.get("origin"), self._host.origin.get("changes", 0)
        if is_object(origin) and origin.get("changes", changes) != changes:
            return [{"stale": True}]
        change = self._engine.apply_plans(plans)
        self._host.update_ports()
        if is_object(origin):
            wanted = plan.wanted
            if wishes.get("addOnly") is True:
                # The plan may be of one definition file among several.
                wanted = self._host.plan.wanted | (wanted & set(change.added))
            count = changes if isinstance(changes, int) else 0
            if not is_list(only):  # a service without instances is one all the same
                self._removed |= {plan.service for plan in old.values()}
                self._removed -= {plan.service for plan in plans}
            self._host.take_over({**origin, "changes": count + 1}, wanted, self._removed)
        start = wishes.get("start")
        names = [str(name) for name in start] if is_list(start) else []
        new = wishes.get("startNew")
        # What the user has stopped stays so; what is new is started.
        names += [n for n in map(str, new) if n in change.added] if is_list(new) else []
        current = self._engine.fleet.plans
        known = [name for name in names if name in current]
        again = wishes.get("again")
        done = [n for n in known if current[n].service in again] if is_list(again) else None
        started = self._engine.start_on_request(known, needs=True, rerun=done)
        told = all_of_it if wishes.get("addOnly") is True else change.as_json()
        return [{"change": told, "started": started}]

    def _refuse_to_start(self) -> None:
        """Refuse where nothing can be started, before anything is stopped for it."""
        if self._engine.fleet.closing:
            raise StackStoppingError(self._host.plan.namespace)
        self._host.anchor.check(self._host.plan.namespace)

    def _known(self) -> set[str]:
        return set(self._engine.fleet.plans)

    def _rows(self, names: list[str]) -> list[object]:
        fleet = self._engine.fleet
        return [self._row(name, fleet.lives[name]) for name in fleet.plans if name in names]

    def _names(self, params: list[object], index: int) -> list[str]:
        """The instances that a list of names stands for."""
        given = params[index] if len(params) > index else None
        if given is None:
            return []
        if isinstance(given, str):
            given = [given]
        if not is_list(given) or not all(isinstance(name, str) for name in given):
            raise RefusedError(INVALID_PARAMS, "names come as a list of texts")
        plans = self._engine.fleet.plans
        found: list[str] = []
        for name in given:
            some = [p.name for p in plans.values() if name in (p.name, p.service, p.full_name)]
            if not some:
                services = dict.fromkeys(plan.service for plan in plans.values())
                raise UnknownServiceError(str(name), list(services))
            found += [one for one in some if one not in found]
        return found


def _size(values: list[object]) -> tuple[int, int]:
    """Rows and columns of a terminal."""
    rows, columns = (*values, None, None)[:2]
    if not (isinstance(rows, int) and isinstance(columns, int)):
        raise RefusedError(INVALID_PARAMS, "a size is rows and columns")
    # struct winsize has 16 bits for each.
    return max(1, min(rows, 0xFFFF)), max(1, min(columns, 0xFFFF))


def _merged(
    old: Mapping[str, InstancePlan],
    new: tuple[InstancePlan, ...],
    is_meant: Callable[[str], bool],
) -> tuple[InstancePlan, ...]:
    """The new plans of the instances that are meant, the old ones of the others."""
    others = {name: plan for name, plan in old.items() if not is_meant(name)}
    found = [plan if is_meant(plan.name) else others.pop(plan.name, None) for plan in new]
    return (*(plan for plan in found if plan is not None), *others.values())


def _clock() -> Clock:
    return Clock(time.monotonic(), time.time())


def _signal(text: object) -> int:
    """A signal by name, with or without SIG, or by number."""
    known = {s.name: int(s) for s in signal.Signals}
    if isinstance(text, int) or (isinstance(text, str) and text.isascii() and text.isdigit()):
        number = int(text)
        if number in known.values():
            return number
    if isinstance(text, str):
        name = text.upper()
        if (name if name.startswith("SIG") else f"SIG{name}") in known:
            return known[name if name.startswith("SIG") else f"SIG{name}"]
    raise RefusedError(INVALID_PARAMS, f"there is no signal {text!r}")


def _plan(value: object) -> StackPlan:
    # Values of types, checked, from what a client has sent: a parser of our own would be as long as
    # the plan.
    import msgspec

    try:
        plan: Any = msgspec.convert(value, StackPlan)
    except msgspec.ValidationError as error:
        raise RefusedError(INVALID_PARAMS, f"not a plan: {error}") from error
    assert isinstance(plan, StackPlan)
    if wrong := _why_not(plan):
        raise RefusedError(INVALID_PARAMS, f"not a plan: {wrong}")
    return plan


def _why_not(plan: StackPlan) -> str:
    """What types do not tell, and what would not stay with one service if it were wrong."""
    if len({instance.name for instance in plan.instances}) < len(plan.instances):
        return "two instances have one name"
    for instance in plan.instances:
        if not instance.argv:
            return f"{instance.name} has no command"
        try:
            re.compile(instance.ready.log or "")
        except re.error as error:
            return f"the pattern of {instance.name}: {error}"
    return ""
