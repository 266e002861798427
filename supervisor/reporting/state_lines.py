"""Pure. The parts of a line about an instance on a terminal: a sign, and a short text.

Such a line stands in the column of its instance, so it does not name it. The supervisor makes it
from states, a client from events.
"""

from portweave.encoding.marks import Marks
from portweave.encoding.text_style import Span
from portweave.encoding.value import value
from portweave.supervisor.processes.exit_status import SIGNAL_NAMES
from portweave.supervisor.services.readiness_rules import (
    NO_LISTENER,
    names_other_ports,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_MOST_URLS = 12
# What follows the cause in the reason of a failure: how it begins, and what a line says of it.
_VERDICTS = (
    ("; gave up after ", "gave up after "),
    ("; starting it again cannot help", "starting it again cannot help"),
    (", again; another start cannot help", "another start cannot help"),
)


@value
class StateLine:
    """A line about an instance.

    Attributes:
        mark: The sign before it.
        role: The role of the sign, as in `text_style`.
        parts: Its text.
    """

    mark: str
    role: str
    parts: tuple[str | Span, ...]

    @property
    def shown(self) -> tuple[str | Span, ...]:
        """The sign and the text."""
        return (Span(self.mark, self.role), " ", *self.parts)


def emphasised(text: str, state: str) -> tuple[str | Span, ...]:
    """A text in which the state it begins with has the state's role."""
    rest = text.removeprefix(state)
    return (text,) if rest == text else (Span(state, state), rest)


def remarks(texts: "Iterable[str]", marks: Marks) -> tuple[str | Span, ...]:
    """Remarks as the end of a line."""
    return tuple(part for text in texts for part in (Span(f" {marks.dot} ", "dim"), text))


def good_line(text: str, state: str, reason: str, marks: Marks) -> StateLine:
    """The line about a success; a warning where the service does not listen on its port.

    Args:
        text: The text.
        state: The role of the text, without what is in brackets.
        reason: The remark on the state; empty for none.
        marks: The signs.
    """
    head, bracket, rest = text.partition(" (")
    parts = (Span(head, state), bracket + rest)
    if reason == NO_LISTENER or names_other_ports(reason):
        return StateLine(marks.warning, "warning", parts)
    return StateLine(marks.good, state, parts)


def end_line(
    text: str, status: int | None, marks: Marks, further: "Iterable[str]" = ()
) -> StateLine:
    """The line about an end that is no failure.

    Args:
        text: The text.
        status: The exit status; None without one.
        marks: The signs.
        further: Remarks.
    """
    text = text.replace(f"exited with status {status}", f"exited ({status})", 1)
    return StateLine(marks.info, "dim", (text, *remarks(further, marks)))


def failure_line(
    reason: str, status: int | None, marks: Marks, further: "Iterable[str]" = ()
) -> StateLine:
    """The line about a failure, with its reason.

    Args:
        reason: The reason.
        status: The exit status; None without one.
        marks: The signs.
        further: Remarks.
    """
    head, cause, verdict = short_reason(reason, status)
    texts = (verdict, *further) if verdict else further
    return StateLine(marks.bad, "failed", (Span(head, "failed"), cause, *remarks(texts, marks)))


def short_reason(reason: str, status: int | None) -> tuple[str, str, str]:
    """The reason of a failure, shortened: how it ended, why, and what follows from that.

    `exited with status 1: KeyError: 'x' (app.py:4); gave up after 3 restarts` becomes
    `exited (1)`, `: KeyError 'x', app.py:4` and `gave up after 3 restarts`.

    Args:
        reason: The reason.
        status: The exit status; None without one.
    """
    verdict = ""
    for start, told in _VERDICTS:
        cause, found, tail = reason.partition(start)
        if found:
            reason, verdict = cause, told + tail
    head, rest = _split_status(" ".join(reason.split()), 0 if status is None else status)
    return head, _with_plain_place(rest), verdict


def _split_status(reason: str, status: int) -> tuple[str, str]:
    signal = SIGNAL_NAMES.get(status - 128, "")
    for long, short in (
        (f"exited with status {status}", f"exited ({status})"),
        (f"ended by signal {status - 128} ({signal})", f"ended by {signal}"),
    ):
        if reason.startswith(long) and not reason[len(long) :][:1].isdecimal():
            rest = reason[len(long) :]
            known = f": it was killed by {signal}, and not by portweave"
            rest = rest.replace(known, ", not by portweave")
            if rest.startswith(" ("):
                # What the shell means by the status.
                rest = f": {rest[2:].replace(')', '', 1)}"
            return short, rest
    return "failed", f": {reason}" if reason else ""


def _with_plain_place(cause: str) -> str:
    """A cause whose place follows a comma: `KeyError 'x', app.py:4`."""
    cause = cause.replace("Error: '", "Error '", 1)
    head, found, tail = cause.rpartition(" (")
    if found and tail.endswith(")") and tail[:-1].rpartition(":")[2].isdecimal():
        return f"{head}, {tail[:-1]}"
    return cause


def event_line(event: "Mapping[str, object]", name: str, marks: Marks) -> StateLine | None:
    """The line about an event of `events --json`; None where there is nothing to report.

    Args:
        event: The event.
        name: The instance.
        marks: The signs.
    """
    text = str(event.get("text") or "").removeprefix(f"{name} ").removeprefix("is ")
    state, reason = str(event.get("state")), str(event.get("reason") or "")
    status = code if isinstance(code := event.get("exitCode"), int) else None
    restarts = count if isinstance(count := event.get("restarts"), int) else 0
    if not text:
        return None
    match state:
        case _ if text.startswith("listens on port "):
            return StateLine(marks.warning, "warning", (text,))
        case "failed":
            return failure_line(reason, status, marks)
        case "backoff":
            pause = text.rpartition("; restart in ")
            again = f"restart {restarts + 1}" + (f" in {pause[2]}" if pause[1] else " now")
            return failure_line(reason, status, marks, (again,))
        case "starting" if event.get("previous") == "backoff":
            # The line about the crash has told when it starts.
            return None
        case "ready" | "completed":
            if state == "ready" and restarts and not text.startswith("ready again"):
                text = text.replace("ready", "ready again", 1)
            return good_line(text, state, reason, marks)
        case "blocked":
            blocker = reason.partition(": ")[0]
            return StateLine(marks.bad, state, (Span(state, state), f": {blocker}"))
        case "unhealthy":
            return StateLine(marks.warning, state, emphasised(text, state))
        case "exited":
            return end_line(text, status, marks)
        case _:
            return StateLine(marks.info, "dim", (text,))


def url_lines(
    named: "Sequence[tuple[str, str]]",
    marks: Marks,
    head: "Callable[[str], tuple[Span, ...]]",
) -> list[tuple[str | Span, ...]]:
    """Lines with the URLs of instances.

    Args:
        named: Each instance with its URL.
        marks: The signs.
        head: The name of an instance, as in the column of names.
    """
    lines: list[tuple[str | Span, ...]] = [
        ("  ", *head(name), f" {url}") for name, url in named[:_MOST_URLS]
    ]
    if (more := len(named) - _MOST_URLS) > 0:
        lines.append((Span(f"  {marks.cut} and {more} more: portweave ps", "dim"),))
    return lines
