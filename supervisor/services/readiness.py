"""Find out when a run of an instance is ready, and whether it stays so.

It probes, reads output and notices, and sends events.
"""

import asyncio
import math
import re
import time
from collections.abc import Callable

from portweave.allocator.ports.port_check import (
    is_unheard,
    listening_ports,
)
from portweave.supervisor.diagnosis.recent_output import (
    RecentOutput,
    error_in,
)
from portweave.supervisor.logs.line_splitter import plain_text
from portweave.supervisor.processes.process_tree import (
    TAG,
    ProcessTree,
    descendants_now,
)
from portweave.supervisor.services.health import (
    Health,
    after_answer,
    after_doubt,
    after_listener_finding,
    begin,
)
from portweave.supervisor.services.idleness_rules import LATEST_S
from portweave.supervisor.services.idleness_rules import LOOK_S as IDLE_LOOK_S
from portweave.supervisor.services.lifecycle import (
    BecameLate,
    BecameReady,
    BecameUnhealthy,
    Event,
    ListensElsewhere,
    StatusReported,
)
from portweave.supervisor.services.listener_rules import (
    ListenerState,
    after_look,
    judge_listener,
)
from portweave.supervisor.services.listeners import WatchedPort
from portweave.supervisor.services.observers import Observers
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.probes import (
    probe_command,
    probe_http,
    probe_port,
)
from portweave.supervisor.services.readiness_rules import (
    NO_LISTENER,
    SEARCH_AFTER_OUTPUT_S,
    SEARCH_S,
    SETTLED_S,
    Answer,
    Failed,
    Passed,
    combine,
    next_pause_s,
    with_guessed_port,
    with_other_ports,
)
from portweave.supervisor.services.sd_notify import Notice
from portweave.system.tasks import (
    Group,
    Within,
)

# Output is scanned for errors at most once in this time.
SCAN_S = 0.1
# Output that comes so soon after a probe may be about the probe.
AFTERMATH_S = 0.2
_SCANNED_BYTES = 8192


class Readiness:
    """The readiness of one run.

    Args:
        plan: Of the instance.
        send: Receives events.
        observers: The observers that the stack's services share.

    Attributes:
        pending: Why it is not ready, by the last probes; empty once it is.
        pending_brief: The same in a few words.
        printed: Its newest output.
        other_ports: Ports that it listens on while it lacks its own, by the last look.
        answers: The last answer of each kind of probe, and when it came, in seconds since the
            epoch.
    """

    def __init__(
        self, plan: InstancePlan, send: Callable[[Event], None], observers: Observers
    ) -> None:
        self._plan = plan
        self._send = send
        self._observers = observers
        has_listened = plan.port is not None and observers.listened.has_listened(plan)
        self._ready = with_guessed_port(plan.ready, plan.port, has_listened=has_listened)
        self._pattern = None if plan.ready.log is None else re.compile(plan.ready.log)
        self.pending = ""
        self.pending_brief = ""
        self.printed = RecentOutput(plan.working_dir)
        self.other_ports: tuple[int, ...] = ()
        self.answers: dict[str, tuple[Answer, float]] = {}
        self._log_matched = False
        self._notified_ready = False
        self._status = ""
        self._late_at_s = 0.0
        # Whether it was reported as ready without a listener.
        self._lacks_listener = False
        # Set when it may have become ready, or should be probed soon.
        self._probe_now = asyncio.Event()
        self._watched: WatchedPort | None = None
        self._listener = ListenerState()
        self._health = begin(math.inf, 0.0)
        self._was_ready = False
        # Whether it was remembered that its command listens.
        self._is_remembered = False
        self._unscanned = b""
        self._scan_timer: asyncio.TimerHandle | None = None
        self._no_scan_until_s = 0.0

    def handle_lines(self, lines: bytes) -> None:
        """Use whole lines of output."""
        now_s = time.monotonic()
        self.printed.feed(lines, now_s)
        if self._lacks_listener and self._watched is not None:
            self._observers.listeners.search_until(self._watched, now_s + SEARCH_AFTER_OUTPUT_S)
        if (
            self._was_ready
            and now_s >= self._no_scan_until_s
            and not math.isinf(self._health.pause_s)
        ):
            self._unscanned = (self._unscanned + lines[-_SCANNED_BYTES:])[-_SCANNED_BYTES:]
            if self._scan_timer is None:
                self._scan_timer = asyncio.get_running_loop().call_later(SCAN_S, self._scan)
        if self._pattern is None or self._log_matched:
            return
        if any(self._pattern.search(plain_text(line)) for line in lines.split(b"\n")):
            self._log_matched = True
            self._probe_now.set()

    def _scan(self) -> None:
        self._scan_timer = None
        lines, self._unscanned = self._unscanned, b""
        if error_in(lines, self._plan.working_dir):
            self.probe_soon()

    def probe_soon(self) -> None:
        """Run the probes soon: a request has failed, or an error was printed."""
        self._health = after_doubt(self._health, time.monotonic())
        self._probe_now.set()

    def handle_notice(self, notice: Notice) -> None:
        """Use a notice that it sent by sd_notify(3)."""
        if notice.extend_s is not None:
            self._late_at_s = max(self._late_at_s, time.monotonic() + notice.extend_s)
        if notice.status is not None:
            self._status = notice.status
            self._send(StatusReported(notice.status))
        if notice.stopping:
            self._send(StatusReported("says that it is stopping"))
        if notice.ready:
            self._notified_ready = True
        self._probe_now.set()

    def handle_listener_check(self, queue: int | None, now_s: float) -> None:
        """Use a look at its port, which had its listener before.

        Args:
            queue: How many connections wait for the listener; None if it is not there.
            now_s: The time.
        """
        self._listener = after_look(self._listener, queue, now_s)
        if queue is not None:
            self._note_listener()
            if not self._was_ready:
                # It may be ready now, so it is probed at once.
                self._probe_now.set()
        self._judge_listener(now_s)

    def handle_other_ports(self, ports: tuple[int, ...]) -> None:
        """Use the ports that it listens on while nothing listens on its own."""
        if ports == self.other_ports:
            return
        self.other_ports = ports
        self._send(ListensElsewhere(ports))
        self._probe_now.set()
        if self._lacks_listener:
            self._send(StatusReported(self._no_listener_note()))

    def _judge_listener(self, now_s: float) -> None:
        if not self._was_ready or self._watched is None:
            return
        error = self.printed.error() if self._listener != ListenerState() else ""
        finding = judge_listener(self._listener, self._watched.port, error, now_s)
        if finding != self._health.finding:
            self._set_health(after_listener_finding(self._health, finding, now_s))
            self._probe_now.set()

    def _set_health(self, health: Health) -> None:
        """Set its health, and send an event if it has changed."""
        before, self._health = self._health, health
        if (before.reason, before.is_quiet) == (health.reason, health.is_quiet):
            return
        if health.reason:
            self._send(BecameUnhealthy(health.reason, quiet=health.is_quiet))
        elif before.reason:
            self._send(BecameReady(self._status))

    async def watch(self, tree: ProcessTree) -> None:
        """Watch its readiness until cancelled."""
        port = self._ready.tcp if self._ready.tcp is not None else self._plan.port
        listeners = self._observers.listeners
        if port is not None and not self._plan.oneshot:
            self._watched = WatchedPort(port, tree, self)
            listeners.add(self._watched)
            listeners.search_until(self._watched, math.inf)
        try:
            await self._watch(tree)
        finally:
            if self._watched is not None:
                listeners.discard(self._watched)
            if self._scan_timer is not None:
                self._scan_timer.cancel()

    async def _watch(self, tree: ProcessTree) -> None:
        ready = self._ready
        if ready.probes or ready.log is not None or ready.notify:
            await self._wait_until_ready(tree)
        elif self._plan.oneshot:
            if ready.written:
                # A hook: it has a time limit and no probes.
                await asyncio.sleep(ready.timeout_s)
                reason = f"not finished after {ready.timeout_s:g} s"
                self._send(BecameLate(reason, fatal=True))
            return
        elif self._plan.port is None:
            await asyncio.sleep(SETTLED_S)
            self._send(BecameReady())
        else:
            await self._wait_until_idle(tree)
        is_asked = ready.written and ready.probes
        now_s = time.monotonic()
        self._health = begin(ready.calm_s if is_asked else math.inf, now_s)
        self._was_ready = True
        await self._stay_ready(tree)

    async def _wait_until_ready(self, tree: ProcessTree) -> None:
        ready = self._ready
        self._late_at_s = max(self._late_at_s, time.monotonic() + ready.timeout_s)
        late = False
        pause_s: float | None = None
        while True:
            answer: Answer = Failed("its probes gave no answer in time")
            async with Within(max(self._late_at_s - time.monotonic(), ready.interval_s)):
                answer = await self._probe(tree)
            if isinstance(answer, Passed):
                break
            self.pending, self.pending_brief = answer.reason, answer.brief or answer.reason
            if time.monotonic() >= self._late_at_s and not late:
                if ready.guessed:
                    self._observers.listened.forget(self._plan)
                    self._become_ready_without_listener()
                    return
                late = True
                reason = f"not ready after {ready.timeout_s:g} s: {answer.reason}"
                self._send(BecameLate(reason, fatal=ready.written))
            pause_s = next_pause_s(pause_s, ready.interval_s)
            left_s = max(0.0, self._late_at_s - time.monotonic())
            async with Within(pause_s if late else min(pause_s, left_s)):
                await self._probe_now.wait()
                self._probe_now = asyncio.Event()
        self.pending = self.pending_brief = ""
        if ready.tcp is not None or self._listens(tree):
            self._mark_listening()
        else:
            self._search_for(SEARCH_S)
        self._send(BecameReady(self._status))

    async def _wait_until_idle(self, tree: ProcessTree) -> None:
        """Wait until it listens, or is idle, and report it as ready."""
        began_s = time.monotonic()
        wait_until_idle = self._observers.idleness.wait_until_idle
        pause_s: float | None = None
        async with Group() as tasks:
            resting = tasks.start(wait_until_idle, self._plan.name, tree, began_s)
            latest_s = began_s + max(LATEST_S, self._ready.timeout_s)
            self.pending_brief = f"nothing listens on {self._plan.port}"
            while not (is_listening := self._listens(tree)):
                left_s = latest_s - time.monotonic()
                if resting.done() or left_s <= 0:
                    break
                pause_s = next_pause_s(pause_s, IDLE_LOOK_S)
                await asyncio.wait((resting,), timeout=min(pause_s, left_s))
            tasks.cancel()
        self.pending_brief = ""
        if is_listening:
            self._mark_listening()
            self._send(BecameReady())
        else:
            self._become_ready_without_listener()

    def _become_ready_without_listener(self) -> None:
        """Report it as ready without a listener, and look for one a while longer."""
        self.pending = self.pending_brief = ""
        self._lacks_listener = True
        self._search_for(SEARCH_S)
        self._send(BecameReady(self._no_listener_note()))

    def _search_for(self, time_s: float) -> None:
        if self._watched is not None:
            self._watched.search_until_s = time.monotonic() + time_s

    def _mark_listening(self) -> None:
        if self._watched is not None:
            self._observers.listeners.mark_listening(self._watched)
            self._search_for(0.0)
        self._note_listener()

    def _note_listener(self) -> None:
        """Use that it listens on its port."""
        if not (self._is_remembered or self._ready.written or self._plan.ready.probes):
            self._is_remembered = True
            self._observers.listened.remember(self._plan)
        if self._lacks_listener:
            self._lacks_listener = False
            self._send(StatusReported(""))

    def _no_listener_note(self) -> str:
        """The note on a run that is ready without a listener on its port."""
        port = self._plan.port
        assert port is not None
        return with_other_ports(Failed(NO_LISTENER), port, self.other_ports).reason

    def recheck_listener(self, tree: ProcessTree) -> None:
        """Look once more for a missing listener, as when a client asks for the state.

        Portweave looks by itself for some seconds only.
        """
        if self._lacks_listener and self._listens(tree):
            self._mark_listening()

    def _listens(self, tree: ProcessTree) -> bool:
        port = self._plan.port
        if port is None or is_unheard(port):
            return False
        try:
            # The listener is nearly always one of these, and they are quick to check.
            near = listening_ports([tree.leader, *descendants_now(tree.leader)])
            return port in near or isinstance(probe_port(port, tree.has), Passed)
        except OSError:  # for example no free descriptor
            return False

    async def _stay_ready(self, tree: ProcessTree) -> None:
        while True:
            left_s = self._health.ask_at_s - time.monotonic()
            if left_s > 0:
                async with Within(None if math.isinf(left_s) else left_s):
                    await self._probe_now.wait()
                self._probe_now = asyncio.Event()
                continue
            self._no_scan_until_s = math.inf
            answer = await self._probe(tree)
            now_s = time.monotonic()
            self._no_scan_until_s = now_s + AFTERMATH_S
            self._set_health(after_answer(self._health, answer, now_s))

    async def _probe(self, tree: ProcessTree) -> Answer:
        try:
            return await self._probe_all(tree)
        except OSError as error:
            # For example no free descriptor. The next try may succeed.
            return Failed(f"cannot be asked: {error.strerror or error}")

    async def _probe_all(self, tree: ProcessTree) -> Answer:
        ready = self._ready
        answers: list[Answer] = []
        if self._pattern is not None:
            no_match = Failed(f"no line matches {self._pattern.pattern!r}")
            answers.append(self._note("log", Passed() if self._log_matched else no_match))
        if ready.notify:
            said = f" (it says: {self._status})" if self._status else ""
            no_notice = Failed(
                f"it has not sent READY=1 to NOTIFY_SOCKET{said}", f"no READY=1{said}"
            )
            answers.append(self._note("notify", Passed() if self._notified_ready else no_notice))
        if ready.tcp is not None:
            answer = probe_port(ready.tcp, tree.has)
            if isinstance(answer, Failed) and ready.tcp == self._plan.port:
                answer = with_other_ports(answer, ready.tcp, self.other_ports)
            answers.append(self._note("tcp", answer))
        if ready.http is not None and not _has_failed(answers):
            answer = await probe_http(ready.http, self._plan.port, tree.has)
            if isinstance(answer, Failed) and self._plan.port is not None:
                answer = with_other_ports(answer, self._plan.port, self.other_ports)
            answers.append(self._note("http", answer))
        if ready.exec is not None and not _has_failed(answers):
            environment = {**self._plan.environment, TAG: tree.tag}
            snapshots = self._observers.snapshots
            answer = await probe_command(ready.exec, self._plan.working_dir, environment, snapshots)
            answers.append(self._note("exec", answer))
        return combine(answers)

    def _note(self, kind: str, answer: Answer) -> Answer:
        self.answers[kind] = (answer, time.time())
        return answer


def _has_failed(answers: list[Answer]) -> bool:
    return any(isinstance(answer, Failed) for answer in answers)
