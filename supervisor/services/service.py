"""Run one instance: start it, watch it, probe it, stop it, and report events.

Nothing is decided here. `lifecycle` decides: it takes the events and returns the actions.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence

from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.diagnosis.memory_kills import memory_kills
from portweave.supervisor.logs.line_splitter import LastLines
from portweave.supervisor.processes.end_proof import is_gone
from portweave.supervisor.processes.process_tree import (
    TAG,
    ProcessInfo,
    ProcessTree,
    describe,
    signal_each,
    signal_group,
    tag_of,
)
from portweave.supervisor.processes.pty import (
    NoTerminalError,
    resize,
    set_echo,
    spawn_on_terminal,
)
from portweave.supervisor.processes.shutdown_order import StopRule
from portweave.supervisor.processes.spawn import (
    NotSpawnedError,
    Process,
    check_room,
    reap,
    reap_adopted,
    spawn,
    wait_for_end_of,
    wait_for_exit,
)
from portweave.supervisor.processes.started_journal import JournalWriter
from portweave.supervisor.processes.stop_signals import StopSignals
from portweave.supervisor.services.lifecycle import (
    Action,
    BackoffEnded,
    Event,
    Exited,
    Kill,
    NotSpawned,
    Spawn,
    Spawned,
    Stop,
    WaitUntil,
)
from portweave.supervisor.services.notify_socket import NotifySocket
from portweave.supervisor.services.observers import Observers
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.probes import foreign_listener
from portweave.supervisor.services.readiness import Readiness
from portweave.supervisor.services.relays import OpenRelays, Receiver
from portweave.supervisor.services.run_state import Run
from portweave.supervisor.services.sd_notify import Notice
from portweave.supervisor.services.terminal_policy import (
    TerminalPolicy,
    environment_for,
    has_terminal,
)
from portweave.system.tasks import (
    Group,
    Within,
    finish,
)

# How long output may still come after the end. A survivor may hold the pipe open for ever: an exit
# is known from wait(2), not from the end of a pipe.
DRAIN_S = 0.2
# Rows and columns of a terminal that is not shown.
DEFAULT_SIZE = (24, 80)
DEFAULT_TERMINAL_POLICY = TerminalPolicy()


class Service:
    """The owner of one instance.

    Args:
        plan: What to run.
        on_event: Receives each event.
        open_relays: Opens the relays of its output.
        observers: The observers that the stack's services share.
        tag: The prefix of its tag. The name and the number of the run follow it.
        journal: Lists starts and ends.
        socket: Path of the control socket, for its processes; empty for none.
        terminal_policy: Whether it has a terminal, and shows colours.
        stdin: Its standard input without a terminal, unless it is a job. None for /dev/null.
        main_root: The root of the project's main worktree; empty where that is not known.

    Attributes:
        plan: Of this run, or of the last one.
        last_lines: Of this run, or of the last one.
        leader: Pid of its leader; None while it does not run.
        tree: All processes of this run, or of the last one.
        token: The secret by which a process of this run identifies itself; empty without a run.
        readiness: Of this run, or of the last one.
        last_end: Why a run last ended without being stopped.
        left: Processes that could not be ended, in words.
        killed: Whether SIGKILL had to end a process of this run, or of the last one.
        watch_trouble: What is wrong with its restarts by `watch`; None for nothing.
        restart_due_s: When `watch` restarts it, on the monotonic clock; None if it will not.
        taps: Receivers of each chunk of output, as it is read.
    """

    def __init__(
        self,
        plan: InstancePlan,
        on_event: Callable[[str, Event], None],
        open_relays: OpenRelays,
        observers: Observers,
        tag: str,
        journal: JournalWriter | None,
        socket: str = "",
        terminal_policy: TerminalPolicy = DEFAULT_TERMINAL_POLICY,
        stdin: int | None = None,
        main_root: str = "",
    ) -> None:
        self.plan = plan
        self.last_lines = LastLines()
        self.leader: int | None = None
        self.tree: ProcessTree | None = None
        self.token = ""
        self.readiness: Readiness | None = None
        self.last_end: Cause | None = None
        self.left: tuple[str, ...] = ()
        self.killed = False
        self.watch_trouble: Cause | None = None
        self.restart_due_s: float | None = None
        self._on_event = on_event
        self.taps: set[Receiver] = set()
        self._open_relays = open_relays
        self._terminal_policy = terminal_policy
        self._stdin = stdin
        self._main_root = main_root
        self._terminals: list[int] = []
        self._terminal_size = DEFAULT_SIZE
        self._echoes = False
        self._observers = observers
        self._snapshots = observers.snapshots
        self._tag = f"{tag}.{plan.name}"
        self._journal = journal
        self._runs = 0
        self._run = Run()
        self._backoff_timer: asyncio.TimerHandle | None = None
        self._next_plan = plan
        self._socket = socket
        # None ends `serve`.
        self._orders: asyncio.Queue[Run | WaitUntil | None] = asyncio.Queue()

    def order(self, action: Action) -> None:
        """Take an action; `serve` carries it out."""
        match action:
            case Spawn():
                self.plan = self._next_plan
                self._run = Run()
                self._orders.put_nowait(self._run)
            case WaitUntil():
                self._orders.put_nowait(action)
            case Stop():
                self._run.update(stop=True)
            case Kill():
                self._run.update(stop=True, kill=True)

    def set_plan(self, plan: InstancePlan, *, at_once: bool) -> None:
        """Replace the plan.

        Args:
            plan: The new one.
            at_once: Whether it holds for the present run too, and not only from the next start.
        """
        self._next_plan = plan
        if at_once:
            self.plan = plan
            # A run that is being stopped may have less time now.
            self._run.update()

    def retire(self) -> None:
        """Take no more orders: `serve` ends."""
        self._cancel_backoff()
        self._orders.put_nowait(None)

    async def serve(self) -> None:
        """Carry out orders until cancelled, or `retire`."""
        loop = asyncio.get_running_loop()
        # A queue with something in it gives it at once: a restart waits for no turn of the loop.
        while (order := await self._orders.get()) is not None:
            self._cancel_backoff()
            if not isinstance(order, WaitUntil):
                await self._serve_run(order)
            elif (wait_s := order.at_s - time.monotonic()) > 0:
                self._backoff_timer = loop.call_later(wait_s, self._send, BackoffEnded())
            else:
                self._send(BackoffEnded())

    def _cancel_backoff(self) -> None:
        if self._backoff_timer is not None:
            self._backoff_timer.cancel()
            self._backoff_timer = None

    @property
    def terminal(self) -> int | None:
        """Portweave's end of its terminal for input and output; None without one."""
        return self._terminals[0] if self._terminals else None

    def set_echo(self, *, on: bool) -> None:
        """Switch the echo of typed characters on its terminal on or off."""
        self._echoes = on
        if self.terminal is not None:
            set_echo(self.terminal, on=on)

    def resize(self, size: tuple[int, int]) -> None:
        """Set the rows and columns of its terminal, for this run and later ones."""
        self._terminal_size = size
        resize(self._terminals, size)

    def send_signal(self, number: int, by: str) -> None:
        """Signal the leader, if there is one.

        Args:
            number: Of the signal.
            by: What sends it, in words, for a later `why`.
        """
        if self.leader is not None:
            self._run.sent_signal = (number, time.monotonic(), by)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, number)

    async def signal_all(self, number: int, by: str) -> int:
        """Signal each of its processes.

        Args:
            number: Of the signal.
            by: As for `send_signal`.

        Returns:
            The number of its processes.
        """
        if self.leader is None or self.tree is None:
            return 0
        self._run.sent_signal = (number, time.monotonic(), by)
        members = self.tree.members(await self._snapshots.take())
        signal_each(members, number)
        return len(members)

    def _send(self, event: Event) -> None:
        self._on_event(self.plan.name, event)

    async def _serve_run(self, run: Run) -> None:
        with contextlib.ExitStack() as at_end:
            await self._run_once(run, at_end)

    async def _run_once(self, run: Run, at_end: contextlib.ExitStack) -> None:
        if run.stop:
            self._send(NotSpawned(None, "stopped before it was started"))
            return
        self._runs += 1
        self.last_lines.clear()
        self.killed = False
        tag = f"{self._tag}.{self._runs}"
        port = self.plan.port
        root = self.plan.environment.get("PORTWEAVE_WORKTREE", "")
        own = {TAG: tag}
        notify: NotifySocket | None = None
        if self._socket:
            self.token = os.urandom(16).hex()
            own |= {"PORTWEAVE_SOCKET": self._socket, "PORTWEAVE_TOKEN": self.token}
        try:
            check_room(len(self._snapshots.spare))
            if port is not None and (holder := foreign_listener(port, root)):
                self._send(NotSpawned(None, f"its port {port} is held by {holder}"))
                return
            if self.plan.ready.notify:
                notify = NotifySocket(os.path.dirname(self._socket) or "/tmp")  # noqa: S108
                at_end.callback(notify.close)
                own["NOTIFY_SOCKET"] = notify.path
            process, *fds = self._spawn(own)
        except NotSpawnedError as error:
            self._send(NotSpawned(error.status, error.reason))
            return
        except OSError as error:
            self._send(NotSpawned(None, f"cannot be started: {error.strerror}"))
            return
        self.leader = process.pid
        self._snapshots.spare.add(process.pid)
        if self._journal is not None:
            self._journal.note_start(process.pid, self.plan.name)
        self._send(Spawned(process.pid))
        # Even when cancelled: each started process is ended and reaped.
        event = await finish(self._watch_to_end(run, process, fds, tag, notify))
        # Sent here so that a restart runs before other tasks get a turn.
        self._send(event)

    async def _watch_to_end(
        self, run: Run, process: Process, fds: list[int], tag: str, notify: NotifySocket | None
    ) -> Exited:
        """Watch a run until no process of it is left."""
        tree = self.tree = ProcessTree(process.pid, tag)
        self._snapshots.trees[tag] = tree
        # After the spawn, so that no restart waits for it.
        run.memory_kills = memory_kills()
        try:
            event = await self._watch(run, process, fds, tree, notify)
        except Exception as error:
            # For example no descriptors left. It counts as an exit, and is tried again.
            signal_group(process.pid, signal.SIGKILL)
            signal_each(tree.members(await self._snapshots.take()), signal.SIGKILL)
            event = Exited(reap(process), note=f"could not be watched: {_innermost(error)}")
        del self._snapshots.trees[tag]
        self._snapshots.spare -= {process.pid, self.leader}
        self.leader = None
        self.token = ""
        return event

    def _spawn(self, own: Mapping[str, str]) -> tuple[Process, int, int]:
        plan = self.plan
        environment = {**environment_for(plan, self._terminal_policy), **own}
        stdin = None if plan.oneshot else self._stdin
        if not has_terminal(plan, self._terminal_policy):
            return spawn(plan.argv, plan.working_dir, environment, stdin)
        try:
            process, main, errors = spawn_on_terminal(
                plan.argv, plan.working_dir, environment, self._terminal_size
            )
        except NoTerminalError:
            # The system has none, or none is free: it runs without one.
            return spawn(plan.argv, plan.working_dir, environment, stdin)
        self._terminals = [main, errors]
        if self._echoes:
            set_echo(main, on=True)
        return process, main, errors

    async def _watch(
        self,
        run: Run,
        process: Process,
        fds: list[int],
        tree: ProcessTree,
        notify: NotifySocket | None,
    ) -> Exited:
        readiness = self.readiness = Readiness(self.plan, self._send, self._observers)

        def handle_lines(lines: bytes) -> None:
            self.last_lines.feed(lines)
            readiness.handle_lines(lines)

        def handle_notice(notice: Notice) -> None:
            if notice.main_pid is not None and tree.has(notice.main_pid):
                self.leader = notice.main_pid
                # If its parent ends, the supervisor reaps it, and so learns how it ended.
                self._snapshots.spare.add(notice.main_pid)
                tree.adopt(notice.main_pid)
                self._send(Spawned(notice.main_pid))
            readiness.handle_notice(notice)

        relays = self._open_relays(self.plan.name, fds, handle_lines, self.taps)
        note = ""
        async with Group() as tasks:
            for relay in relays:
                tasks.start(relay.run)
            probing = tasks.start(readiness.watch, tree)
            tasks.start(self._wait_for_exit, run, process)
            if notify is not None:
                tasks.start(notify.serve, tree.has, handle_notice)
            while not (run.exited or run.stop):
                await run.wait_for_change()
            probing.cancel()
            note = await self._end(run, tree)
            if not all(relay.ended.is_set() for relay in relays):
                async with Within(DRAIN_S):
                    for relay in relays:
                        await relay.ended.wait()
            tasks.cancel()
        self._terminals = []
        for relay in relays:
            await relay.close()
        if self._journal is not None and not self.left:
            # Before its number can be used again.
            self._journal.note_end(process.pid)
        status = reap(process) if run.exited else 128 + signal.SIGKILL
        if self.leader not in (None, process.pid):
            status = reap_adopted(self.leader, status)
        # One random byte spreads waits well enough, and `random` takes a while to import.
        jitter = 0.8 + 0.4 * os.urandom(1)[0] / 255
        if run.stop:
            return Exited(status, jitter, note)
        cause = self.last_end = self._cause(run, status, note)
        # Of a good end, only what is unexpected is reported.
        told = "" if status or (cause.kind == "ended" and not cause.hint) else cause.text
        return Exited(status, jitter, note or told, cause)

    def _cause(self, run: Run, status: int, left_behind: str) -> Cause:
        # Imported here: most services never fail, and it takes a while.
        from portweave.supervisor.diagnosis.reasons import End
        from portweave.supervisor.services.end_cause import find_cause

        plan = self.plan
        end = End(
            status,
            tuple(self.last_lines.lines()),
            plan.command,
            plan.working_dir,
            run.signalled(status, plan.stop_grace_s),
            status == 128 + signal.SIGKILL and memory_kills() > run.memory_kills,
            "" if self.left else left_behind,
        )
        return find_cause(end, plan, self._main_root)

    async def _wait_for_exit(self, run: Run, process: Process) -> None:
        await wait_for_exit(process)
        if self.leader is not None and self.leader != process.pid:
            # It has named another process as its leader (MAINPID).
            await wait_for_end_of(self.leader)
        run.update(exited=True)

    async def _end(self, run: Run, tree: ProcessTree) -> str:
        """End all processes of a run; return a note on those that its leader left behind."""
        if run.exited and not run.stop:
            # Most leaders leave nothing behind. So a restart waits for a single look.
            _, look = await self._snapshots.look(tree, has_leader=False)
            if is_gone(None, look):
                self.left = ()
                return ""
        plan = self.plan
        rules = {plan.name: StopRule(plan.stop_grace_s, plan.stop_signal)}
        signals = StopSignals(rules, {plan.name: tree.leader}, owned=True)
        note = ""
        while True:
            # Another plan may give it less time.
            signals.machine.set_grace(plan.name, self.plan.stop_grace_s)
            kill = run.kill or signals.machine.is_due(plan.name, time.monotonic())
            members, look = await self._snapshots.look(tree, kill=kill)
            # Until the exit status of the leader is known, the run is not over.
            look.present |= not run.exited
            if run.exited and not run.stop and members and not note:
                note = (
                    f"left {_named(members)} behind, stopped now: it has to stay in the foreground"
                )
            if self._journal is not None:
                # Without the journal, another process could not tell whose these are.
                self._journal.note([seen for seen in members if tag_of(seen.pid) != tree.tag])
            step = signals.step(
                {plan.name: members} if look.present else {},
                look,
                self._snapshots.nested.guarded,
                hurry=run.kill,
                is_told=not run.exited,
            )
            self.killed |= bool(step.kill)
            if step.gone:
                self.left = ()
                return note
            if step.lost:
                self.left = tuple(_named([member]) for member in members)
                return f"could not be ended: {_named(members)}"
            if step.pause_s:
                async with Within(step.pause_s):
                    await run.wait_for_change()
            else:
                # The second look follows at once.
                await asyncio.sleep(0)


def _innermost(error: BaseException) -> BaseException:
    """The first error in an exception group, which a task group raises."""
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _innermost(inner[0]) if inner else error


def _named(processes: Sequence[ProcessInfo]) -> str:
    """Processes for a message: pid and command."""
    names = [describe(process) for process in processes]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
