"""The routes of logs: a stream of events, and a file."""

import re
import time
from collections.abc import AsyncIterator

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from portweave.panel.http_messages import KEEP_ALIVE_S, BadRequestError, event, event_stream
from portweave.panel.log_tail import LineFilter, Tail, text_chunks
from portweave.panel.worktree_lookup import known_by_id
from portweave.panel.worktrees import Worktrees
from portweave.supervisor.logs.log_levels import LEVELS

# The interval between reads of a log; it grows while the log is silent.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5


class LogRoutes:
    """Answers requests for logs.

    Args:
        worktrees: The worktrees of this machine.
    """

    def __init__(self, worktrees: Worktrees) -> None:
        self._worktrees = worktrees
        self._closing = False

    def close(self) -> None:
        """End the open streams."""
        self._closing = True

    async def stream(self, request: Request) -> Response:
        """Return the last lines as events, then new ones."""
        known = await known_by_id(self._worktrees, request.query_params.get("worktree"))
        lines = request.query_params.get("lines", "500")
        if not (lines.isascii() and lines.isdigit() and len(lines) <= 6):
            raise BadRequestError("lines takes a number")
        names, wanted = _query(request)
        tail = Tail(known.root, known.namespace, names, last=int(lines), wanted=wanted)
        return event_stream(self._log_lines(tail))

    async def file(self, request: Request) -> Response:
        """Return all lines as a text file."""
        known = await known_by_id(self._worktrees, request.query_params.get("worktree"))
        names, wanted = _query(request)
        name = "-".join((*names, known.namespace))
        safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:100]
        return StreamingResponse(
            text_chunks(known.root, known.namespace, names, wanted),
            headers={
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{safe}.log"',
            },
        )

    async def _log_lines(self, tail: Tail) -> AsyncIterator[str]:
        limit = anyio.CapacityLimiter(1)
        pause_s, said_s, is_all = _SHORTEST_PAUSE_S, time.monotonic(), False
        try:
            yield "retry: 1500\n" + event("hello", {})
            while not self._closing:
                lines = await to_thread.run_sync(tail.read_records, limiter=limit)
                if lines:
                    pause_s, said_s = _SHORTEST_PAUSE_S, time.monotonic()
                    yield event("lines", lines)
                    continue
                if not is_all:
                    is_all = True
                    yield event("end", {"matches": tail.matches})
                if time.monotonic() - said_s > KEEP_ALIVE_S:
                    said_s = time.monotonic()
                    yield ": still here\n\n"
                await anyio.sleep(pause_s)
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        finally:
            tail.close()


def _query(request: Request) -> tuple[tuple[str, ...], LineFilter]:
    """Return the services and the filter of a request for a log.

    Raises:
        BadRequestError: A parameter is invalid.
    """
    asked = request.query_params
    names = tuple(name for name in asked.getlist("service") if name)
    levels = frozenset(level for level in asked.get("levels", "").split(",") if level)
    stream, since = asked.get("stream", ""), asked.get("since", "")
    if not levels <= frozenset(LEVELS):
        raise BadRequestError(f"levels takes {', '.join(LEVELS)}")
    if stream not in ("", "out", "err"):
        raise BadRequestError("stream takes out or err")
    if since and not (since.isascii() and since.isdigit() and len(since) <= 15):
        raise BadRequestError("since takes milliseconds since the epoch")
    sought = asked.get("find", "")[:200]
    return names, LineFilter(sought, levels, stream, int(since) if since else None)
