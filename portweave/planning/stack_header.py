"""Pure. What `up` shows on a terminal before the start: a title, and a line a service."""

from portweave.encoding.marks import Marks
from portweave.encoding.name_colours import colours_of
from portweave.encoding.short_names import short_names
from portweave.encoding.text_style import PREFIX, Span, message

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portweave.supervisor.services.plan import InstancePlan, StackPlan

Line = tuple[str | Span, ...]


def header(
    plan: "StackPlan", colours: "Sequence[str]", marks: Marks, columns: int, *, reused: bool
) -> list[Line]:
    """The lines of the header.

    Args:
        plan: The stack.
        colours: The colours of names to choose from; empty for none.
        marks: The signs.
        columns: The width of the terminal. Ports are aligned where they fit.
        reused: Whether the worktree had its ports before.
    """
    shown = [one for one in plan.instances if one.name in plan.wanted and not one.hook]
    names = short_names((one.name for one in plan.instances), mark=marks.cut)
    by_service = colours_of((one.service for one in plan.instances), colours)
    width = max((len(names[one.name]) for one in shown), default=0)
    fits = columns - width - len("    ") - len(f"  {marks.arrow}  65535")
    urls = [len(one.url) for one in shown if one.url and one.hostname and len(one.url) <= fits]
    url_width = max(urls, default=0)
    lines = [_title(plan, marks, reused=reused)]
    for one in shown:
        label = Span(f"{names[one.name]:<{width}}", "name", by_service.get(one.service, ""))
        has_room = len(one.url or "") <= fits
        lines.append(("  ", label, *_where(one, url_width, marks, has_room=has_room)))
    lines += [tuple(message(text)) for text in plan.warnings]
    lines += [(Span(f"not started: {name} ({why})", "dim"),) for name, why in plan.left_out]
    return lines


def _title(plan: "StackPlan", marks: Marks, *, reused: bool) -> Line:
    folder = plan.root.rstrip("/").rpartition("/")[2]
    words = dict.fromkeys(word for word in (plan.project, folder, plan.namespace) if word)
    project, *others = words
    rest = "".join(f" {marks.dot} {word}" for word in others)
    ports = "its ports as before" if reused else "new ports"
    return (
        Span(PREFIX, "dim"),
        " ",
        Span(project, "strong"),
        rest,
        Span(f" {marks.dot} {ports}", "dim"),
    )


def _where(one: "InstancePlan", url_width: int, marks: Marks, *, has_room: bool) -> Line:
    """The URL and the port of an instance, as far as it has them; no port where it does not fit."""
    if one.port is None:
        return (Span("  -", "dim"),)
    if one.url and not (one.hostname and has_room):
        return (f"  {one.url}",)
    arrow = Span(marks.arrow, "dim")
    url = f"{one.url or '':<{url_width}}  " if url_width or one.url else ""
    return (f"  {url}", arrow, f"  {one.port}")
