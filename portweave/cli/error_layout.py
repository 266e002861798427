"""Pure. Errors as a terminal shows them: place, source line with a mark, one sentence, one hint.

The layout is that of compilers such as rustc and ruff. It is imported only when a terminal gets an
error.
"""

from portweave.encoding.cells import ELLIPSIS, width
from portweave.encoding.text_style import Span
from portweave.errors import PortweaveError
from portweave.errors.problem import Problem

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from typing import TypeAlias

    Line: TypeAlias = list[str | Span]

# You correct some problems and look again.
MOST_PROBLEMS = 10
_TAB = 4
_NARROWEST = 20
# Longer hints stand below each other.
_LONGEST_JOINED = 160


def lines_of(
    error: PortweaveError, *, columns: int, utf8: bool, verb: str = "", cwd: str = ""
) -> "list[Line]":
    """The lines of an error.

    Args:
        error: The error.
        verb: The command that failed; empty if unknown.
        columns: The width of the terminal, in cells.
        utf8: Whether the terminal shows UTF-8.
        cwd: The working folder: paths below it are shown relative to it.
    """
    columns = max(columns, _NARROWEST)
    if not error.problems:
        return _without_source(error, columns, verb, cwd)
    lines: list[Line] = []
    for number, problem in enumerate(error.problems[:MOST_PROBLEMS]):
        if number:
            lines.append([""])
        lines += _headline(problem.sentence, error.code, columns)
        lines += _excerpt(problem, columns, cwd, utf8=utf8)
        lines += _hint(problem.hint, columns)
    left = len(error.problems) - MOST_PROBLEMS
    if left > 0:
        more = f"{left} more problem{'s' if left > 1 else ''}; portweave check --json has all"
        lines.append([""])
        lines += _wrapped(Span("error:", "error"), more, columns)
    return lines


def _without_source(error: PortweaveError, columns: int, verb: str, cwd: str) -> "list[Line]":
    """An error without problems of files: its message, its place if it has one, its hints."""
    if error.told is not None:
        sentence, hint = error.told
        return _headline(sentence, error.code, columns) + _hint(hint, columns)
    first, *others = error.message.split("\n")
    lines = _headline(first, error.code, columns)
    for text in others:
        lines.append([text])
    path, line, column = (error.facts.get(key) for key in ("file", "line", "column"))
    if isinstance(path, str) and isinstance(line, int):
        at = f"{_relative(path, cwd)}:{line}" + (f":{column}" if isinstance(column, int) else "")
        lines.append([Span("  --> ", "dim"), at])
    for hint in _hints(error, verb):
        lines += _hint(hint, columns)
    return lines


def _hints(error: PortweaveError, verb: str) -> tuple[str, ...]:
    """The hints of an error: short ones as one, and where to read on if there is none."""
    if not error.hints:
        help_of = f"portweave {verb} --help" if verb else "portweave --help"
        is_usage = error.code == "PW0601"
        return (f"{help_of if is_usage else f'portweave explain {error.code}'} says more",)
    joined = "; ".join(error.hints)
    is_short = len(joined) <= _LONGEST_JOINED and "\n" not in joined
    return (joined,) if is_short else error.hints


def _headline(sentence: str, code: str, columns: int) -> "list[Line]":
    text = f"{_one_line(sentence)} ({code})"
    return _wrapped(Span("error:", "error"), text, columns, role="strong")


def _hint(hint: str, columns: int) -> "list[Line]":
    """A hint; the lines of its example stand below it, indented."""
    if not hint:
        return []
    first, *example = hint.split("\n")
    lines = _wrapped(Span("hint:", "hint"), first, columns)
    for text in example:
        lines.append([f"        {text}"])
    return lines


def _excerpt(problem: Problem, columns: int, cwd: str, *, utf8: bool) -> "list[Line]":
    """The place of a problem, and its source line with a mark."""
    number = f"{problem.line:2}"
    margin = " " * len(number)
    place = f"{_one_line(_relative(problem.path, cwd))}:{problem.line}:{problem.column}"
    lines: list[Line] = [[Span(f"{margin}--> ", "dim"), place]]
    if problem.source is None or not problem.source.strip():
        return lines
    room = columns - len(number) - 3
    text, offset, cells = marked(
        problem.source, problem.column - 1, problem.width, room, cut=ELLIPSIS if utf8 else "..."
    )
    bar = Span(f"{margin} |", "dim")
    return [
        *lines,
        [bar],
        [Span(f"{number} |", "dim"), f" {text}"],
        [bar, " " * (offset + 1), Span("^" * cells, "error")],
    ]


def marked(source: str, start: int, length: int, room: int, *, cut: str) -> tuple[str, int, int]:
    """A source line that fits, and where its mark stands.

    Args:
        source: The line.
        start: The offset of the first marked character.
        length: How many characters are marked.
        room: How many cells there are.
        cut: What stands for a part that does not fit.

    Returns:
        The text, and the first cell and the number of cells of the mark.
    """
    shown = _visible(source)
    start = min(start, len(shown))
    stop = min(start + max(length, 1), len(shown))
    first, last = 0, len(shown)
    if _cells(shown) > room:
        # The mark stands in the first third, unless the line begins or ends near it.
        first = start
        while first > 0 and _cells(shown[first - 1 : start]) <= room // 3:
            first -= 1
        room_left = room - (len(cut) if first else 0)
        if _cells(shown[first:]) <= room_left:
            while first > 0 and _cells(shown[first - 1 :]) <= room - len(cut):
                first -= 1
        else:
            room_left -= len(cut)
            last = first
            while last < len(shown) and _cells(shown[first : last + 1]) <= room_left:
                last += 1
    before = cut if first else ""
    after = cut if last < len(shown) else ""
    text = before + "".join(shown[first:last]) + after
    offset = len(before) + _cells(shown[first:start])
    return text, offset, max(_cells(shown[start : min(stop, last)]), 1)


def _visible(source: str) -> list[str]:
    """What a terminal shows for each character: tabs as blanks, control characters escaped."""
    from portweave.encoding.terminal_escapes import escaped

    shown: list[str] = []
    cells = 0
    for letter in source:
        text = " " * (_TAB - cells % _TAB) if letter == "\t" else escaped(letter)
        cells += _cells([text])
        shown.append(text)
    return shown


def _cells(parts: list[str]) -> int:
    """How many cells of a terminal texts take."""
    return sum(map(width, parts))


def _relative(path: str, cwd: str) -> str:
    return path.removeprefix(f"{cwd.rstrip('/')}/") if cwd else path


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t")


def _wrapped(head: Span, text: str, columns: int, *, role: str = "") -> "list[Line]":
    """A text after a word, wrapped at blanks, with the lines below it indented.

    Args:
        head: The word.
        text: The text, of one line.
        columns: The width of the terminal, in cells.
        role: The role of the text.
    """
    indent = len(head.text) + 1
    room = max(columns - indent, _NARROWEST)
    rows: list[str] = []
    for word in text.split(" "):
        if rows and _cells([rows[-1], " ", *_visible(word)]) <= room:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    lines: list[Line] = [[" " * indent, Span(row, role) if role else row] for row in rows]
    lines[0][0:1] = [head, " "]
    return lines
