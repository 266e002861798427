from rich.color import Color
from rich.style import Style

from portweave.encoding.text_style import Span
from portweave.top.span_strips import strip_of, style_of


def test_a_role_has_the_colour_that_it_has_in_every_command() -> None:
    assert style_of("ready").color == Color.from_ansi(2)
    assert style_of("failed") == Style(bold=True, color=Color.from_ansi(1))
    assert style_of("no such role") == Style.null()


def test_a_strip_has_the_width_and_escapes_control_characters() -> None:
    strip = strip_of([Span("a\x1b", "ready"), Span("日", "")], 10)
    assert strip.text == "a\\x1b日   "
    assert strip.cell_length == 10
    assert strip_of([Span("longer than that", "")], 6).text == "longer"


def test_the_selected_row_is_reversed_to_its_end() -> None:
    strip = strip_of([Span("web", "ready"), Span(" x", "failed")], 8, is_selected=True)
    assert strip.text == "web x   "
    assert {str(segment.style) for segment in strip} == {"reverse"}
