"""Pure. The lines of the list that `top` shows: stacks, their services, and reasons below them."""

from collections.abc import Iterator, Sequence
from math import ceil

from rich.cells import cell_len

from portweave.encoding.text_style import Span
from portweave.encoding.value import value
from portweave.top.figures import age_text, bar, percent_text, size_text
from portweave.top.line_fitting import fitted, fitted_end, one_line, wrapped
from portweave.top.list_columns import GAP, INDENT, Column, aligned, width_of
from portweave.top.stack_rows import Item, Service, Stack

# A mark for each state, so that states differ without colour too.
_MARKS = {
    "ready": "●",
    "completed": "✓",
    "waiting": "○",
    "starting": "◐",
    "stopping": "◑",
    "unhealthy": "!",
    "backoff": "↻",
    "failed": "✗",
    "blocked": "✗",
}
_MOST_REASON_LINES = 2
_SHORTEST_LINE = 60
_FOLDED, _OPEN, _IDLE = "▸", "▾", "·"
Spans = tuple[Span, ...]


@value
class ListLine:
    """A line of the list.

    Attributes:
        spans: Its text.
        item: What it belongs to; None for a line that belongs to nothing.
        is_head: Whether it is the first line of its item.
    """

    spans: Spans
    item: Item | None = None
    is_head: bool = False


@value
class ListView:
    """What lines depend on besides the stacks.

    Attributes:
        columns: The columns.
        width: The width of the list, in cells.
        now_s: The time, in seconds since the epoch.
        folded: The ids of the stacks without their services.
        home: The user's home folder, which `~` replaces; empty for none.
    """

    columns: tuple[Column, ...]
    width: int
    now_s: float
    folded: frozenset[str] = frozenset()
    home: str = ""


def list_lines(stacks: Sequence[Stack], view: ListView) -> list[ListLine]:
    """Return the lines of all stacks, in their order.

    Args:
        stacks: The stacks and services to show.
        view: What lines depend on besides.
    """
    largest_bytes = max((one.rss_bytes or 0 for s in stacks for one in s.services), default=0)
    found: list[ListLine] = []
    for stack in stacks:
        found.append(ListLine(_stack_spans(stack, view), (stack.id, None), is_head=True))
        if stack.problem:
            found += _reasons(stack.problem, "", (stack.id, None), view)
        if stack.id in view.folded:
            continue
        for service in stack.services:
            item = (stack.id, service.name)
            found.append(ListLine(_service_spans(service, view, largest_bytes), item, is_head=True))
            if text := _reason_text(service, view.now_s):
                found += _reasons(text, "" if service.is_in_trouble else "dim", item, view)
    return found


def _stack_spans(stack: Stack, view: ListView) -> Spans:
    mark = _IDLE if not stack.is_running else _FOLDED if stack.id in view.folded else _OPEN
    # The end of the line is below the last column, however wide the screen is.
    width = min(view.width, max(width_of(view.columns), _SHORTEST_LINE))
    name = fitted(stack.name, max(1, width - 3))
    room = width - 3 - cell_len(name)
    summary = _summary(stack)
    length = sum(cell_len(span.text) for span in summary)
    if length + 3 > room:
        summary, length = (), 0
    root = stack.root
    if view.home and (root == view.home or root.startswith(f"{view.home}/")):
        root = "~" + root[len(view.home) :]
    root = fitted_end(root, max(0, room - length - (4 if length else 1)))
    space = room - 1 - cell_len(root) - length
    is_quiet = not stack.is_running
    return (
        Span(f"{mark} ", "dim"),
        Span(name, "dim" if is_quiet else "strong"),
        Span(f"  {root}", "dim"),
        Span(" " * max(0, space), ""),
        *summary,
    )


def _summary(stack: Stack) -> Spans:
    """Return what the right end of a stack's line says."""
    if not stack.is_running:
        return (Span("not running", "dim"),)
    if stack.problem:
        return (Span("does not answer", "failed"),)
    if not stack.is_known:
        return (Span("…", "dim"),)
    ready = sum(one.state in ("ready", "completed") for one in stack.services)
    text = f"{ready} of {len(stack.services)} ready"
    if ready == len(stack.services):
        return (Span(text, "good"),)
    if any(one.is_in_trouble for one in stack.services):
        return (Span(text, "backoff"),)
    is_busy = any(one.state in ("waiting", "starting", "stopping") for one in stack.services)
    return (Span(text, "starting" if is_busy else ""),)


def _service_spans(service: Service, view: ListView, largest_bytes: int) -> Spans:
    role = _role(service.state)
    spans: list[Span] = [Span(f" {_MARKS.get(service.state, '·')} ", role)]
    for column in view.columns:
        spans += _cell_spans(service, column, view, largest_bytes)
        spans.append(Span(" " * GAP, ""))
    return tuple(spans[:-1])


def _cell_spans(
    service: Service, column: Column, view: ListView, largest_bytes: int
) -> tuple[Span, ...]:
    match column.key:
        case "name":
            text, role = service.name, ""
        case "state":
            text, role = service.state, _role(service.state)
        case "port":
            text, role = "" if service.port is None else str(service.port), ""
        case "url":
            text, role = service.url, "dim"
        case "age":
            started_s = service.started_s
            text, role = "" if started_s is None else age_text(view.now_s - started_s), ""
        case "restarts":
            text, role = str(service.restarts) if service.restarts else "", "starting"
        case "cpu":
            text, role = "" if service.percent is None else percent_text(service.percent), ""
        case "memory":
            text, role = "" if service.rss_bytes is None else size_text(service.rss_bytes), ""
        case "cpu_bar" if service.percent is not None:
            return _bar(service.percent / 100, column)
        case "memory_bar" if service.rss_bytes is not None:
            return _bar(service.rss_bytes / max(1, largest_bytes), column)
        case _:
            text, role = "", ""
    return (Span(aligned(text, column), role),)


def _bar(share: float, column: Column) -> tuple[Span, ...]:
    filled, track = bar(share, column.width)
    role = "warning" if share >= 1 and column.key == "cpu_bar" else "bar"
    return Span(filled, role), Span(track, "dim")


def _reason_text(service: Service, now_s: float) -> str:
    if service.next_try_s is None:
        return service.reason
    left_s = max(0, ceil(service.next_try_s - now_s))
    return f"next try in {left_s} s: {service.reason}" if service.reason else ""


def _reasons(text: str, role: str, item: Item, view: ListView) -> Iterator[ListLine]:
    """Return the lines of a reason: wrapped at words, two at most."""
    width = max(8, view.width - INDENT - 3)
    pieces = wrapped(one_line(text), width)
    if len(pieces) > _MOST_REASON_LINES:
        rest = " ".join(pieces[_MOST_REASON_LINES - 1 :])
        pieces = [*pieces[: _MOST_REASON_LINES - 1], fitted(rest, width)]
    for number, piece in enumerate(pieces):
        lead = "└ " if number == 0 else "  "
        yield ListLine((Span(" " * INDENT + lead, "dim"), Span(piece, role)), item)


def _role(state: str) -> str:
    return state if state in ("stopped", "exited") or state in _MARKS else ""
