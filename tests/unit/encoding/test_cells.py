"""How many columns a text takes, and where it is cut."""

import pytest

from portweave.encoding.cells import cut, width


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("waiting", 7),
        ("⠋ a · b → c…", 12),
        ("日本", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("🚀 up", 5),
    ],
)
def test_a_text_takes_the_columns_of_its_characters(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("waiting", 7, "waiting"),
        ("waiting", 6, "waiti…"),
        ("waiting", 1, "…"),
        ("waiting", 0, ""),
        # Half of a wide character does not fit.
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
    ],
)
def test_a_long_text_is_cut_at_a_column(text: str, columns: int, expected: str) -> None:
    assert cut(text, columns) == expected


def test_without_a_mark_nothing_shows_the_cut() -> None:
    assert cut("waiting", 4, "") == "wait"
