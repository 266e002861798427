"""Which characters of a source line a problem marks."""

import pytest

from portweave.errors.problem import problem_at, problem_on


@pytest.mark.parametrize(
    ("source", "column", "token", "word", "expected"),
    [
        ("comand: x", 1, "comand", "", "comand"),
        ('"comand": 1', 1, "comand", "", '"comand"'),
        ("'co''mand': 1", 1, "co'mand", "", "'co'"),
        (r'"co\"mand": 1', 1, 'co"mand', "", r'"co\"mand"'),
        ('"no end', 1, "no end", "", '"no end'),
        ("a: value # x", 4, "value", "", "value"),
        ("a: |", 4, "first\nsecond", "", "|"),
        ("a: other", 4, "value", "", "o"),
        ("a: x${b}y", 4, "x${b}y", "${b}", "${b}"),
        ("a: xy", 4, "xy", "${b}", "xy"),
        ("a", 1, "", "", "a"),
        ("", 1, "a", "", ""),
    ],
)
def test_a_token_or_a_part_of_it_is_marked(
    source: str, column: int, token: str, word: str, expected: str
) -> None:
    problem = problem_on("no", "f", source, 1, column, token=token, word=word)
    start = problem.column - 1
    assert source[start : start + problem.width] == expected
    assert problem.width >= 1


def test_the_line_is_taken_from_the_text() -> None:
    text = "a\r\nb\n"
    lines = [problem_at("no", "f", text, line, 1).source for line in (1, 2, 3, 4)]
    assert lines == ["a", "b", "", None]
    assert problem_at("no", "f", None, 1, 1).source is None
