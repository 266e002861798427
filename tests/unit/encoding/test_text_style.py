import pytest

from portweave.encoding.text_style import Span, plain, render

LINE = (Span("error", "error"), ": no ", Span("web\x1b[8m", "name"), "\n")


def test_a_line_has_the_colours_of_its_roles_and_escaped_texts() -> None:
    shown = render(LINE, colour=True)
    assert shown == "\x1b[1;31merror\x1b[0m: no web\\x1b[8m\n"


def test_without_colour_only_the_texts_are_left() -> None:
    assert render(LINE, colour=False) == "error: no web\\x1b[8m\n"


@pytest.mark.parametrize("line", [LINE, (), ("",), (Span("", "error"),)])
def test_plain_is_what_render_shows_without_escapes(line: tuple[str | Span, ...]) -> None:
    assert render([plain(line)], colour=False) == render(line, colour=False)
