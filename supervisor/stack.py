"""Run a stack from its start to its exit status.

`Stack` connects the parts: services, view, logs, control socket, reports and announcer. It waits
until all services have ended.
"""

import asyncio
import contextlib
import gc
import os
import signal
import time
from _socket import socket as Socket  # noqa: N812
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from portweave import errors
from portweave.encoding.value import replace
from portweave.supervisor.control.call_gateway import CallGateway
from portweave.supervisor.lifetime_watch import LifetimeWatch
from portweave.supervisor.logs.index import (
    ERR,
    OUT,
)
from portweave.supervisor.logs.output_relay import View
from portweave.supervisor.logs.stream_relay import StreamRelay, keep_freed_memory
from portweave.supervisor.logs.writer import LogFolder
from portweave.supervisor.processes.nested_stacks import NestedStacks
from portweave.supervisor.processes.orphans import OrphanRecorder
from portweave.supervisor.processes.process_tree import describe
from portweave.supervisor.processes.snapshots import Snapshots
from portweave.supervisor.processes.spawn import (
    raise_descriptor_limit,
    wait_for_end_of,
)
from portweave.supervisor.processes.started_journal import (
    Journal,
)
from portweave.supervisor.proxy.announce.announcer import Announcer
from portweave.supervisor.record_and_socket import RecordAndSocket
from portweave.supervisor.registry.folder_state import FolderState, Place, judge
from portweave.supervisor.registry.moved_folder import FolderAnchor
from portweave.supervisor.registry.stack_records import folder_and_key
from portweave.supervisor.reporting.last_word import StackEnd
from portweave.supervisor.reporting.live_report import LiveReport
from portweave.supervisor.reporting.reporter import Reporter
from portweave.supervisor.reporting.state_messages import stopping_message
from portweave.supervisor.reporting.status_rows import Clock
from portweave.supervisor.services.engine import (
    Engine,
    phase_changes,
)
from portweave.supervisor.services.file_watcher import Watcher
from portweave.supervisor.services.fleet import Fleet, is_last_job_due, is_over
from portweave.supervisor.services.lifecycle import (
    Kill,
    Phase,
)
from portweave.supervisor.services.listened_commands import ListenedCommands
from portweave.supervisor.services.moved_plan import moved_path, moved_plan, moved_request
from portweave.supervisor.services.observers import Observers
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.relays import Receiver, Relay
from portweave.supervisor.services.service import Service
from portweave.supervisor.services.work_order import WorkOrder
from portweave.supervisor.setup_watch import record_setup
from portweave.supervisor.shutdown.held_streams import (
    hand_over,
)
from portweave.supervisor.shutdown.reap_stack import (
    StopProgress,
    end_processes,
    find_in_children,
)
from portweave.supervisor.stack_outcome import ended_because, exit_status, is_to_stop
from portweave.supervisor.stack_signals import ChildReaper, StackSignals
from portweave.system.faults import user_error
from portweave.system.processes import in_foreground
from portweave.system.tasks import (
    Group,
    forever,
    in_thread,
    until_next,
)

if TYPE_CHECKING:
    from portweave.supervisor.control.commands import Commands
    from portweave.supervisor.control.server import Stream

# Work that only pays in the long run is done when most services have started.
FINISH_PAUSE_S = 0.2
# A restart without a wait needs it. It comes only after a second of being ready (`HEALTHY_S`), and
# without probes a service is ready after a second. Before that, services need the processor.
DIAGNOSIS_PAUSE_S = 2.0
# Between two checks that record and socket are still there. Clients wait longer for a socket, and
# each client that connects causes a check of the record.
CHECK_PAUSE_S = 10.0


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
        wake: The descriptor that wakes the process that becomes the proxy; None without one.
        guardian: The socket to the guardian; None without one.
        lock: The descriptor of the stack's lock. None where another process keeps the record.
        stdin: The read end of a pipe, from which services without a terminal read. None for
            /dev/null.

    Returns:
        The exit status. It is 0, or 128+n after signal n, or the status of the service that was
        asked for. It is 1 if a service failed and nothing runs, or a process could not be ended.
    """
    raise_descriptor_limit()
    stack = Stack(work, wake, guardian, lock, stdin)
    try:
        async with Group() as tasks:
            await stack.run(tasks)
            tasks.cancel()
        return stack.outcome()
    except Exception as fault:
        error = user_error(fault)
        # Through the view, because a stuck reader must not delay the end.
        sentence, hints = error.message, error.hints
        if stack.view.marks is not None and error.told is not None:
            sentence, hint = error.told
            hints = (hint,) if hint else ()
        stack.view.say(f"error: {sentence} ({error.code})", is_error=True)
        for hint in hints:
            stack.view.say(f"hint: {hint}", is_error=True)
        return error.exit_status
    finally:
        stack.close_logs()
        stack.view.close()


class Stack:
    """All services of one worktree while they run.

    Args:
        work: As for `run`.
        wake: As for `run`.
        guardian: As for `run`.
        lock: As for `run`.
        stdin: As for `run`.
    """

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
            style=options.style,
            silent=options.detached,
            quiet=options.quiet,
            waiting=options.waiting,
            is_foreground=partial(in_foreground, options.guardian or os.getpid()),
        )
        folder = os.path.dirname(options.journal or "")
        self.snapshots = Snapshots(NestedStacks(folder, options.guardian or os.getpid()))
        listened = f"{os.path.dirname(folder)}/listened" if folder else ""
        self._observers = Observers(self.snapshots, ListenedCommands(listened, plan.project))
        self.finished = asyncio.Event()
        self.left: list[str] = []
        self.engine = Engine(self._make_service, self._after_change, self.view.say)
        self.reporter = Reporter(work, self.view, self.engine)
        self._live_report = LiveReport(
            self.view.live, self.engine, work.began_s, options.style.marks
        )
        self._end: StackEnd | None = None
        self.summary = ""
        say = self.reporter.warn_of_names
        naming = options.naming
        self.announcer = None if naming is None else Announcer(naming, wake, say)
        self._options = options
        self._guardian = guardian
        self._stdin = stdin
        self._logs = (
            LogFolder(options.logs, self.reporter.warn_of_logs)
            if options.logs is not None
            else None
        )
        self._files = RecordAndSocket(
            options.journal, lock, options.socket, self.reporter.log_event
        )
        journal = self._files.journal
        self._orphan_recorder = (
            OrphanRecorder(journal, self._leaders, self.snapshots, options.tag) if journal else None
        )
        self._signals = StackSignals(
            self.engine, self.view, self.reporter.print_states, self.close, self.kill, guardian
        )
        self.anchor = FolderAnchor(plan.root)
        self.lifetime = LifetimeWatch(
            options.terms,
            self._stop_as_asked,
            self.reporter.announce_end,
            last_call=lambda: self._calls.last_call,
            watch_use=self._watch_use,
        )
        self._ended_because = ""
        self._commands: Commands | None = None
        self._calls = CallGateway(self.engine, plan.calls, self._answer, self.reporter.warn_of_bus)
        self._all_ended = asyncio.Event()
        self._ended_by_client = False
        self._is_removed = False
        self._kept_folder = ""
        if options.journal is not None:
            state, key = folder_and_key(options.journal)
            self._kept_folder = f"{os.path.dirname(state)}/worktrees/{key}"
        self._tasks: Group | None = None
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
            self._files.journal,
            self._options.socket,
            self._options.terminal_policy,
            self._stdin,
            self.plan.main_root,
        )
        size = self.view.size()
        if size is not None:
            service.resize(size)
        return service

    def _open_relays(
        self, name: str, fds: Sequence[int], take: Receiver, taps: Collection[Receiver]
    ) -> list[Relay]:
        if self._guardian is not None:
            hand_over(self._guardian, name, fds)
        if self._logs is None:
            return [StreamRelay(self.view, name, fd, take, lambda _: None, taps) for fd in fds]
        log = self._logs.log(name)
        log.begin()
        return [
            StreamRelay(self.view, name, fd, take, partial(log.write, kind), taps)
            for kind, fd in zip((OUT, ERR), fds, strict=True)
        ]

    async def run(self, tasks: Group) -> None:
        """Start all services, and wait for their end.

        Args:
            tasks: The group for everything that runs beside them.
        """
        self._tasks = tasks
        tasks.start(self._kill_when_cancelled)
        # Before anything is printed or started: from here on a signal stops services in order.
        self._signals.install()
        if self._options.banner:
            self.view.print(self._options.banner)
        self.reporter.log_event("stack started", pid=os.getpid(), version=self.version)
        if trouble := await self._files.listen(self._answer, self._calls.take_over, tasks):
            without = "until then, commands such as ps and restart do not reach this stack"
            self.view.say(f"{trouble}; {without}")
        self.engine.register(
            self.plan.instances, done=self.plan.done, detached=self._options.detached
        )
        self._files.write_stop_rules(self.engine.fleet.plans.values())
        self._observers.serve(tasks)
        self.engine.serve(tasks)
        if self.anchor.is_missing:
            # It was removed after the plan was made. No later look could tell that.
            self._stop_as_asked(f"the folder {self.plan.root} does not exist any more")
        # If a signal or a client was quicker, the fleet is closed, and this starts nothing.
        self.engine.start(self.plan.wanted)
        self._live_report.update(time.monotonic())
        # The first services do not need these to start, so they come after them.
        tasks.start(self._finish_start, tasks)
        tasks.start(
            Watcher(
                self.engine,
                self.plan.root,
                self.view.say,
                self.reporter.warn_of_watch,
                self.lifetime.note_use,
            ).run
        )
        self.lifetime.serve()
        tasks.start(self.reporter.open_events)
        tasks.start(self._check_regularly)
        if self.announcer is not None:
            tasks.start(self.announcer.run)
            tasks.start(self._watch_proxy, self.announcer)
        if self._orphan_recorder is not None:
            tasks.start(self._orphan_recorder.run)
        if self._options.guardian is not None:
            tasks.start(self._watch_guardian, self._options.guardian)
        await self._all_ended.wait()
        self.lifetime.close()
        async with Group() as ends:
            ends.start(self._end_orphans)
            if self.announcer is not None:
                ends.start(self.announcer.close)
        self.left = self.engine.left
        self.left += [text for text in self._orphans if text not in self.left]
        if self._is_removed and not self.left:
            await self._release_worktree()
        self._sum_up()
        self._note_stack_end()
        self.finished.set()
        await self._files.close()
        await self._calls.close()
        if self._options.guardian == os.getppid():
            # A guardian that Ctrl-Z has stopped must continue, so that it can end.
            os.kill(os.getppid(), signal.SIGCONT)

    def _watch_use(self) -> Callable[[Callable[[], None]], object]:
        # Imported here: few stacks end without use.
        from portweave.supervisor.use_watch import UseWatch

        tasks, lifetime = self._tasks, self.lifetime
        assert tasks is not None
        watch = UseWatch(
            self.engine, self.snapshots, lifetime.note_use, lambda: lifetime.last_used_s
        )
        tasks.start(watch.run)
        return lambda then: tasks.start(watch.look_and_call, then)

    def _note_stack_end(self) -> None:
        """Write how the stack has ended, for `ls --all`."""
        journal, plan = self._options.journal, self.plan
        if journal is None or all(one.hook for one in plan.instances if one.name in plan.wanted):
            # Only a hook has run, as for `portweave setup`.
            return
        # Imported here, so that no start waits for it.
        from portweave.supervisor.registry.ended_stacks import note_end

        because = self._ended_because or ended_because(self._signals.ended_by)
        note_end(os.path.dirname(journal), plan, because, self.lifetime.as_json())

    async def _release_worktree(self) -> None:
        """Release what the removed worktree had on this machine, beside names and sockets."""
        from portweave.supervisor.worktree_block import conclude_teardown, release

        troubles = await in_thread(partial(release, self.plan.root, self.plan.namespace))
        life = self.engine.fleet.lives.get("teardown")
        if life is not None:
            troubles += await in_thread(partial(conclude_teardown, self._kept_folder, life))
        for trouble in troubles:
            self.reporter.log_event("worktree not released", reason=trouble)

    async def _check_regularly(self) -> None:
        while True:
            await until_next(CHECK_PAUSE_S)
            self._files.restore_record()
            await self._files.restore_socket()
            if self.announcer is not None:
                self.announcer.check_file()
            if self._orphan_recorder is not None:
                self._orphan_recorder.record()

    async def _kill_when_cancelled(self) -> None:
        """Kill the services after an error in portweave: their tasks wait for them, shielded."""
        try:
            await forever()
        finally:
            for service in self.engine.services.values():
                service.order(Kill())

    async def _watch_guardian(self, pid: int) -> None:
        """Stop the stack if its guardian ends: nothing else would clean up after the supervisor."""
        await wait_for_end_of(pid)
        self._ended_because = "its guardian was killed"
        self.view.say("the guardian of this stack was killed; the stack stops")
        self._signals.end_by(signal.SIGTERM)

    async def _watch_proxy(self, announcer: Announcer) -> None:
        """Start the proxy again if it is killed."""
        await announcer.registered.wait()
        # Imported here, so that no start waits for it.
        from portweave.supervisor.proxy.announce.watchdog import ProxyWatch

        await ProxyWatch(announcer, self.snapshots.spare, self.reporter.warn_of_names).run()

    async def _end_orphans(self) -> None:
        """End processes that have left the session, the parents and the tag of their service."""
        nested, own, tag = self.snapshots.nested, self.snapshots.own, self._options.tag
        find = find_in_children(own, (), tag, nested)
        progress = StopProgress()
        journal = Journal((), {})
        for pause_s in end_processes(find, journal, tag, nested.guarded, progress, own=own):
            await asyncio.sleep(pause_s)
            progress.hurry = self._killing
        self._orphans = [describe(seen) for seen in progress.left]

    async def _watch_worktree(self) -> None:
        """Stop the stack when its folder is removed."""
        # Imported here, so that no start waits for it.
        from portweave.supervisor.worktree_watch import WorktreeWatch

        plan = self.plan
        git_folder = f"{plan.main_root}/.git/worktrees" if plan.main_root else ""
        await WorktreeWatch(self.anchor, plan.root, git_folder, self._follow_folder).run()

    def _follow_folder(self, state: FolderState) -> None:
        root = self.plan.root
        match state.place:
            case Place.REMOVED:
                self._is_removed = True
                self._end_with_teardown()
                self._stop_as_asked(f"the folder {root} was removed")
            case Place.UNREACHABLE:
                self.reporter.warn_of_folder(
                    f"the folder {root} cannot be reached ({state.trouble}); the services go on"
                )
            case Place.MOVED:
                self._move_to(state.path)
            case Place.PRESENT:
                self.view.say(f"the folder {root} can be reached")

    def _end_with_teardown(self) -> None:
        """Have the kept `teardown` run as the last job, in place of `afterDown`."""
        from portweave.supervisor.registry.kept_teardown import read_kept
        from portweave.supervisor.worktree_block import teardown_plan

        plans = [plan for plan in self.engine.fleet.plans.values() if not plan.last]
        kept = read_kept(self._kept_folder) if self._kept_folder else None
        if kept is not None and not self._killing:
            self.engine.ask_last_job()
            plans.append(teardown_plan(kept))
            if self._logs is not None:
                self._logs.path = f"{kept.folder}/logs"
        self.engine.apply_plans(tuple(plans))

    def follow_folder(self) -> None:
        """Take a new path of the folder before something starts there."""
        state = judge(FolderState(), self.anchor.look(), time.monotonic())
        if state.place is Place.MOVED:
            self._move_to(state.path)

    def _move_to(self, new: str) -> None:
        """Go on in a folder that was moved: the next starts use its new path."""
        old, namespace = self.plan.root, self.plan.namespace
        if old == new:
            return
        plans = tuple(moved_plan(plan, old, new) for plan in self.engine.fleet.plans.values())
        main_root = moved_path(self.plan.main_root, old, new)
        self.plan = replace(self.plan, root=new, main_root=main_root)
        self.origin = moved_request(self.origin, old, new)
        self.anchor.follow(new)
        self.reporter.follow_folder(old, new)
        if self._logs is not None:
            self._logs.path = moved_path(self._logs.path, old, new)
        self._files.note_folder(new)
        self.engine.replace_plans(plans)
        self.reporter.warn_of_folder(f"the folder {old} was moved to {new}; the services go on")
        if self._tasks is not None:
            self._tasks.start(self._follow_registry, old, namespace, new)

    async def _follow_registry(self, old: str, namespace: str, new: str) -> None:
        from portweave.supervisor.worktree_block import follow, follow_teardown

        troubles = await in_thread(partial(follow, old, namespace, new))
        if self._kept_folder:
            troubles += await in_thread(partial(follow_teardown, self._kept_folder, old, new))
        for trouble in troubles:
            self.reporter.log_event("block not moved", reason=trouble)

    async def _finish_start(self, tasks: Group) -> None:
        # Adopted processes are reaped when they end, not only when a service ends.
        ChildReaper(self.snapshots.own).install()
        await asyncio.sleep(FINISH_PAUSE_S)
        # In a thread, so that no start or restart waits for it.
        await in_thread(_import_commands)
        if self.plan.calls.bus is not None:
            await in_thread(_import_bus)
            self._calls.join_bus()
        tasks.start(self._watch_worktree)
        gc.freeze()
        gc.enable()
        keep_freed_memory()
        if self._logs is not None:
            self._logs.remove_old()
        await asyncio.sleep(DIAGNOSIS_PAUSE_S - FINISH_PAUSE_S)
        await in_thread(_prepare_restart)
        gc.freeze()

    async def _answer(self, address: str, params: list[object], stream: "Stream") -> list[object]:
        """Carry out a request of a client, as `Commands.serve`."""
        if self._commands is None:
            from portweave.supervisor.control.commands import Commands

            self._commands = Commands(self)
        return await self._commands.serve(address, params, stream)

    def _sum_up(self) -> None:
        """Report the end of a stack that was stopped."""
        if self._end is None:
            return
        killed = [name for name, service in self.engine.services.items() if service.killed]
        self.summary = self._end.summary(self.engine.fleet, killed, time.monotonic())
        if self._end.has_stopped:
            self.view.say(self.summary)

    def close(self) -> None:
        """Stop all services, dependents first."""
        self._note_end()
        self.engine.close()
        if not self.view.interactive and (line := stopping_message(self.engine.fleet)):
            # After the messages that are still due.
            self._soon(self.view.say, line)

    def kill(self) -> None:
        """Kill all services at once."""
        self._killing = True
        self._note_end()
        self.engine.kill()

    def _note_end(self) -> None:
        if self._end is None:
            self._end = StackEnd(self.engine.fleet, time.monotonic())

    def end(self, grace_s: float | None) -> None:
        """Stop all services because a client asked for it.

        Args:
            grace_s: An upper bound for the grace period of each service; None for none.
        """
        if grace_s is not None:
            self.engine.limit_grace(grace_s)
            self._files.write_stop_rules(self.engine.fleet.plans.values(), grace_s)
        self._stop_as_asked("portweave down was called")

    def _stop_as_asked(self, because: str) -> None:
        """Stop all services in order, as a success of the command that has started them."""
        if not self.engine.fleet.closing:
            self._ended_because = because
            self._ended_by_client = self._signals.ended_by is None
            why = f"{because}; the stack stops"
            if not self._options.detached:
                self.view.say(why)
            self.reporter.log_event("stack stopping", reason=why)
            self.close()

    def url(self, plan: InstancePlan) -> str | None:
        """The URL of an instance now; None without a port."""
        return plan.url if self.announcer is None else self.announcer.url(plan)

    def close_logs(self) -> None:
        """Write buffered output to the logs, and close them."""
        self.reporter.close()
        if self._logs is not None:
            self._logs.close()

    @property
    def bus(self) -> dict[str, object] | None:
        """The bus of the stack, as `ps --json` prints it; None if it has none."""
        return self._calls.bus

    def has_joined(self, name: str) -> bool:
        """Whether the program of an instance is connected to the hub of calls."""
        return self._calls.has_joined(name)

    def stops_because(self) -> str:
        """Why the whole stack is being stopped; empty where it goes on or ends by itself."""
        signalled = self._signals.ended_by
        if not self.engine.fleet.closing or (signalled is None and not self._ended_because):
            return ""
        return self._ended_because or ended_because(signalled)

    def log_trouble(self, name: str) -> str:
        """Why the log of an instance lacks bytes, in words; empty where it is complete."""
        return "" if self._logs is None else self._logs.log(name).trouble()

    def update_ports(self) -> None:
        """Write the ports of the instances, as they are planned now, to the record."""
        self._files.update_ports(self.engine.fleet)

    def set_origin(
        self, origin: Mapping[str, object], wanted: frozenset[str], removed: frozenset[str]
    ) -> None:
        """Remember what the stack was planned from last.

        Args:
            origin: What it was planned from.
            wanted: Names of the instances that start by themselves.
            removed: The services that it had and has no more.
        """
        self.origin = origin
        self.reporter.runs.record_start(
            origin, removed, (plan.service for plan in self.engine.fleet.plans.values())
        )
        # At once: `logs` may be the next command, and reads it.
        self.reporter.runs.flush()
        self.plan = replace(self.plan, wanted=wanted)

    def _after_change(self, before: Fleet) -> None:
        if self.engine.fleet.plans is not before.plans:
            self._files.write_stop_rules(self.engine.fleet.plans.values())
        record_setup(before, self.engine.fleet, self.plan.root, self.view.say)
        self._calls.changed(before)
        if self.announcer is not None:
            self.announcer.update(self.engine.fleet)
        # In the next turn of the loop, so that no restart waits for messages.
        clock = Clock(time.monotonic(), time.time())
        self._soon(self._report_change, before, self.engine.fleet, clock)

    def _report_change(self, before: Fleet, after: Fleet, clock: Clock) -> None:
        try:
            self.reporter.report_changes(before, after, clock)
            if self._orphan_recorder is not None and _has_started(before, after):
                self._orphan_recorder.note_start()
        finally:
            # The stack ends even if a report fails.
            self._conclude()

    def _conclude(self) -> None:
        """Stop or finish the stack where its state asks for that."""
        after, options = self.engine.fleet, self._options
        if not after.closing and is_to_stop(
            after, self.plan.wanted, options.exit_code_from, abort_on_exit=options.abort_on_exit
        ):
            self.close()
            return
        if not after.closing and is_last_job_due(after):
            self.close()
            return
        self._live_report.update(time.monotonic(), killing=self._killing)
        if is_over(after):
            self._all_ended.set()

    def outcome(self) -> int:
        """The exit status once all has ended.

        Raises:
            ServiceFailedError: A service had failed.
            ProcessesLeftError: A process could not be ended.
        """
        if self.left:
            raise errors.ProcessesLeftError(self.left)
        if self.anchor.is_missing:
            return 1
        return exit_status(
            self.engine.fleet,
            lambda name: self.engine.services[name].last_end,
            self._signals.ended_by,
            self._options.exit_code_from,
            by_client=self._ended_by_client,
        )


def _has_started(before: Fleet, after: Fleet) -> bool:
    return any(life.phase is Phase.STARTING for _, _, life in phase_changes(before, after))


def _import_commands() -> None:
    """Import what requests of clients need.

    Portweave may be replaced on the disk while the stack runs. So nothing waits for its first use.
    """
    from portweave.errors import control_errors, registry_errors, supervision_errors
    from portweave.supervisor.control import commands

    del commands, control_errors, registry_errors, supervision_errors


def _import_bus() -> None:
    """Import what a bus needs, so that it delays no service."""
    from portweave.supervisor.calls import bus_port

    with contextlib.suppress(ImportError):
        from nats.aio import client

        del client
    del bus_port


def _prepare_restart() -> None:
    """Do what the first restart would else wait for: import, and compile dozens of patterns."""
    from portweave.supervisor.diagnosis.reasons import End
    from portweave.supervisor.services import end_cause, lifecycle

    end_cause.prepare()
    # The crash of a service that does not exist is only calculated.
    plan = InstancePlan("", "", 1, "", ("true",), "true", "/")
    crashed = lifecycle.Exited(1, cause=end_cause.find_cause(End(1), plan, ""))
    ready = lifecycle.Life(Phase.READY, wanted=True, ready_s=0.0)
    life, _ = lifecycle.step(plan, ready, crashed, DIAGNOSIS_PAUSE_S)
    lifecycle.step(plan, life, lifecycle.BackoffEnded(), DIAGNOSIS_PAUSE_S)
