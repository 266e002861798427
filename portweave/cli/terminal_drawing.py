"""Draw tables, wrapped texts and trees on a terminal, with Rich.

Rich takes 40 ms to import. So a drawing imports it, and output to a pipe never does.
"""

import os
import sys

from portweave.encoding import colours
from portweave.encoding.marks import is_utf8
from portweave.encoding.table_columns import GAP, fit
from portweave.encoding.terminal_escapes import escaped, write_rendered
from portweave.encoding.text_style import CODES, Span

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO, TypeAlias

    from rich.style import Style
    from rich.text import Text

    from portweave.encoding.table_columns import Column

    Line: TypeAlias = Sequence[str | Span]
    Node: TypeAlias = tuple[Line, Sequence["Node"]]

# Where the terminal does not tell its width, texts are wrapped at this one.
_USUAL_WIDTH = 80
_NOTE_INDENT = 4


class Drawing:
    """Draws on the terminal behind stdout.

    Args:
        no_color: Whether the command line refuses colours.

    Attributes:
        width: The number of columns of the terminal; None if it does not tell.
    """

    def __init__(self, *, no_color: bool) -> None:
        from rich.console import Console

        self.width = terminal_width()
        coloured = colours.of_words(os.environ, is_terminal=True, refused=no_color)
        self._console = Console(
            file=_output_of_console(),
            force_terminal=True,
            color_system="256" if coloured else None,
            width=self.width or _USUAL_WIDTH,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            _environ={},
        )
        self._styles: dict[str, Style | str] = {}

    def table(
        self, columns: "Sequence[Column]", rows: "Sequence[tuple[Line, Sequence[Line]]]"
    ) -> None:
        """Print a table. No line is wider than the terminal.

        Args:
            columns: The columns; those of a high rank are left out if they do not fit.
            rows: For each row its cells, and lines that stand below it, wrapped at words.
        """
        texts = [[self._text((cell,)) for cell in cells] for cells, _ in rows]
        kept = [
            index
            for index, column in enumerate(columns)
            if not column.optional or any(row[index].plain not in ("", "-") for row in texts)
        ]
        natural = [
            max(len(columns[index].title), *(row[index].cell_len for row in texts), 1)
            for index in kept
        ]
        shown = [
            (kept[place], width)
            for place, width in fit([columns[index] for index in kept], natural, self.width)
        ]
        heading = [self._text((column.title,)) for column in columns]
        lines = self._row(columns, shown, heading)
        for row, (_, notes) in zip(texts, rows, strict=True):
            lines += self._row(columns, shown, row)
            for note in notes:
                lines += self._hanging(note, _NOTE_INDENT, _NOTE_INDENT)
        self._print(lines)

    def text(self, line: "Line", *, indent: int = 0, first: int = 0) -> None:
        """Print a text, wrapped at words.

        Args:
            line: Its parts.
            indent: Blanks before each line but the first.
            first: Blanks before the first line.
        """
        self._print(self._hanging(line, indent, first))

    def trees(self, roots: "Iterable[Node]") -> None:
        """Print trees, with lines from each text to those below it.

        Args:
            roots: A text and the nodes below it, for each root.
        """
        import re

        from rich.tree import Tree

        top = Tree("", hide_root=True, guide_style=self._style(CODES["dim"]))
        todo = [(top, root) for root in roots]
        while todo:
            above, (line, below) = todo.pop(0)
            tree = above.add(self._text(line))
            todo += [(tree, node) for node in below]
        with self._console.capture() as capture:
            self._console.print(top)
        # Rich fills the lines of a wrapped text with blanks, some before the end of a colour.
        text = re.sub(r" +((?:\x1b\[[0-9;]*m)*)$", r"\1", capture.get(), flags=re.MULTILINE)
        write_rendered(text, sys.stdout)

    def _hanging(self, line: "Line", indent: int, first: int) -> "list[Text]":
        """Wrap a text at words; arguments as in `text`."""
        text = self._text(line)
        width = self.width or _USUAL_WIDTH
        begin, *others = self._wrapped(text, max(1, width - first))
        lines = [begin]
        if others:
            begin.rstrip()
            # What is left is wrapped anew, within its own indent.
            start = len(begin.plain)
            start += len(text.plain[start:]) - len(text.plain[start:].lstrip())
            lines += self._wrapped(text[start:], max(1, width - indent))
        for number, part in enumerate(lines):
            part.pad_left(indent if number else first)
        return lines

    def _row(
        self, columns: "Sequence[Column]", shown: "Sequence[tuple[int, int]]", cells: "list[Text]"
    ) -> "list[Text]":
        """Return the lines of a row."""
        from rich.text import Text

        lines: list[Text] = []
        parts = [self._wrapped(cells[index], width) for index, width in shown]
        for number in range(max(map(len, parts), default=0)):
            line = Text()
            for place, (index, width) in enumerate(shown):
                piece = parts[place][number] if number < len(parts[place]) else Text()
                blanks = " " * (width - piece.cell_len)
                line.append(" " * GAP if place else "")
                line.append(blanks if columns[index].right else "")
                line.append_text(piece)
                line.append("" if columns[index].right else blanks)
            line.rstrip()
            lines.append(line)
        return lines

    def _wrapped(self, text: "Text", width: int) -> "list[Text]":
        if text.cell_len <= width:
            return [text]
        parts = list(text.wrap(self._console, width, overflow="fold"))
        for part in parts:
            part.rstrip()
        return parts

    def _text(self, line: "Line") -> "Text":
        """Make a text of one line of escaped parts, with their colours."""
        from rich.text import Text

        text = Text(end="", tab_size=4)
        for part in line:
            content = escaped(part if isinstance(part, str) else part.text)
            content = content.replace("\n", "\\n").replace("\t", "\\t")
            code = "" if isinstance(part, str) else part.code or CODES.get(part.role, "")
            text.append(content, self._style(code))
        return text

    def _style(self, code: str) -> "Style | str":
        """Return the style of a Select Graphic Rendition code; an empty one for no code."""
        if not code:
            return ""
        if code not in self._styles:
            from rich.ansi import AnsiDecoder

            self._styles[code] = AnsiDecoder().decode_line(f"\x1b[{code}mx").spans[0].style
        return self._styles[code]

    def _print(self, lines: "list[Text]") -> None:
        from rich.text import Text

        with self._console.capture() as capture:
            self._console.print(Text("\n").join(lines), no_wrap=True, overflow="ignore", crop=False)
        write_rendered(capture.get(), sys.stdout)


def _output_of_console() -> "TextIO":
    """Return a stream that makes Rich draw in ASCII where the locale is not UTF-8."""
    from io import StringIO

    class Output(StringIO):
        encoding = "utf-8" if is_utf8(os.environ) else "ascii"

    return Output()


def terminal_width() -> int | None:
    """The number of columns of the terminal behind stdout; None if it does not tell."""
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    if columns > 0:
        return columns
    named = os.environ.get("COLUMNS", "")
    return int(named) if named.isascii() and named.isdigit() and int(named) > 0 else None
