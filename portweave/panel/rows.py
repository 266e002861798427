"""What `portweave top` shows, as lines of text: all stacks, their services, and a part of a log."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from portweave.allocator.jsontext import is_list, is_object
from portweave.asking import instance_of, rows_of
from portweave.supervisor.core.value import value

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


@value
class Line:
    """One line.

    Attributes:
        text: Without control characters.
        tone: `title`, `stack`, `good`, `busy`, `warn`, `bad` or `plain`.
        service: The worktree's id and the instance that it is about; None for others.
        is_up: Whether that instance is, or is to be.
    """

    text: str
    tone: str = "plain"
    service: tuple[str, str] | None = None
    is_up: bool = False


def heading(stacks: Sequence[Mapping[str, object]]) -> Line:
    """How many there are of all, and what they use."""
    services = [row for stack in stacks for row in rows_of(stack.get("services"))]
    bad = sum(_TONES.get(str(row.get("state"))) in ("bad", "warn") for row in services)
    parts = [_count(len(stacks), "stack"), _count(len(services), "service")]
    parts += [f"{bad} in trouble"] if bad else []
    used = sum(found for row in services if isinstance(found := row.get("rssBytes"), int))
    return Line("  ".join(["portweave", *parts, _size(used)]), "title")


def lines(stacks: Sequence[Mapping[str, object]], now_s: float) -> list[Line]:
    """All stacks and their services.

    Args:
        stacks: As the panel tells them.
        now_s: Since the epoch.
    """
    found: list[Line] = []
    ordered = sorted(stacks, key=lambda s: (str(s.get("project")), str(s.get("worktreeRoot"))))
    for stack in ordered:
        name = f"{stack.get('project')} {stack.get('namespace')}"
        found.append(Line(_plain(f"{name}  {stack.get('worktreeRoot')}"), "stack"))
        if stack.get("problem"):
            found.append(Line(_plain(f"  {stack['problem']}"), "bad"))
        id_ = str(stack.get("id"))
        found += [_service(id_, row, now_s) for row in rows_of(stack.get("services"))]
    return found


def column_names() -> str:
    """What stands above the services."""
    return (
        f"  {'SERVICE':<{_NAME}}{'STATE':<{_STATE}}{'PORT':>6}{'UP':>6}{'RST':>5}{'CPU':>7}"
        f"{'MEM':>9}  REASON"
    )


def _service(id_: str, row: Mapping[str, object], now_s: float) -> Line:
    instance, state = instance_of(row), str(row.get("state"))
    cpu, rss = row.get("cpuPercent"), row.get("rssBytes")
    cells = (
        f"  {_cut(instance, _NAME):<{_NAME}}{state:<{_STATE}}{_cell(row.get('port')):>6}"
        f"{_age(row, now_s):>6}{_cell(row.get('restarts')):>5}"
        f"{'-' if cpu is None else f'{cpu}%':>7}{_size(rss) if isinstance(rss, int) else '-':>9}"
    )
    why = row.get("reason") or row.get("lastError") or ""
    is_up = state in _UP
    return Line(
        _plain(f"{cells}  {why}".rstrip()), _TONES.get(state, "plain"), (id_, instance), is_up
    )


def kept_choice(
    shown: Sequence[Line], chosen: tuple[str, str] | None, step: int
) -> tuple[str, str] | None:
    """The service that is chosen after so many steps up or down; None where there is none.

    Args:
        shown: The lines there are now.
        chosen: What was chosen; it may have gone.
        step: How many further.
    """
    services = [line.service for line in shown if line.service is not None]
    if not services:
        return None
    at = services.index(chosen) if chosen in services else 0
    return services[max(0, min(at + step, len(services) - 1))]


def window(count: int, height: int, at: int) -> range:
    """Which of `count` lines are shown in `height`, so that line `at` is among them."""
    first = max(0, min(at - height // 2, count - height))
    return range(first, min(count, first + height))


def take(stacks: dict[str, dict[str, object]], kind: str, data: object) -> None:
    """Take what the panel's watch tells into what is known, by id."""
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


def _cut(text: str, width: int) -> str:
    return text if len(text) < width else text[: width - 2] + "… "


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
