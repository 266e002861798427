"""Configure structlog, in this place only: events as JSON lines of one schema.

Each line has `time` (RFC 3339, UTC), `level` and `event`, a fixed phrase in lower case. All other
fields are flat.
"""

import sys
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def _without(name: str) -> Generator[None]:
    """Make a module that is not imported yet seem not to be installed."""
    if name in sys.modules:
        yield
        return
    # The language reference says so in section 5.3.1.
    sys.modules[name] = None  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        del sys.modules[name]


# structlog uses rich for tracebacks on terminals, which portweave never shows. If it is installed,
# importing it takes longer than all other imports of a supervisor's log.
with _without("rich"):
    import structlog


def configure(write: Callable[[str], None]) -> Any:
    """Return a logger that gives each event to `write`, as a line without a newline."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="logged"),
            _in_order,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=lambda *_: _Lines(write),
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return structlog.get_logger()


class _Lines:
    """Receives lines from structlog."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.msg = write


def _in_order(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Put time, level and phrase first. An event that was delayed keeps its own time."""
    logged = event.pop("logged")
    head = {
        "time": event.pop("time", logged),
        "level": event.pop("level"),
        "event": event.pop("event"),
    }
    return head | dict(event)
