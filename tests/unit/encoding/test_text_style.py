import pytest

from portweave.encoding.text_style import Span, message, plain, render

LINE = (Span("error", "error"), ": no ", Span("web\x1b[8m", "name"), "\n")


def test_a_line_has_the_colours_of_its_roles_and_escaped_texts() -> None:
    shown = render(LINE, colour=True)
    assert shown == "\x1b[1;31merror\x1b[0m: no web\\x1b[8m\n"


def test_without_colour_only_the_texts_are_left() -> None:
    assert render(LINE, colour=False) == "error: no web\\x1b[8m\n"


@pytest.mark.parametrize("line", [LINE, (), ("",), (Span("", "error"),)])
def test_plain_is_what_render_shows_without_escapes(line: tuple[str | Span, ...]) -> None:
    assert render([plain(line)], colour=False) == render(line, colour=False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[portweave] web ready", "\x1b[2m[portweave]\x1b[0m web ready"),
        (
            "[portweave] error: no: 1",
            "\x1b[2m[portweave]\x1b[0m \x1b[1;31merror:\x1b[0m no: 1",
        ),
        ("  hint: write x", "  \x1b[1;36mhint:\x1b[0m write x"),
        ("warning: old", "\x1b[1;33mwarning:\x1b[0m old"),
        ("  web → 3000", "  web → 3000"),
        ("errors: 3", "errors: 3"),
        ("[portweave]x", "[portweave]x"),
        ("", ""),
    ],
)
def test_a_message_has_a_dim_prefix_and_a_coloured_first_word(text: str, shown: str) -> None:
    assert render(message(text), colour=True) == shown
    assert plain(message(text)) == text


def test_a_span_may_have_a_code_of_its_own() -> None:
    assert render([Span("web", "name", "38;5;32")], colour=True) == "\x1b[38;5;32mweb\x1b[0m"
