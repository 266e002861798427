"""Pure. Read a log line that is an object of JSON: its level, its message, and its error.

pino, bunyan, winston, zap, slog, structlog and the like print such lines, each with other names.
"""

from portweave.encoding.json_text import is_object, loads
from portweave.encoding.value import value
from portweave.supervisor.logs.log_levels import level_of

_LONGEST = 16_384
_MOST_LINES = 20
_LONGEST_FIELD = 60
_MESSAGES = ("msg", "message", "event", "text", "body")
_ERRORS = ("err", "error", "exception", "exc_info", "stack", "stacktrace", "stack_trace")
_STACKS = ("stack", "stacktrace", "message")
# They say nothing of what happened, or stand before the line already.
_LEFT_OUT = frozenset(
    {
        "level", "severity", "lvl", "log.level", "time", "timestamp", "ts", "@timestamp", "date",
        "pid", "hostname", "host", "v", "@version", "logger", "name", "caller",
    }
)  # fmt: skip


@value
class JsonLine:
    """A line of JSON.

    Attributes:
        level: `error`, `warn`, `info` or `debug`; empty where it names none.
        lines: What it says: level, message and short fields; then the lines of its error.
    """

    level: str
    lines: tuple[str, ...]


def read_json_line(text: str) -> JsonLine | None:
    """A line of JSON that has a message; None for any other line."""
    if len(text) > _LONGEST or text[-1:] != "}":
        return None
    try:
        found = loads(text)
    except ValueError:
        return None
    if not is_object(found):
        return None
    key = next((key for key in _MESSAGES if isinstance(found.get(key), str)), "")
    trouble = next((one for key in _ERRORS if (one := _error_of(found.get(key)))), "")
    if not key and not trouble:
        return None
    level = level_of(text) if any(name in found for name in ("level", "severity", "lvl")) else ""
    fields = [
        f"{name}={one}"
        for name, one in found.items()
        if name not in _LEFT_OUT and name not in (key, *_ERRORS) and _is_short(one)
    ]
    first, *rest = trouble.splitlines() or [""]
    message = str(found.get(key, "")) or first
    if message != first:
        rest = [first, *rest] if first else rest
    head = " ".join([*([level.upper()] if level else []), " ".join(message.split()), *fields])
    return JsonLine(level, (head, *rest[:_MOST_LINES]))


def _error_of(found: object) -> str:
    """The text of an error: of an object, its stack or message."""
    if isinstance(found, str):
        return found
    if not is_object(found):
        return ""
    return next((one for key in _STACKS if isinstance(one := found.get(key), str)), "")


def _is_short(found: object) -> bool:
    return isinstance(found, (str, int, float, bool)) and len(str(found)) <= _LONGEST_FIELD
