"""Ask stacks about services that do not answer; without a stack, look at processes."""

import asyncio
import math
import time
from typing import TYPE_CHECKING

from portweave.encoding.json_text import (
    compact,
    is_list,
    is_object,
    loads,
)
from portweave.supervisor.proxy.http.proxy_server import (
    UNKNOWN,
    StackStatus,
    UpstreamStatus,
)
from portweave.supervisor.proxy.routing.route_table import ports_of_family
from portweave.supervisor.registry.stack_records import PROTOCOL, is_alive, live_stacks
from portweave.system.processes import HAS_PROC

if TYPE_CHECKING:
    from portweave.supervisor.proxy.http.exchange import Target
    from portweave.supervisor.proxy.routing.route_table import Table
    from portweave.supervisor.registry.stack_records import StackRecord

# Many requests may wait for one service. They share one question to its stack for this time.
_FRESH_S = 0.1
_ANSWERS_WITHIN_S = 2.0


class Stacks(StackStatus):
    """Asks the supervisor of the stack that owns a route.

    Args:
        table: The routes.
        folder: The folder of the stack records.
    """

    def __init__(self, table: "Table", folder: str) -> None:
        self._table = table
        self._folder = folder
        self._asked: dict[tuple[int, int], tuple[float, asyncio.Task[UpstreamStatus]]] = {}

    async def ask(self, target: "Target") -> UpstreamStatus:
        """The status of a service that does not answer."""
        owner = next(
            (r.pid for r in self._table.routes() if r.hostname == target.hostname and r.pid > 0), 0
        )
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

    async def _find_status(self, owner: int, port: int) -> UpstreamStatus:
        record = next(
            (
                found
                for found in live_stacks(self._folder)
                if found.pid == owner and is_alive(found)
            ),
            None,
        )
        if record is None:
            if not HAS_PROC:
                return UNKNOWN
            # Looking through all processes takes milliseconds.
            return UpstreamStatus(ports=tuple(await asyncio.to_thread(ports_of_family, owner)))
        if record.protocol != PROTOCOL or not record.socket:
            return UNKNOWN
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                return _status_from(await _ask(record, port))
        except (OSError, ValueError, TimeoutError):
            return UpstreamStatus(f"part of the stack of {record.root}, which does not answer")


async def _ask(record: "StackRecord", port: int) -> object:
    """The answer of `/supervisor/at`.

    Raises:
        OSError: The supervisor cannot be reached.
        ValueError: Its answer is not JSON.
    """
    reader, writer = await asyncio.open_unix_connection(record.socket)
    try:
        question = {"jsonrpc": "2.0", "id": 1, "method": "/supervisor/at", "params": [port]}
        writer.write(compact(question).encode() + b"\n")
        message = loads((await reader.readline()).decode())
    finally:
        writer.close()
    values = message.get("result") if is_object(message) else None
    return values[0] if is_list(values) and values else None


def _status_from(answer: object) -> UpstreamStatus:
    if not is_object(answer):
        return UNKNOWN
    patience_s, ports = answer.get("patienceS"), answer.get("listens")
    age_s = answer.get("ageS")
    return UpstreamStatus(
        state=str(answer.get("text", "")),
        service=str(answer.get("name", "")),
        patience_s=float(patience_s) if isinstance(patience_s, (int, float)) else 0.0,
        ports=tuple(p for p in ports if isinstance(p, int)) if is_list(ports) else (),
        is_ready=answer.get("state") in ("ready", "unhealthy"),
        age_s=float(age_s) if isinstance(age_s, (int, float)) else math.inf,
    )
