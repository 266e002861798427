"""Pure. Lines of text that `portweave top` shows: stacks, services, and part of a log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from unicodedata import combining, east_asian_width

from portweave.client.verb_queries import (
    instance_of,
    rows_of,
)
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.encoding.value import value

_TONES = {
    "ready": "good",
    "completed": "good",
    "waiting": "busy",
    "starting": "busy",
    "stopping": "busy",
    "backoff": "warn",
    "unhealthy": "warn",
    "failed": "bad",
    "blocked": "bad",
}
_UP = frozenset({"ready", "unhealthy", "starting", "waiting", "backoff"})
_NAME, _STATE = 22, 11
_SHORTEST_NAME = 12
# The width of all other columns, and the width that reasons get before names grow.
_OTHERS, _REASONS = 46, 60


@value
class Line:
    """One line on the screen.

    Attributes:
        text: Without control characters.
        tone: `title`, `stack`, `good`, `busy`, `warn`, `bad` or `plain`.
        service: The worktree's id and the instance; None for a line without an instance.
        is_up: Whether the instance runs, or is about to.
        why: The reason for its state; empty for none.
    """

    text: str
    tone: str = "plain"
    service: tuple[str, str] | None = None
    is_up: bool = False
    why: str = ""


def heading(stacks: Sequence[Mapping[str, object]]) -> Line:
    """Return the first line: the number of stacks and services, and their memory."""
    services = [row for stack in stacks for row in rows_of(stack.get("services"))]
    bad = sum(_TONES.get(str(row.get("state"))) in ("bad", "warn") for row in services)
    parts = [_count(len(stacks), "stack"), _count(len(services), "service")]
    parts += [f"{bad} with problems"] if bad else []
    used = sum(found for row in services if isinstance(found := row.get("rssBytes"), int))
    return Line("  ".join(["portweave", *parts, _size(used)]), "title")


def name_width(stacks: Sequence[Mapping[str, object]], width: int) -> int:
    """Return the width of the name column: the longest name, limited by the screen.

    Args:
        stacks: Stacks as the panel's watch reports them.
        width: The width of the screen.
    """
    names = [instance_of(row) for stack in stacks for row in rows_of(stack.get("services"))]
    wanted = max([_SHORTEST_NAME, *(cells_of(name) + 2 for name in names)])
    return min(wanted, max(_NAME, width - _OTHERS - _REASONS))


def lines(stacks: Sequence[Mapping[str, object]], now_s: float, names: int = _NAME) -> list[Line]:
    """Return a line for each stack and each service.

    Args:
        stacks: Stacks as the panel's watch reports them.
        now_s: Seconds since the epoch.
        names: The width of the name column.
    """
    found: list[Line] = []
    ordered = sorted(stacks, key=lambda s: (str(s.get("project")), str(s.get("worktreeRoot"))))
    for stack in ordered:
        name = f"{stack.get('project')} {stack.get('namespace')}"
        found.append(Line(_plain(f"{name}  {stack.get('worktreeRoot')}"), "stack"))
        if stack.get("problem"):
            found.append(Line(_plain(f"  {stack['problem']}"), "bad"))
        id_ = str(stack.get("id"))
        found += [_service(id_, row, now_s, names) for row in rows_of(stack.get("services"))]
    return found


def column_names(names: int = _NAME) -> str:
    """Return the headings of the columns."""
    return (
        f"  {'SERVICE':<{names}}{'STATE':<{_STATE}}{'PORT':>6}{'UP':>6}{'RST':>5}{'CPU':>7}"
        f"{'MEM':>9}  REASON"
    )


def _service(id_: str, row: Mapping[str, object], now_s: float, names: int) -> Line:
    instance, state = instance_of(row), str(row.get("state"))
    cpu, rss = row.get("cpuPercent"), row.get("rssBytes")
    cells = (
        f"  {_padded(instance, names)}{state:<{_STATE}}{_cell(row.get('port')):>6}"
        f"{_age(row, now_s):>6}{_cell(row.get('restarts')):>5}"
        f"{'-' if cpu is None else f'{cpu}%':>7}{_size(rss) if isinstance(rss, int) else '-':>9}"
    )
    why = _plain(str(row.get("reason") or row.get("lastError") or ""))
    tone = _TONES.get(state, "plain")
    text = _plain(f"{cells}  {why}".rstrip())
    return Line(text, tone, (id_, instance), state in _UP, why)


def moved_selection(
    shown: Sequence[Line], chosen: tuple[str, str] | None, step: int
) -> tuple[str, str] | None:
    """Return the service that is selected after `step` lines up or down; None where there is none.

    Args:
        shown: The current lines.
        chosen: The service selected before; it may be gone.
        step: The number of services to move; negative is up.
    """
    services = [line.service for line in shown if line.service is not None]
    if not services:
        return None
    at = services.index(chosen) if chosen in services else 0
    return services[max(0, min(at + step, len(services) - 1))]


def window(count: int, height: int, at: int) -> range:
    """Return the range of line numbers to show.

    Args:
        count: The number of all lines.
        height: The number of lines that fit.
        at: The number of a line that must be in the range.
    """
    first = max(0, min(at - height // 2, count - height))
    return range(first, min(count, first + height))


def apply_event(stacks: dict[str, dict[str, object]], kind: str, data: object) -> None:
    """Apply an event of the panel's watch.

    Args:
        stacks: KnownWorktree stacks by id; changed in place.
        kind: `stacks`, `stack` or `gone`; others are ignored.
        data: The data of the event.
    """
    if not is_object(data):
        return
    if kind == "stacks":
        told = data.get("stacks")
        stacks.clear()
        stacks.update({str(s["id"]): s for s in (told if is_list(told) else []) if is_object(s)})
    elif kind == "stack":
        stacks[str(data.get("id"))] = data
    elif kind == "gone":
        stacks.pop(str(data.get("id")), None)


def _age(row: Mapping[str, object], now_s: float) -> str:
    stamp = row.get("startedAt")
    if not row.get("pid") or not isinstance(stamp, str):
        return "-"
    seconds = max(0, int(now_s - datetime.fromisoformat(stamp).timestamp()))
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length_s:
            return f"{seconds // length_s}{unit}"
    return f"{seconds}s"


def _size(amount_bytes: int) -> str:
    if amount_bytes >= 1_000_000_000:
        return f"{amount_bytes / 1e9:.1f} GB"
    return f"{amount_bytes // 1_000_000} MB"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _cell(found: object) -> str:
    return "-" if found is None else str(found)


def cells_of(text: str) -> int:
    """Return the width of a text in terminal cells: UAX #11 lists the wide characters."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def fitted(text: str, width: int) -> str:
    """Return as much of a text as fits, with an ellipsis where it is cut."""
    if cells_of(text) <= width:
        return text
    return next(wrapped(text, width - 1), "") + "…" if width > 0 else ""


def wrapped(text: str, width: int) -> Iterator[str]:
    """Split a text into pieces that fit."""
    if cells_of(text) <= width:
        yield text
        return
    piece, used = "", 0
    for char in text:
        cells = _cells(char)
        if used + cells > width and piece:
            yield piece
            piece, used = "", 0
        if cells <= width:
            piece, used = piece + char, used + cells
    if piece:
        yield piece


def _cells(char: str) -> int:
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _padded(text: str, width: int) -> str:
    shown = fitted(text, width - 1)
    return shown + " " * (width - cells_of(shown))


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
