"""Pure. Spans as strips of cells, in the colours of their roles."""

from collections.abc import Iterable
from functools import cache

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from portweave.encoding.terminal_escapes import escaped
from portweave.encoding.text_style import CODES, Span

SELECTED = Style(reverse=True)
# The filters of Textual expect each segment to have a style.
PLAIN = Style.null()
# What only `top` has.
_OWN = {"bar": "36", "match": "7"}


@cache
def style_of(role: str) -> Style:
    """Return the style of a role; roles without colour have the plain style."""
    code = CODES.get(role) or _OWN.get(role)
    if code is None:
        return PLAIN
    style = Text.from_ansi(f"\x1b[{code}mx").spans[0].style
    return style if isinstance(style, Style) else Style.parse(style)


def strip_of(spans: Iterable[Span], width: int, *, is_selected: bool = False) -> Strip:
    """Return spans as a strip.

    Args:
        spans: The texts; control characters in them are escaped.
        width: The width of the strip, in cells.
        is_selected: Whether it is the selected row: it is reversed, and has no other colour.
    """
    if is_selected:
        text = "".join(escaped(span.text) for span in spans)
        return Strip([Segment(text, SELECTED)]).adjust_cell_length(width, SELECTED)
    segments = [Segment(escaped(span.text), style_of(span.role)) for span in spans if span.text]
    return Strip(segments).adjust_cell_length(width, PLAIN)


def blank_strip(width: int) -> Strip:
    """Return an empty strip.

    Args:
        width: Its width, in cells.
    """
    return Strip.blank(width, PLAIN)
