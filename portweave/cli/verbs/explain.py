"""`portweave explain`: print the long text of an error code."""

import os
import sys
from textwrap import wrap

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.error_texts import ErrorText, all_texts, nearest_code
from portweave.encoding.colours import of_words
from portweave.encoding.json_text import pretty
from portweave.encoding.terminal_escapes import write_rendered
from portweave.encoding.text_style import Span, render
from portweave.errors import UsageError

OPTIONS: tuple[Option, ...] = ()
USAGE = "[--json] [CODE]"
OPERANDS = Operands("codes")
HELP = """
Print what an error code means: its cause, an example, and what to do. Without a code, list all
codes.
"""
# The most cells of a line: longer lines are hard to read.
_WIDEST = 100
_WIDTH = 80


def run(args: Args) -> int:
    """Print the text of a code, or all codes."""
    words = args.operands + (args.rest or [])
    if len(words) > 1:
        raise UsageError(f"explain takes one code, received {len(words)}")
    texts = all_texts()
    if not words:
        _list(texts, as_json=args.flag("json"))
        return 0
    text = texts.get(words[0].upper())
    if text is None:
        near = nearest_code(words[0], tuple(texts))
        hint = f"did you mean {near}?" if near else "portweave explain lists all codes"
        raise UsageError(f"there is no error code {words[0]!r}", hint=hint)
    if args.flag("json"):
        print(pretty({"schemaVersion": 1, **_fields(text)}))
    else:
        _show(text, refuses_colours=args.flag("no_color"))
    return 0


def _fields(text: ErrorText) -> dict[str, object]:
    return {
        "code": text.code,
        "title": text.title,
        "cause": " ".join(text.cause.split("\n")),
        "example": text.example,
        "remedy": " ".join(text.remedy.split("\n")),
    }


def _list(texts: dict[str, ErrorText], *, as_json: bool) -> None:
    if as_json:
        rows = [{"code": code, "title": text.title} for code, text in texts.items()]
        print(pretty({"schemaVersion": 1, "codes": rows}))
        return
    width = _width()
    for code, text in texts.items():
        first, *others = wrap(text.title, width - 8) if width else [text.title]
        print("\n".join((f"{code}  {first}", *(f"        {row}" for row in others))))


def _show(text: ErrorText, *, refuses_colours: bool) -> None:
    is_terminal = sys.stdout.isatty()
    colour = of_words(os.environ, is_terminal=is_terminal, refused=refuses_colours)
    width = min(_width() or _WIDTH, _WIDEST)
    lines: list[list[str | Span]] = []
    title = wrap(f"{text.code}: {text.title}", width)
    lines.extend([Span(row, "strong")] for row in title)
    for name, part in (("Cause", text.cause), ("Example", text.example), ("Remedy", text.remedy)):
        lines.append([""])
        lines.append([Span(name, "hint")])
        rows = part.split("\n") if name == "Example" else wrap(part, width - 2)
        lines.extend([f"  {row}"] for row in rows)
    write_rendered("".join(f"{render(line, colour=colour)}\n" for line in lines), sys.stdout)


def _width() -> int:
    """The width of the terminal at standard output; 0 for a pipe."""
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).columns, 40)
    except (OSError, ValueError):
        return 0
