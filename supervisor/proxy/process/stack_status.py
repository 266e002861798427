"""Ask stacks about services that do not answer; without a stack, look at processes."""

import asyncio
import math
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, TypeVar

from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.encoding.value import replace
from portweave.supervisor.proxy.http.upstream_status import (
    SILENT,
    UNKNOWN,
    USES_TOLD_S,
    StackStatus,
    Target,
    UpstreamStatus,
)
from portweave.supervisor.proxy.process.supervisor_question import ask_supervisor
from portweave.supervisor.proxy.routing.route_table import ports_of_family
from portweave.supervisor.registry.stack_records import PROTOCOL, is_alive, live_stacks
from portweave.system.processes import HAS_PROC

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.pages.error_pages import IdleWorktree
    from portweave.supervisor.proxy.http.pages.index_page import StackSummary
    from portweave.supervisor.proxy.routing.route_table import Table
    from portweave.supervisor.registry.stack_records import StackRecord

# Many requests may wait for one service. They share one question to its stack for this time.
_FRESH_S = 0.1
_ANSWERS_WITHIN_S = 2.0
_AFTER_REQUEST_S = 0.05

Default = TypeVar("Default", float, None)


class Stacks(StackStatus):
    """Asks the supervisor of the stack that owns a route.

    Args:
        table: The routes.
        folder: The folder of the stack records.
    """

    def __init__(self, table: "Table", folder: str) -> None:
        self._table = table
        self._folder = folder
        # When the stack of an owner was last told of a use.
        self._told_s: dict[int, float] = {}
        self._asked: dict[tuple[int, int], tuple[float, asyncio.Task[UpstreamStatus]]] = {}

    async def ask(self, target: Target) -> UpstreamStatus:
        """The status of a service that does not answer."""
        owner = self._owner_of(target)
        if not owner:
            return UNKNOWN
        now_s = time.monotonic()
        self._asked = {
            key: (at_s, task)
            for key, (at_s, task) in self._asked.items()
            if not task.done() or now_s - at_s < _FRESH_S
        }
        key = (owner, target.port)
        if key not in self._asked:
            self._asked[key] = now_s, asyncio.create_task(self._find_status(owner, target.port))
        # Other requests wait for this answer too, so cancelling one must not cancel the question.
        return await asyncio.shield(self._asked[key][1])

    async def summarise(self, owners: Collection[int]) -> "Mapping[int, StackSummary]":
        """The summary of each stack; see `StackStatus.summarise`."""
        # Imported here: only an index needs it.
        from portweave.supervisor.proxy.process.stack_summaries import summarise

        found = [stack for stack in live_stacks(self._folder) if stack.pid in owners]
        return await summarise(found)

    async def find_idle(self, hostname: str) -> "tuple[IdleWorktree, ...]":
        """The idle worktrees of a name; see `StackStatus.find_idle`."""
        from portweave.supervisor.proxy.process.stack_summaries import find_idle

        # In a thread: a file system that hangs must not hold the proxy.
        return await asyncio.to_thread(find_idle, hostname, self._folder)

    async def note_use(self, target: Target, use: str) -> None:
        """Tell the stack of a route that it was used, at most every few seconds."""
        # The request itself goes first: looking for the stack reads several files.
        await asyncio.sleep(_AFTER_REQUEST_S)
        owner = self._owner_of(target)
        now_s = time.monotonic()
        if not owner or now_s < self._told_s.get(owner, -math.inf) + USES_TOLD_S:
            return
        self._told_s = {
            pid: at_s for pid, at_s in self._told_s.items() if at_s > now_s - USES_TOLD_S
        }
        self._told_s[owner] = now_s
        record = self._record_of(owner)
        if record is None or record.protocol != PROTOCOL or not record.socket:
            return
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                await ask_supervisor(record, "/supervisor/used", use)
        except (OSError, ValueError, TimeoutError):
            return

    def _owner_of(self, target: Target) -> int:
        routes = self._table.routes()
        return next((r.pid for r in routes if r.hostname == target.hostname and r.pid > 0), 0)

    def _record_of(self, owner: int) -> "StackRecord | None":
        stacks = live_stacks(self._folder)
        return next((one for one in stacks if one.pid == owner and is_alive(one)), None)

    async def _find_status(self, owner: int, port: int) -> UpstreamStatus:
        record = self._record_of(owner)
        if record is None:
            if not HAS_PROC:
                return UNKNOWN
            # Looking through all processes takes milliseconds.
            return UpstreamStatus(ports=tuple(await asyncio.to_thread(ports_of_family, owner)))
        if record.protocol != PROTOCOL or not record.socket:
            return UNKNOWN
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                found = _status_from(await ask_supervisor(record, "/supervisor/at", port))
        except (OSError, ValueError, TimeoutError):
            found = SILENT
        stack = f"{record.project}/{record.namespace}"
        return replace(found, stack=stack, folder=record.root)


def _status_from(answer: object) -> UpstreamStatus:
    if not is_object(answer):
        return UNKNOWN
    patience_s, ports = answer.get("patienceS"), answer.get("listens")
    phase = answer.get("state")
    return UpstreamStatus(
        state=str(answer.get("text", "")),
        service=str(answer.get("name", "")),
        patience_s=_number(patience_s, 0.0),
        ports=tuple(p for p in ports if isinstance(p, int)) if is_list(ports) else (),
        is_ready=phase in ("ready", "unhealthy"),
        age_s=_number(answer.get("ageS"), math.inf),
        phase=str(phase or ""),
        reason=str(answer.get("reason") or ""),
        since_s=_number(answer.get("sinceS"), None),
        output=str(answer.get("lastLine") or ""),
    )


def _number(value: object, otherwise: Default) -> float | Default:
    return float(value) if isinstance(value, (int, float)) else otherwise
