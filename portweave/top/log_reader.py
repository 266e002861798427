"""Read a log as it grows, for a view."""

from collections.abc import Callable, Sequence

import anyio
from anyio import to_thread

from portweave.supervisor.logs.line_splitter import plain_text
from portweave.top.feed import LogSource
from portweave.top.log_buffer import LogLine, without_tabs

# While lines come, and while none do.
_BUSY_S, _QUIET_S = 0.25, 0.5
_PIECE_LINES = 500


async def read_log(source: LogSource, take: Callable[[Sequence[LogLine]], None]) -> None:
    """Pass on the lines of a log until the task is cancelled; then close the log.

    Args:
        source: Reads the log.
        take: Gets the lines, as they come.
    """
    try:
        while True:
            lines = await to_thread.run_sync(_read, source)
            if lines:
                take(lines)
            if len(lines) < _PIECE_LINES:
                await anyio.sleep(_BUSY_S if lines else _QUIET_S)
    finally:
        source.close()


def _read(source: LogSource) -> list[LogLine]:
    return [
        LogLine(
            at_ms,
            instance,
            stream == "note",
            text := without_tabs(found),
            plain_text(text.encode("utf-8", "replace")),
        )
        for at_ms, instance, stream, found in source.read()
    ]
