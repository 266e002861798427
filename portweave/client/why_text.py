"""Pure. What `why` prints about an instance: sentences about state and cause, and advice."""

from math import ceil

from portweave.client.bus_text import bus_line
from portweave.client.verb_queries import instance_of, shown_line
from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.text_style import Span
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Parts: TypeAlias = tuple[str | Span, ...]
    Row: TypeAlias = Mapping[str, object]

_MOST_FILES = 5
# Causes that no change explains.
_HARMLESS = ("none", "not running", "stopped by user")
_NO_STACK = "no stack is running"
_START = "portweave up -d starts the stack"
# Kind of a cause -> how its sentence begins, where its text is not a sentence.
_BEGINNINGS = {
    "crash": "it ",
    "missing command": "a command is missing: ",
    "not ready": "it is not ready: ",
    "not started": "it could not be started: ",
    "out of memory": "it ran ",
    "permission": "it lacks a permission: ",
    "syntax error": "there is a syntax error: ",
    "unhealthy": "it is unhealthy: ",
}
# Texts of causes that begin so are sentences.
_ABOUT_IT = ("it ", "its ")
_SENTENCES = (
    *(*_ABOUT_IT, "there ", "nothing ", "the ", "a ", "no stack ", "what it "),
    *("memory ", "port ", "portweave "),
)


@value
class Line:
    """A line of an explanation.

    Attributes:
        parts: Its parts.
        indent: Blanks before it.
        hang: Blanks before what does not fit on a line.
    """

    parts: "Parts" = ()
    indent: int = 0
    hang: int = 0


def lines_of(row: "Row", *, now_s: float, good_age: str | None) -> list[Line]:
    """The lines of an explanation.

    Args:
        row: The answer for one instance.
        now_s: The time, in seconds since the epoch.
        good_age: How long ago it was last ready, as `3m`; None if it never was.
    """
    cause = row.get("cause")
    cause = cause if is_object(cause) else {}
    chain = row.get("chain")
    names = [str(name) for name in chain] if is_list(chain) else []
    culprit = row.get("culprit")
    guilty = culprit if is_object(culprit) and len(names) > 1 else row
    is_running = "fullName" in guilty
    kind, text = str(cause.get("kind")), str(cause.get("text") or "")
    hint = str(cause.get("hint") or "")
    lines: list[Line] = []
    if guilty is not row:
        lines.append(Line(state_parts(row, names, now_s)))
    indent = 2 if lines else 0
    if kind == "wrong port" and text.startswith("it "):
        # One sentence says it all.
        name = instance_of(guilty)
        told = _sentence(f"{name} {text[3:]}: {hint}", capital=False)
        lines.append(Line((told,), indent, indent))
        hint = ""
    else:
        lines.append(Line(state_parts(guilty, [], now_s), indent, indent))
        if is_running and text:
            lines.append(Line((cause_sentence(kind, text),), 2, 2))
        elif text:
            lines.append(Line((_last_run(kind, text),), 2, 2))
        hint = hint or (advice(kind, guilty) if is_running else _START)
    if hint:
        lines.append(Line((Span("hint:", "hint"), f" {hint}"), 2, 8))
    if is_object(bus := row.get("bus")):
        lines.append(Line((bus_line(bus),), 2, 2))
    if kind in _HARMLESS:
        return lines
    last = row.get("lastLines")
    if is_list(last) and last:
        lines += [Line(), Line(("Its last lines:",))]
        prefix = names[-1] if names else instance_of(row)
        lines += [Line((f"{prefix} | {shown_line(line)}",), 2, len(prefix) + 5) for line in last]
    return lines + _since(row, good_age)


def state_parts(row: "Row", chain: list[str], now_s: float) -> "Parts":
    """A sentence about an instance's state.

    Args:
        row: The instance.
        chain: Its name, the name of what it waits for, what that waits for, and so on.
        now_s: The time, in seconds since the epoch.
    """
    name, state = instance_of(row), str(row.get("state"))
    others = ", which waits for ".join(chain[1:])
    match state:
        case "waiting":
            rest = f" for {others}" if others else " for its start"
        case "blocked":
            rest = f": it waits for {others}" if others else ": what it needs has failed"
        case "starting":
            rest = ", and is not ready yet"
        case "unhealthy":
            return (f"{name} runs, but is ", Span(state, state), ".")
        case "backoff":
            return (f"{name} is ", Span("backing off", state), f", {_next_try(row, now_s)}.")
        case "stopping":
            return (f"{name} is ", Span("being stopped", state), ".")
        case "exited":
            code = row.get("exitCode")
            how = "" if code is None else f" with status {code}"
            return (f"{name} has ", Span(state, state), f"{how}.")
        case "failed":
            return (f"{name} has ", Span(state, state), ", and is not started again.")
        case "completed":
            return (f"{name} has ", Span(state, state), ".")
        case _:
            rest = "" if "fullName" in row else f": {_NO_STACK}"
    return (f"{name} is ", Span(state, state), f"{rest}.")


def _next_try(row: "Row", now_s: float) -> str:
    at = row.get("nextTryAt")
    if not isinstance(at, str):
        return "and is started again soon"
    from datetime import datetime

    left_s = ceil(datetime.fromisoformat(at).timestamp() - now_s)
    return f"next try in {left_s} s" if left_s > 0 else "next try now"


def cause_sentence(kind: str, text: str) -> str:
    """A cause as a sentence.

    Args:
        kind: The kind of the cause.
        text: Its text.
    """
    sentences = _ABOUT_IT if kind in ("not ready", "unhealthy") else _SENTENCES
    begin = "" if text.startswith(sentences) else _BEGINNINGS.get(kind, "")
    if text.startswith(("ended by ", "not ready after ")):
        begin = "it was "
    return _sentence(begin + text)


def _last_run(kind: str, text: str) -> str:
    """How a service ended when the stack last ran."""
    if kind == "not running":
        return _sentence(text.removeprefix(f"{_NO_STACK}; "))
    return _sentence(f"its last run ended badly: {text}")


def _sentence(text: str, *, capital: bool = True) -> str:
    """A text with a full stop, and with a capital at its beginning if that is a plain word."""
    text = " ".join(text.split("\n"))
    first = text.partition(" ")[0].rstrip(",:")
    if capital and first.isalpha() and first != "portweave":
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def advice(kind: str, row: "Row") -> str:
    """What to do about a cause that has no hint of its own; empty where nothing is wrong.

    Args:
        kind: The kind of the cause.
        row: The instance that causes it.
    """
    name, state = instance_of(row), row.get("state")
    logs, restart = f"portweave logs {name}", f"portweave restart {name}"
    match kind, state:
        case "none", _:
            return ""
        case _, "failed" | "stopped" | "exited" if row.get("hook"):
            return f"correct the cause, then portweave up runs {name} again"
        case "not ready", "failed":
            return f"check `ready` in its definition, and its output; then {restart}"
        case _, "backoff":
            return f"correct the cause; {restart} then starts it at once"
        case _, "failed" | "exited":
            return f"correct the cause, then {restart}"
        case _, "stopping":
            return f"portweave wait --for exit {name} returns when it has ended"
        case _, "stopped":
            return f"correct the cause, then portweave start {name}"
        case "error", _:
            return f"{logs} shows what it printed before and after"
        case "log", _:
            return "free some space on the disk of the logs: df -h shows how full it is"
        case "crash", _:
            return f"{logs} shows what it printed before it crashed"
        case _:
            return f"{logs} shows all that it has printed"


def _since(row: "Row", good_age: str | None) -> list[Line]:
    """What has changed since the instance last was ready."""
    if good_age is None:
        return []
    found = row.get("differences")
    changes = [str(text) for text in found] if is_list(found) else []
    files = row.get("changedFiles")
    names = [str(name) for name in files] if is_list(files) else []
    if names:
        more = f" and {len(names) - _MOST_FILES} more" if len(names) > _MOST_FILES else ""
        changes.append(f"files: {', '.join(names[:_MOST_FILES])}{more}")
    head = f"Since it last was ready, {good_age} ago"
    if not changes:
        return [Line(), Line((f"{head}, nothing has changed that portweave knows of.",))]
    return [
        Line(),
        Line((f"{head}, this has changed:",)),
        *(Line((text,), 2, 4) for text in changes),
    ]
