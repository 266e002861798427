"""The one place where structlog is configured: events as JSON lines of one schema.

Each line has `time` (RFC 3339, UTC), `level` and `event`, a fixed phrase in lower case; all else
are flat fields.
"""

import sys
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def _without(name: str) -> Generator[None]:
    """Have a module that is not imported yet seem not to be installed."""
    if name in sys.modules:
        yield
        return
    # So says the language reference, section 5.3.1.
    sys.modules[name] = None  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        del sys.modules[name]


# It is there for tracebacks on terminals, which nobody sees here, and where it is installed, it
# takes longer to import than all else that a supervisor imports for its log.
with _without("rich"):
    import structlog


def configure(write: Callable[[str], None]) -> Any:
    """Have each event given to `write` as a line without its newline; what takes events."""
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
    """What structlog hands its lines to."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.msg = write


def _in_order(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Time, level and phrase first; an event that was kept for a while has its own time."""
    logged = event.pop("logged")
    head = {
        "time": event.pop("time", logged),
        "level": event.pop("level"),
        "event": event.pop("event"),
    }
    return head | dict(event)
