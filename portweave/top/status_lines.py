"""Pure. The lines above and below the list of `top`: title, column titles, selection, keys."""

from collections.abc import Sequence

from rich.cells import cell_len

from portweave.encoding.text_style import Span
from portweave.top.figures import percent_text, size_text
from portweave.top.key_table import KeyRow
from portweave.top.line_fitting import fitted, one_line
from portweave.top.list_columns import GAP, INDENT, Column, aligned
from portweave.top.list_lines import Spans
from portweave.top.stack_rows import Service, Stack


def heading_spans(columns: Sequence[Column], order: str) -> Spans:
    """Return the line of column titles; the column that the list is sorted by is marked."""
    cells = [
        Span(aligned(f"{column.title[: column.width - 1]}▾", column), "strong")
        if column.order == order and column.order
        else Span(aligned(column.title, column), "dim")
        for column in columns
    ]
    gap = Span(" " * GAP, "")
    spaced = [part for cell in cells for part in (cell, gap)]
    return (Span(" " * INDENT, ""), *spaced[:-1])


def column_at(columns: Sequence[Column], x: int) -> Column | None:
    """Return the column at a place of the line of titles; None for none."""
    left = INDENT
    for column in columns:
        if left <= x < left + column.width:
            return column
        left += column.width + GAP
    return None


def detail_spans(stack: Stack | None, service: Service | None, width: int) -> Spans:
    """Return the line about the selected item: what the columns may lack.

    Args:
        stack: The stack that is selected, or that the service belongs to; None for nothing.
        service: The service that is selected; None for a stack.
        width: The width of the line, in cells.
    """
    if stack is None:
        return ()
    if service is None:
        return (Span(fitted(f"{stack.name} · {stack.root}", width), ""),)
    parts = [f"{stack.name} · {service.name}"]
    if service.url:
        parts.append(service.url)
    elif service.port is not None:
        parts.append(f"port {service.port}")
    if service.pid is not None:
        parts.append(f"pid {service.pid}")
    if service.restarts:
        parts.append(f"{service.restarts} restart{'s' if service.restarts > 1 else ''}")
    return (Span(fitted(" · ".join(parts), width), ""),)


def title_spans(stacks: Sequence[Stack], order: str, sought: str, width: int) -> Spans:
    """Return the first line of the screen: how many stacks and services, and what they use.

    Args:
        stacks: All stacks, also those that the filter hides.
        order: How the list is sorted.
        sought: The filter; empty for none.
        width: The width of the line, in cells.
    """
    running = [stack for stack in stacks if stack.is_running]
    services = [one for stack in running for one in stack.services]
    bad = sum(one.is_in_trouble for one in services)
    bad += sum(bool(stack.problem) for stack in running)
    left = [Span("portweave", "strong"), Span("  " + _count(len(running), "stack"), "")]
    left.append(Span(", " + _count(len(services), "service"), ""))
    if bad:
        left += [Span(", ", ""), Span(f"{bad} in trouble", "failed")]
    right = [f"by {order}"]
    if sought:
        right.insert(0, f"/{one_line(sought)}")
    used_bytes = sum(one.rss_bytes or 0 for one in services)
    percent = sum(one.percent or 0.0 for one in services)
    right.append(f"cpu {percent_text(percent)}  mem {size_text(used_bytes)}")
    room = width - sum(cell_len(span.text) for span in left) - 2
    if room < cell_len(right[0]):
        # The name of the program says less than the order.
        room += cell_len(left.pop(0).text) + cell_len(left[0].text)
        left[0] = Span(left[0].text.lstrip(), left[0].role)
        room -= cell_len(left[0].text)
    # The filter stays longest.
    while right and cell_len(text := "  ".join(right)) > room:
        right.pop()
    text = "  ".join(right)
    space = " " * max(1, width - cell_len(text) - sum(cell_len(span.text) for span in left))
    return (*left, Span(space, ""), Span(text, "dim"))


def keys_spans(rows: Sequence[KeyRow], width: int) -> tuple[Spans, tuple[KeyRow, ...]]:
    """Return the line of keys, and the keys that fit on it.

    Args:
        rows: The keys, the most important first; those without a label are left out.
        width: The width of the line, in cells.
    """
    spans: list[Span] = []
    shown: list[KeyRow] = []
    used = 0
    for row in rows:
        if not row.label:
            continue
        length = cell_len(row.shown) + 1 + cell_len(row.label) + (2 if shown else 0)
        if used + length > width:
            break
        spans += [Span("  ", "")] if shown else []
        spans += [Span(row.shown, "strong"), Span(f" {row.label}", "dim")]
        used += length
        shown.append(row)
    return tuple(spans), tuple(shown)


def key_at(rows: Sequence[KeyRow], x: int) -> KeyRow | None:
    """Return the key at a place of the line of keys; None for none.

    Args:
        rows: The keys on the line, as `keys_spans` returns them.
        x: The place, in cells from the left.
    """
    left = 0
    for row in rows:
        right = left + cell_len(row.shown) + 1 + cell_len(row.label)
        if left <= x < right:
            return row
        left = right + 2
    return None


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
