import pytest
from rich.cells import cell_len

from portweave.top.line_fitting import fitted, fitted_end, one_line, wrapped


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("two  words", 9, "two words"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("any", 1, "…"),
        ("any", 0, ""),
    ],
)
def test_a_text_is_cut_to_its_width(text: str, width: int, shown: str) -> None:
    assert fitted(text, width) == shown


def test_the_end_of_a_path_is_kept() -> None:
    assert fitted_end("~/src/shop", 10) == "~/src/shop"
    assert fitted_end("~/src/shop", 6) == "…/shop"
    assert fitted_end("~/src/shop", 1) == ""


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert one_line("a\x1b[2J\nb\tc") == "a\\x1b[2J b c"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two three", ["one two", "three"]),
        ("abcdefghijklmn", ["abcdefgh", "ijklmn"]),
        ("x abcdefghij", ["x", "abcdefgh", "ij"]),
        ("日本語日本語", ["日本語日", "本語"]),
    ],
)
def test_a_text_is_wrapped_at_words(text: str, lines: list[str]) -> None:
    assert wrapped(text, 8) == lines
    assert all(cell_len(line) <= 8 for line in lines)
