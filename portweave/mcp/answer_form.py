"""Pure. An answer of a tool: text and structure, and how both fit into a budget."""

from portweave.encoding.json_text import compact
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Sequence

# Characters of one reason, line or message; a bundle may print a line of 100 kB.
LONGEST_TEXT = 400
# Of the budget; the rest is the text's.
_STRUCTURE_SHARE = 2 / 3
# For the line that counts what was left out.
_NOTE_BYTES = 120


@value
class Answer:
    """The answer of a tool.

    Attributes:
        text: The summary.
        data: The facts; the member `structuredContent`.
        is_error: Whether the tool failed.
    """

    text: str
    data: "dict[str, object]"
    is_error: bool = False

    def as_result(self, *, has_structure: bool) -> "dict[str, object]":
        """Return it as the result of `tools/call`.

        Args:
            has_structure: Whether the client knows structured results.
        """
        result: dict[str, object] = {"content": [{"type": "text", "text": self.text}]}
        if has_structure:
            result["structuredContent"] = self.data
        if self.is_error:
            result["isError"] = True
        return result


@value
class Form:
    """How large an answer may be, and of what it consists.

    Attributes:
        budget_bytes: The largest size of text and structure together.
        has_structure: Whether the client knows structured results.
    """

    budget_bytes: int
    has_structure: bool


def compose(
    form: Form,
    head: str,
    lines: "Sequence[str]",
    data: "dict[str, object]",
    items: "tuple[str, Sequence[object]]",
    more: str,
    *,
    newest: bool = False,
    is_error: bool = False,
) -> Answer:
    """Make an answer that fits.

    Args:
        form: Its size and parts.
        head: The first line of the text, which is never left out.
        lines: Further lines of the text.
        data: Facts that are never left out.
        items: The name and the items of the list of facts, the most important first.
        more: How to get what was left out.
        newest: Whether the last lines and items matter most.
        is_error: Whether the tool failed.
    """
    head = cut(head, form.budget_bytes // 3)
    name, all_items = items
    data = dict(data)
    if form.has_structure:
        room = int(form.budget_bytes * _STRUCTURE_SHARE) - size_of(data) - _NOTE_BYTES - len(more)
        kept, left_out = _fitting([size_of(item) + 1 for item in all_items], room, newest=newest)
        data[name] = [all_items[index] for index in kept]
        if left_out:
            data["leftOut"] = f"{left_out} of {len(all_items)} {name}; {more}"
        room = form.budget_bytes - size_of(data)
    else:
        room = form.budget_bytes
    room -= size_of(head) + _NOTE_BYTES + len(more)
    kept, left_out = _fitting([size_of(line) for line in lines], room, newest=newest)
    shown = [lines[index] for index in kept]
    if left_out:
        note = f"… {left_out} line{'s' if left_out > 1 else ''} left out; {more}"
        shown = [note, *shown] if newest else [*shown, note]
    return Answer("\n".join([head, *shown]), data, is_error)


def size_of(item: object) -> int:
    """Return the size of a value as JSON, in bytes."""
    return len(compact(item).encode("utf-8", "backslashreplace"))


def _fitting(sizes: "Sequence[int]", room: int, *, newest: bool) -> tuple[list[int], int]:
    """Return the places of what fits, in order, and how many do not."""
    kept: list[int] = []
    for index in reversed(range(len(sizes))) if newest else range(len(sizes)):
        room -= sizes[index]
        if room < 0:
            break
        kept.append(index)
    return sorted(kept), len(sizes) - len(kept)


def cut(text: str, most_bytes: int = LONGEST_TEXT) -> str:
    """Return a text of at most so many bytes; a text that was cut ends with an ellipsis."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= most_bytes:
        return text
    return data[: max(0, most_bytes - 3)].decode("utf-8", "ignore") + "…"
