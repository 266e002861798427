"""Pure. The line that shows what is waited for, for the terminal of `up` and of its clients.

`⠹ waiting 12 s: db (exec: exit 1) · migrate: Applying 0007_big … · web waits for db`

The supervisor makes `Waited` values, and sends them to clients as objects of JSON.
"""

from portweave.encoding.cells import cut, width
from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.marks import UNICODE, Marks
from portweave.encoding.text_style import Span
from portweave.encoding.value import value

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Sequence

    Parts = list[str | Span]

WAITING = "waiting"
STOPPING = "stopping"
KILLING = "killing"
# A job that runs after all services have stopped.
RUNNING = "running"
# The event of a stream item that holds a `Waiting`.
EVENT = "waiting"

_TURNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_TURNS = "|/-\\"
# A shorter piece of a service's last line says nothing.
_SHORTEST_LINE = 10
# As much of it is shown in place of further items.
_WANTED_LINE = 28
# A terminal shows two columns for each control key.
_ECHO = 4
# The most names in one item.
_MOST_NAMES = 3
# The longest plain line.
_PLAIN_COLUMNS = 400


@value
class Waited:
    """An instance that is waited for.

    Attributes:
        name: Its name.
        why: What keeps it, such as `exec: exit 1`; may be empty.
        needs: The instances that it waits for itself; empty if it runs.
        line: The last line that it printed; empty where that tells nothing.
    """

    name: str
    why: str = ""
    needs: tuple[str, ...] = ()
    line: str = ""


@value
class Waiting:
    """All that is waited for.

    Attributes:
        verb: `WAITING`, `STOPPING`, `KILLING` or `RUNNING`.
        waits: The instances, those that keep others first.
        more: How many more there are.
    """

    verb: str = WAITING
    waits: tuple[Waited, ...] = ()
    more: int = 0


def as_json(waiting: Waiting) -> dict[str, object]:
    """The item that a client gets."""
    rows = [
        {"name": one.name, "why": one.why, "needs": list(one.needs), "line": one.line}
        for one in waiting.waits
    ]
    return {"event": EVENT, "verb": waiting.verb, "waits": rows, "more": waiting.more}


def from_json(item: object) -> Waiting | None:
    """What an item of `as_json` says; None for any other item."""
    if not is_object(item) or item.get("event") != EVENT:
        return None
    rows = item.get("waits")
    waits: list[Waited] = []
    for row in rows if is_list(rows) else ():
        if is_object(row):
            needs = row.get("needs")
            names = tuple(map(str, needs)) if is_list(needs) else ()
            name, why, line = (str(row.get(key, "")) for key in ("name", "why", "line"))
            waits.append(Waited(name, why, names, line))
    more = item.get("more")
    verb = str(item.get("verb", WAITING))
    return Waiting(verb, tuple(waits), more if isinstance(more, int) else 0)


def live_line(
    waiting: Waiting, elapsed_s: int, turn: int, columns: int, *, marks: Marks, note: str = ""
) -> "Parts":
    """The line for a terminal. The end of the row stays free for the echo of `^C` and `^Z`.

    Args:
        waiting: What is waited for.
        elapsed_s: For how long, in whole seconds.
        turn: How often the line was drawn before; it turns the spinner.
        columns: The width of the terminal.
        marks: The signs of the locale.
        note: Stands at the end, as a hint.
    """
    columns = max(0, columns - _ECHO)
    turns = _TURNS if marks == UNICODE else _ASCII_TURNS
    time = f" {elapsed_s} s" if elapsed_s else ""
    head = f" {waiting.verb}{time}: "
    end = f" ({note})" if note else ""
    room = columns - 1 - width(head) - width(end)
    if room < _SHORTEST_LINE:
        end, room = "", columns - 1 - width(head)
    if room <= 0:
        return [cut(f"{turns[turn % len(turns)]}{head}", columns, "")]
    body = _items(waiting, room, marks)
    role = "starting" if waiting.verb == WAITING else "stopping"
    tail: Parts = [Span(end, "dim")] if end else []
    return [Span(turns[turn % len(turns)], role), head, *body, *tail]


def plain_line(waiting: Waiting, elapsed_s: int, *, marks: Marks) -> str:
    """The line where it cannot be live.

    Args:
        waiting: What is waited for.
        elapsed_s: For how long, in whole seconds.
        marks: The signs of the locale.
    """
    parts = _items(waiting, _PLAIN_COLUMNS, marks)
    text = "".join(part if isinstance(part, str) else part.text for part in parts)
    return f"still {waiting.verb} after {elapsed_s} s: {text}"


def _items(waiting: Waiting, room: int, marks: Marks) -> "Parts":
    """As many items as fit, the number of the others, and the first line that a service printed."""
    separator, mark = f" {marks.dot} ", marks.cut
    texts, lines, counts = _texts(waiting.waits, mark)

    def first(number: int) -> list[str]:
        rest = sum(counts[number:]) + waiting.more
        return [*texts[:number], *([f"{rest} more"] if rest else [])]

    def most(columns: int) -> int:
        """How many items fit."""
        numbers = range(len(texts), 0, -1)
        return next((n for n in numbers if width(separator.join(first(n))) <= columns), 0)

    count = most(room)
    printing = next((n for n, line in enumerate(lines) if line), len(lines))
    if printing < count:
        # Rather than a last item, show what the first one of them prints.
        wanted = min(width(lines[printing]) + 2, _WANTED_LINE)
        count = max(most(room - wanted), printing + 1)
    if not count:
        # Not even the first one fits beside the number of the others.
        return [cut(texts[0], room, mark)] if texts else []
    shown = first(count)
    left = room - width(separator.join(shown))
    parts: Parts = []
    for position, text in enumerate(shown):
        parts.append(f"{separator}{text}" if position else text)
        line = lines[position] if position < count else ""
        if line and left >= _SHORTEST_LINE:
            printed = cut(f": {line}", left, mark)
            left -= width(printed)
            parts.append(Span(printed, "dim"))
    return parts


def _texts(waits: "Sequence[Waited]", mark: str) -> tuple[list[str], list[str], list[int]]:
    """The items without lines, the line of each, and how many instances each is about."""
    # Those with the same reason are one item, and those that wait for the same.
    items: dict[tuple[object, ...], tuple[Waited, list[str]]] = {}
    for one in waits:
        alone = () if one.needs or (one.why and not one.line) else (one.name,)
        items.setdefault((one.why, one.needs, *alone), (one, []))[1].append(one.name)
    # What keeps others comes before what only waits.
    found = sorted(items.values(), key=lambda item: bool(item[0].needs))
    return (
        [_text(first, names, mark) for first, names in found],
        ["" if first.needs else first.line for first, _ in found],
        [len(names) for _, names in found],
    )


def _text(first: Waited, names: "Sequence[str]", mark: str) -> str:
    if first.needs:
        return f"{_listed(names)} {'wait' if names[1:] else 'waits'} for {_listed(first.needs)}"
    why = first.why.replace(UNICODE.cut, mark)
    return f"{_listed(names)} ({why})" if why else _listed(names)


def _listed(names: "Sequence[str]") -> str:
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    shown = names[: _MOST_NAMES - 1]
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"
