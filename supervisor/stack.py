"""The task group that holds a stack: events go into the fleet, actions to the services."""

import asyncio
import gc
import math
import os
import signal
import time
from _socket import socket as Socket  # noqa: N812
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from portweave.encoding.value import replace
from portweave.errors import ProcessesLeftError, ServiceFailedError
from portweave.supervisor.control.call_gateway import CallGateway
from portweave.supervisor.control.commands import Commands
from portweave.supervisor.control.server import Listener
from portweave.supervisor.logs.index import (
    ERR,
    OUT,
)
from portweave.supervisor.logs.output_relay import (
    View,
    keep_blocks,
)
from portweave.supervisor.logs.writer import LogFolder
from portweave.supervisor.processes.nested_stacks import NestedStacks
from portweave.supervisor.processes.orphans import Orphans
from portweave.supervisor.processes.process_tree import describe
from portweave.supervisor.processes.shutdown_order import StopRule
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.processes.spawn import (
    raise_descriptor_limit,
    wait_for_end_of,
)
from portweave.supervisor.processes.started_journal import (
    Journal,
    JournalWriter,
)
from portweave.supervisor.proxy.announce.announcer import Announcer
from portweave.supervisor.registry.moved_folder import FolderAnchor
from portweave.supervisor.registry.stack_lock import StackLock, update_ports
from portweave.supervisor.registry.stack_records import folder_and_key
from portweave.supervisor.reporting.redact import hide
from portweave.supervisor.reporting.reporter import Reporter
from portweave.supervisor.reporting.state_messages import stopping_message
from portweave.supervisor.reporting.status_rows import Clock
from portweave.supervisor.services import fleet as fleets
from portweave.supervisor.services.engine import (
    Engine,
    phase_changes,
)
from portweave.supervisor.services.file_watcher import Watcher
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    Kill,
    Phase,
)
from portweave.supervisor.services.listened_commands import ListenedCommands
from portweave.supervisor.services.observers import Observers
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.service import (
    Relay,
    Service,
    Take,
)
from portweave.supervisor.services.work_order import WorkOrder
from portweave.supervisor.shutdown.held_streams import (
    HELD,
    hand_over,
    tell,
)
from portweave.supervisor.shutdown.reap_stack import (
    StackEnd,
    end_all,
    find_below,
)
from portweave.system.faults import in_words
from portweave.system.tasks import (
    Group,
    forever,
    in_thread,
    until_next,
)

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)
# One press of Ctrl-C may reach us twice, from the terminal and from a wrapper that passes it on.
ONE_PRESS_S = 0.15
# What only pays in the long run is done when most services have started.
SETTLE_PAUSE_S = 0.2
# How long the terminal may take for what was said before the view is held.
HOLD_S = 0.5
HOLD_PAUSE_S = 0.005
REAP_PAUSE_S = 0.05
# Between two looks whether record and socket are still there. Clients wait longer for a socket; a
# client that connects has us look at the record at once.
LOOK_PAUSE_S = 10.0


async def run(
    work: WorkOrder,
    wake: int | None = None,
    guardian: Socket | None = None,
    lock: int | None = None,
    stdin: int | None = None,
) -> int:
    """Run a stack until all of it has ended, or a signal ends it.

    Args:
        work: What to run, and how.
        wake: The descriptor that wakes the one who becomes the proxy; None where there is none.
        guardian: The socket to the guardian; None where there is none.
        lock: The descriptor of the lock that gives the right to run it; None where another process
            sees to the record.
        stdin: The reading end of a pipe that services without a terminal read from; None for
            /dev/null.

    Returns:
        The exit status: 0, 128+n after signal n, that of the service that was asked for, or 1 where
        a service has failed and nothing runs any more, or a process could not be ended.
    """
    raise_descriptor_limit()
    stack = Stack(work, wake, guardian, lock, stdin)
    try:
        async with Group() as tasks:
            await stack.run(tasks)
            tasks.cancel()
        return stack.outcome()
    except Exception as fault:
        error = in_words(fault)
        # By way of the view: a reader that stands still is not to hold us up at the very end.
        stack.view.say(f"error: {error.message} ({error.code})")
        for hint in error.hints:
            stack.view.say(f"hint: {hint}")
        return error.exit_status
    finally:
        stack.close_logs()
        stack.view.close()


class Stack:
    """All services of one worktree while they run."""

    def __init__(
        self,
        work: WorkOrder,
        wake: int | None = None,
        guardian: Socket | None = None,
        lock: int | None = None,
        stdin: int | None = None,
    ) -> None:
        plan, options = work.plan, work.options
        self.plan = plan
        self.origin = work.origin
        self.version = options.version
        self.began_s = work.began_s
        names = [i.name for i in plan.instances]
        self.view = View(
            names,
            colour=options.colour,
            coloured_names=options.coloured_names,
            silent=options.detached,
        )
        folder = os.path.dirname(options.journal or "")
        self.snapshots = Snapshots(NestedStacks(folder, options.guardian or os.getpid()))
        listened = f"{os.path.dirname(folder)}/listened" if folder else ""
        self._observers = Observers(self.snapshots, ListenedCommands(listened, plan.project))
        self.finished = asyncio.Event()
        self.left: list[str] = []
        self.engine = Engine(self._make_service, self._after_change, self.view.say)
        self.reporter = Reporter(work, self.view, self.engine)
        say = self.reporter.warn_of_names
        naming = options.naming
        self.announcer = None if naming is None else Announcer(naming, wake, say)
        self._options = options
        self._guardian = guardian
        self._stdin = stdin
        self._hold: StackLock | None = None
        if options.journal is not None and lock is not None:
            self._hold = StackLock(*folder_and_key(options.journal), lock)
        self._logs = (
            LogFolder(options.logs, self.reporter.warn_of_logs)
            if options.logs is not None
            else None
        )
        self._record_of = options.journal
        self._journal = JournalWriter(options.journal) if options.journal is not None else None
        self._noted_strays = (
            Orphans(self._journal, self._leaders, self.snapshots, options.tag)
            if self._journal
            else None
        )
        self._socket = options.socket
        self._listener: Listener | None = None
        self._socket_lost = ""
        self.anchor = FolderAnchor(plan.root)
        self._commands = Commands(self)
        self._exchange = CallGateway(self.engine, plan.calls, self._commands.serve)
        self._over = asyncio.Event()
        self._ended_by: int | None = None
        self._pressed_s = 0.0
        self._reaping: asyncio.TimerHandle | None = None
        self._ended_by_client = False
        self._killing = False
        self._orphans: list[str] = []

        self._soon = asyncio.get_running_loop().call_soon

    def _leaders(self) -> list[int]:
        leaders = (service.leader for service in self.engine.services.values())
        return [leader for leader in leaders if leader is not None]

    def _make_service(self, plan: InstancePlan) -> Service:
        service = Service(
            plan,
            self.engine.handle_event,
            self._open_relays,
            self._observers,
            self._options.tag,
            self._journal,
            self._socket,
            self._options.terminal_policy,
            self._stdin,
            self.plan.main_root,
        )
        size = self.view.size()
        if size is not None:
            service.resize(size)
        return service

    def _open_relays(
        self, name: str, fds: Sequence[int], take: Take, taps: Collection[Take]
    ) -> list[Relay]:
        if self._guardian is not None:
            hand_over(self._guardian, name, fds)
        if self._logs is None:
            return [self.view.relay(name, fd, take, lambda _: None, taps) for fd in fds]
        log = self._logs.log(name)
        log.begin()
        return [
            self.view.relay(name, fd, take, partial(log.write, kind), taps)
            for kind, fd in zip((OUT, ERR), fds, strict=True)
        ]

    async def run(self, tasks: Group) -> None:
        """Start all, and wait for the end."""
        tasks.start(self._kill_when_cancelled)
        # Before anything is said or started: from here on a signal does not just end us.
        self._take_signals()
        if self._options.banner:
            self.view.print(self._options.banner)
        self.reporter.log_event("stack started", pid=os.getpid(), version=self.version)
        await self._listen(tasks)
        self.engine.register(self.plan.instances, detached=self._options.detached)
        self._note_endings()
        self._observers.serve(tasks)
        self.engine.serve(tasks)
        # Where a signal or a client was quicker the fleet is closed, and this starts nothing.
        self.engine.start(self.plan.wanted)
        # After the first services have been spawned, for they do not need it to start.
        tasks.start(self._settle_in)
        tasks.start(
            Watcher(self.engine, self.plan.root, self.view.say, self.reporter.warn_of_watch).run
        )
        tasks.start(self.reporter.open_events)
        tasks.start(self._keep_record)
        if self.announcer is not None:
            tasks.start(self.announcer.run)
            tasks.start(self._watch_proxy, self.announcer)
        if self._noted_strays is not None:
            tasks.start(self._noted_strays.run)
        if self._options.guardian is not None:
            tasks.start(self._watch_guardian, self._options.guardian)
        await self._over.wait()
        async with Group() as ends:
            ends.start(self._end_strays)
            if self.announcer is not None:
                ends.start(self.announcer.close)
        self.left = self.engine.left
        self.left += [text for text in self._orphans if text not in self.left]
        self.finished.set()
        if self._listener is not None:
            await self._listener.close()
        await self._exchange.close()
        if self._options.guardian == os.getppid():
            # One that Ctrl-Z has stopped ends with us.
            os.kill(os.getppid(), signal.SIGCONT)

    async def _listen(self, tasks: Group) -> None:
        """Let clients connect. Without it the stack runs all the same, and says what it lacks."""
        if not self._socket:
            return
        listener = Listener(
            self._socket,
            self._commands.serve,
            tasks,
            self._exchange.take_over,
            self._restore_record,
        )
        try:
            await listener.listen()
        except OSError as error:
            why = f"cannot listen on {self._socket}: {error.strerror or error}"
            self.view.say(f"{why}; until it can, ps, restart and the like do not reach this stack")
        self._listener = listener

    async def _keep_record(self) -> None:
        while True:
            await until_next(LOOK_PAUSE_S)
            self._restore_record()
            await self._restore_socket()
            if self.announcer is not None:
                self.announcer.look()
            if self._noted_strays is not None:
                self._noted_strays.look()

    def _restore_record(self) -> None:
        """Have others find us again where somebody has removed the folder of our state."""
        try:
            if self._hold is None or not self._hold.restore():
                return
            if self._journal is not None:
                self._journal.restore()
        except OSError as error:
            self.reporter.log_event("record not restored", error=str(error))
        else:
            self.reporter.log_event("record restored")

    async def _restore_socket(self) -> None:
        """Have others reach us again where the folder of our socket was removed."""
        if self._listener is None:
            return
        try:
            if await self._listener.restore():
                self.reporter.log_event("socket restored")
            self._socket_lost = ""
        except OSError as error:
            # Such as while no user is logged in; the next look may find a place for it.
            if self._socket_lost != str(error):
                self.reporter.log_event("socket not restored", error=str(error))
            self._socket_lost = str(error)

    async def _kill_when_cancelled(self) -> None:
        """An error of our own ends the services too: their tasks wait for them, shielded."""
        try:
            await forever()
        finally:
            for service in self.engine.services.values():
                service.order(Kill())

    async def _watch_guardian(self, pid: int) -> None:
        """Without its guardian a stack does not go on: nobody would end it if we were killed."""
        await wait_for_end_of(pid)
        self.view.say("the guardian of this stack was killed; the stack stops")
        self._ended_by = self._ended_by or signal.SIGTERM
        self.close()

    async def _watch_proxy(self, announcer: Announcer) -> None:
        """See to it that a proxy which is killed comes back."""
        await announcer.registered.wait()
        # No start waits for it.
        from portweave.supervisor.proxy.announce.watchdog import ProxyWatch

        await ProxyWatch(announcer, self.snapshots.spare, self.reporter.warn_of_names).run()

    async def _end_strays(self) -> None:
        """End what has left its service's session, its parents and its mark behind."""
        nested, own, tag = self.snapshots.nested, self.snapshots.own, self._options.tag
        find = find_below(own, (), tag, nested)
        ends = StackEnd()
        journal = Journal((), {})
        for pause_s in end_all(find, journal, tag, nested.entrusted, ends, own=own):
            await asyncio.sleep(pause_s)
            ends.hurried = self._killing
        self._orphans = [describe(seen) for seen in ends.left]

    async def _settle_in(self) -> None:
        # What was handed to us and ends is reaped then, not only when a service ends.
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap_soon)
        await asyncio.sleep(SETTLE_PAUSE_S)
        # Neither a start nor a restart waits for that.
        await in_thread(_prepare_diagnosis)
        gc.freeze()
        gc.enable()
        keep_blocks()
        if self._logs is not None:
            self._logs.drop_old()

    def _reap_soon(self) -> None:
        """Once for all that end together, and behind a restart, which is not to wait for it."""
        if self._reaping is None:
            loop = asyncio.get_running_loop()
            self._reaping = loop.call_later(REAP_PAUSE_S, self._reap)

    def _reap(self) -> None:
        self._reaping = None
        self.snapshots.own.reap()

    def _take_signals(self) -> None:
        # Who is started by nohup(1) does not end with the terminal.
        ending = [n for n in ENDING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
        others = [signal.SIGQUIT, signal.SIGWINCH]
        if self._guardian is not None:
            others += [signal.SIGTSTP, signal.SIGCONT]
        loop = asyncio.get_running_loop()
        for number in (*ending, *PASSED_ON, *others):
            loop.add_signal_handler(number, self._take_signal, number)
        if self._guardian is not None:
            # They have been blocked until now. Not even what we inherited stays so, for it would
            # be blocked in every service.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _take_signal(self, number: int) -> None:
        if number in PASSED_ON:
            for service in self.engine.services.values():
                service.send_signal(number, f"up has passed {signal.Signals(number).name} on to it")
        elif number == signal.SIGWINCH:
            self._resize()
        elif number == signal.SIGQUIT:
            self.reporter.print_states()
        elif number == signal.SIGTSTP:
            # If we stopped, the services would wait for us as soon as their pipes are full.
            self.view.hold("the services go on in the background; fg comes back to them")
            self._tell_held(time.monotonic() + HOLD_S)
        elif number == signal.SIGCONT:
            self.view.release()
            self._resize()
        elif self._ended_by is None:
            self._ended_by = number
            self._pressed_s = time.monotonic()
            self.close()
        elif number == signal.SIGINT and time.monotonic() - self._pressed_s > ONE_PRESS_S:
            self.kill()

    def _tell_held(self, until_s: float) -> None:
        """Tell the guardian, which stops then, that nothing more comes on the terminal."""
        assert self._guardian is not None
        if self.view.idle or time.monotonic() >= until_s:
            tell(self._guardian, HELD)
        else:
            asyncio.get_running_loop().call_later(HOLD_PAUSE_S, self._tell_held, until_s)

    def close(self) -> None:
        """Stop all, dependents first."""
        self.engine.close()
        if not self.view.interactive and (line := stopping_message(self.engine.fleet)):
            # Behind what is still to be told.
            self._soon(self.view.say, line)

    def url(self, plan: InstancePlan) -> str | None:
        """Where an instance is reached now; None without a port."""
        return plan.url if self.announcer is None else self.announcer.url(plan)

    def close_logs(self) -> None:
        """Write what is not written yet of the logs, and close them."""
        self.reporter.close()
        if self._logs is not None:
            self._logs.close()

    def _resize(self) -> None:
        """Give the services' terminals the size of ours."""
        size = self.view.size()
        if size is not None:
            for service in self.engine.services.values():
                service.resize(size)

    def kill(self) -> None:
        """End all at once."""
        self._killing = True
        self.engine.kill()

    def has_joined(self, name: str) -> bool:
        """Whether the program of an instance takes part in the calls."""
        return self._exchange.has_joined(name)

    def log_trouble(self, name: str) -> str:
        """Why the log of an instance lacks bytes, in words; empty where it has them all."""
        return "" if self._logs is None else self._logs.log(name).trouble()

    def end(self, grace_s: float | None) -> None:
        """Stop all because a client asked for it."""
        if grace_s is not None:
            self.engine.limit_grace(grace_s)
            self._note_endings(grace_s)
        if not self.engine.fleet.closing:
            self._ended_by_client = self._ended_by is None
            if not self._options.detached:
                self.view.say("portweave down was called; the stack stops")
            self.close()

    def update_ports(self) -> None:
        """Have others know the ports of the instances as they are planned now."""
        if self._record_of is None:
            return
        fleet = self.engine.fleet
        ports = {
            name: plan.port
            for name, plan in fleet.plans.items()
            if plan.port is not None and name not in fleet.removed
        }
        try:
            update_ports(self._record_of, ports)
        except OSError as error:  # they are in the registry all the same
            self.reporter.log_event("ports not noted", error=str(error))

    def take_over(
        self, origin: Mapping[str, object], wanted: frozenset[str], removed: frozenset[str]
    ) -> None:
        """Keep what the stack was planned from last, and what that starts by itself."""
        self.origin = origin
        self.reporter.runs.record_start(origin, removed)
        # `logs`, which may be the next command, goes by it.
        self.reporter.runs.flush()
        self.plan = replace(self.plan, wanted=wanted)

    def _note_endings(self, longest_s: float = math.inf) -> None:
        """Note how to end the services, for those who have to when we cannot."""
        if self._journal is None:
            return
        endings = {
            plan.name: StopRule(
                min(plan.stop_grace_s, longest_s),
                plan.stop_signal,
                tuple(need.instance for need in plan.needs),
            )
            for plan in self.engine.fleet.plans.values()
        }
        self._journal.plan(endings)

    def _after_change(self, before: Fleet) -> None:
        if self.engine.fleet.plans is not before.plans:
            self._note_endings()
        self._exchange.changed(before)
        if self.announcer is not None:
            self.announcer.take(self.engine.fleet)
        # In the next turn of the loop: what is to be started again is not to wait for our words.
        clock = Clock(time.monotonic(), time.time())
        self._soon(self._take_change, before, self.engine.fleet, clock)

    def _take_change(self, before: Fleet, after: Fleet, clock: Clock) -> None:
        try:
            self.reporter.report_changes(before, after, clock)
            if self._noted_strays is not None and _has_started(before, after):
                self._noted_strays.started()
        finally:
            # Whatever could not be told: who is to end ends.
            self._conclude()

    def _conclude(self) -> None:
        after = self.engine.fleet
        if not after.closing and self._is_to_end():
            self.close()
            return
        if after.closing:
            line = stopping_message(after, killing=self._killing)
            more = "" if self._killing else " (Ctrl-C again to kill)"
            self.view.status(f"[portweave] {line}{more}" if line else "")
        if fleets.is_over(after):
            self._over.set()

    def _is_to_end(self) -> bool:
        """Whether the end of one service is to end all."""
        lives, plans = self.engine.fleet.lives, self.engine.fleet.plans
        source = self._options.exit_code_from
        if source is not None and (
            source not in lives or lives[source].phase in (*ENDED, Phase.BLOCKED, Phase.COMPLETED)
        ):
            return True
        return self._options.abort_on_exit and any(
            lives[name].phase in ENDED
            and not (plans[name].oneshot and lives[name].phase is Phase.EXITED)
            for name in self.plan.wanted
            if name in lives
        )

    def outcome(self) -> int:
        """The exit status once all is over.

        Raises:
            ServiceFailedError: A service had failed.
            ProcessesLeftError: A process could not be ended.
        """
        if self.left:
            raise ProcessesLeftError(self.left)
        if self._ended_by is not None:
            return 128 + self._ended_by
        if self._ended_by_client:
            return 0
        source = self._options.exit_code_from
        if source is not None:
            life = self.engine.fleet.lives.get(source)
            if life is None:
                # It was taken out of the definitions, or scaled down.
                return 0
            is_bad = life.phase in (Phase.FAILED, Phase.BLOCKED) or life.exit_status is None
            return life.exit_status or int(is_bad)
        if failed := fleets.failures(self.engine.fleet):
            name = failed[0]
            environment = self.engine.fleet.plans[name].environment
            reason = hide(self.engine.fleet.lives[name].reason, environment)
            cause = self.engine.services[name].last_end
            is_told = cause is None or not cause.hint or cause.hint in reason
            hint = "" if cause is None or is_told else hide(cause.hint, environment)
            raise ServiceFailedError(name, reason, others=tuple(failed[1:]), hint=hint)
        return 0


ENDED = (Phase.EXITED, Phase.FAILED)


def _has_started(before: Fleet, after: Fleet) -> bool:
    return any(life.phase is Phase.STARTING for _, _, life in phase_changes(before, after))


def _prepare_diagnosis() -> None:
    """Import what recognises errors: dozens of patterns, which take a while to compile."""
    from portweave.supervisor.services import end_cause

    end_cause.prepare()
