"""When a run of an instance is ready, and whether it stays so: asks, listens, and tells."""

import asyncio
import re
import time
from collections.abc import Callable

from portweave.allocator.probe import is_unheard, listening_ports
from portweave.supervisor.census import Census
from portweave.supervisor.core.lifecycle import (
    BecameLate,
    BecameReady,
    BecameUnhealthy,
    Event,
    Said,
)
from portweave.supervisor.core.lines import plain_text
from portweave.supervisor.core.notice import Notice
from portweave.supervisor.core.plan import InstancePlan
from portweave.supervisor.core.ready import (
    LATER_S,
    SETTLED_S,
    Answer,
    Failed,
    Health,
    Passed,
    after_answer,
    combine,
    elsewhere,
    next_pause_s,
)
from portweave.supervisor.probes import ask_command, ask_http, ask_port
from portweave.supervisor.tasks import Within
from portweave.supervisor.tribe import TAG, Tribe, descendants_now


class Readiness:
    """One run's.

    Args:
        plan: The instance's.
        send: Takes events.
        census: Tells what processes there are.

    Attributes:
        pending: Why it is not ready, as its probes said last; empty once it is.
    """

    def __init__(self, plan: InstancePlan, send: Callable[[Event], None], census: Census) -> None:
        self._plan = plan
        self._send = send
        self._census = census
        self._pattern = None if plan.ready.log is None else re.compile(plan.ready.log)
        self.pending = ""
        self._matched = False
        self._said_ready = False
        self._status = ""
        self._late_at_s = 0.0
        # Whether it was said to be ready without a listener.
        self._is_unheard = False
        # Set when something has come that may make it ready at once.
        self._news = asyncio.Event()

    def take_lines(self, lines: bytes) -> None:
        """Take whole lines that it has printed."""
        if self._pattern is None or self._matched:
            return
        if any(self._pattern.search(plain_text(line)) for line in lines.split(b"\n")):
            self._matched = True
            self._news.set()

    def take_notice(self, notice: Notice) -> None:
        """Take what it says of itself."""
        if notice.extend_s is not None:
            self._late_at_s = max(self._late_at_s, time.monotonic() + notice.extend_s)
        if notice.status is not None:
            self._status = notice.status
            self._send(Said(notice.status))
        if notice.stopping:
            self._send(Said("says that it is stopping"))
        if notice.ready:
            self._said_ready = True
        self._news.set()

    async def watch(self, tribe: Tribe) -> None:
        """Find out when it is ready, and whether it stays so, until cancelled."""
        await self._become_ready(tribe)
        if self._plan.ready.written and self._plan.ready.probes:
            await self._keep_asking(tribe)

    async def _become_ready(self, tribe: Tribe) -> None:
        ready = self._plan.ready
        if not ready.probes and ready.log is None and not ready.notify:
            if not self._plan.oneshot:
                await self._settle(tribe)
            return
        self._late_at_s = max(self._late_at_s, time.monotonic() + ready.timeout_s)
        late = False
        pause_s: float | None = None
        while True:
            answer: Answer = Failed("its probes gave no answer in time")
            async with Within(max(self._late_at_s - time.monotonic(), ready.interval_s)):
                answer = await self._ask(tribe)
            if isinstance(answer, Passed):
                break
            self.pending = answer.reason
            if time.monotonic() >= self._late_at_s and not late:
                late = True
                reason = f"not ready after {ready.timeout_s:g} s: {answer.reason}"
                self._send(BecameLate(reason, fatal=ready.written))
            pause_s = next_pause_s(pause_s, ready.interval_s)
            left_s = max(0.0, self._late_at_s - time.monotonic())
            async with Within(pause_s if late else min(pause_s, left_s)):
                await self._news.wait()
                self._news = asyncio.Event()
        self.pending = ""
        self._send(BecameReady(self._status))

    async def _settle(self, tribe: Tribe) -> None:
        """Take it for ready when it has lived for a while, and tell where it listens."""
        await asyncio.sleep(SETTLED_S)
        note = await self._listening(tribe)
        self._is_unheard = bool(note)
        self._send(BecameReady(note))
        for pause_s in LATER_S:
            if not note or self._plan.port is None:
                return
            await asyncio.sleep(pause_s)
            before, note = note, await self._listening(tribe)
            if note != before:
                self._tell(note)

    async def _listening(self, tribe: Tribe) -> str:
        """What is to be told of where it listens; nothing where it does on its own port."""
        none = "no listener"
        port = self._plan.port
        if port is None:
            return none
        if self._listens(tribe):
            return ""
        try:
            members = tribe.members(await self._census.take())
            ports = sorted(listening_ports([member.pid for member in members]))
            return elsewhere(Failed(none), port, ports).reason
        except OSError:
            return none

    def look_again(self, tribe: Tribe) -> None:
        """Take it back that it has no listener, where it has one by now.

        Nothing waits for that listener: whether it came late is looked at when somebody asks.
        """
        if self._is_unheard and self._listens(tribe):
            self._tell("")

    def _tell(self, note: str) -> None:
        # Somebody who has asked meanwhile may have found it.
        if self._is_unheard:
            self._is_unheard = bool(note)
            self._send(Said(note))

    def _listens(self, tribe: Tribe) -> bool:
        port = self._plan.port
        if port is None or is_unheard(port):
            return False
        try:
            # Nearly always it is one of these, and they are quickly looked through.
            near = listening_ports([tribe.leader, *descendants_now(tribe.leader)])
            return port in near or isinstance(ask_port(port, tribe.has), Passed)
        except OSError:  # such as no descriptor left to look with
            return False

    async def _keep_asking(self, tribe: Tribe) -> None:
        health = Health()
        while True:
            await asyncio.sleep(self._plan.ready.interval_s)
            answer = await self._ask(tribe)
            before, health = health, after_answer(health, answer)
            if health.healthy and not before.healthy:
                self._send(BecameReady(self._status))
            elif before.healthy and not health.healthy and isinstance(answer, Failed):
                self._send(BecameUnhealthy(answer.reason))

    async def _ask(self, tribe: Tribe) -> Answer:
        try:
            return await self._ask_all(tribe)
        except OSError as error:
            # Such as no descriptor left: that is no answer, and the next try may get one.
            return Failed(f"cannot be asked: {error.strerror or error}")

    async def _ask_all(self, tribe: Tribe) -> Answer:
        ready = self._plan.ready
        answers: list[Answer] = []
        if self._pattern is not None and not self._matched:
            answers.append(Failed(f"no line matches {self._pattern.pattern!r}"))
        if ready.notify and not self._said_ready:
            said = f" (it says: {self._status})" if self._status else ""
            answers.append(Failed(f"it has not sent READY=1 to NOTIFY_SOCKET{said}"))
        if ready.tcp is not None:
            answer = ask_port(ready.tcp, tribe.has)
            if isinstance(answer, Failed) and ready.tcp == self._plan.port:
                answer = elsewhere(answer, ready.tcp, await self._ports_of(tribe))
            answers.append(answer)
        if ready.http is not None and not _has_failed(answers):
            answers.append(await ask_http(ready.http, self._plan.port, tribe.has))
        if ready.exec is not None and not _has_failed(answers):
            environment = {**self._plan.environment, TAG: tribe.tag}
            answers.append(
                await ask_command(ready.exec, self._plan.working_dir, environment, self._census)
            )
        return combine(answers)

    async def _ports_of(self, tribe: Tribe) -> list[int]:
        """The ports that its processes listen on; a look that is not taken while it starts up."""
        if time.monotonic() < self._late_at_s - self._plan.ready.timeout_s + SETTLED_S:
            return []
        members = tribe.members(await self._census.take())
        return sorted(listening_ports([member.pid for member in members]))


def _has_failed(answers: list[Answer]) -> bool:
    return any(isinstance(answer, Failed) for answer in answers)
