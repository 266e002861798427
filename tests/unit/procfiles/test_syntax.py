"""Syntax errors in words, with a place in the text."""

import json

import pytest

from portweave.procfiles.syntax import json_problem, yaml_problem


@pytest.mark.parametrize(
    ("text", "sentence", "offset"),
    [
        ("[1,\n]", "a comma before ]", 2),
        ('{"a": 1 /* x */}', "a comment, which JSON does not have", 8),
        ("{} {}", "the file goes on after its last }", 3),
        ('{"a" 1}', "a colon is missing before this", 5),
        ('{"a": "x', "the quote of this text is not closed", 6),
        ('{"a": "x\n"}', "a text goes on in the next line", 8),
        ('{"a": :}', "this is no JSON value", 6),
        ("\t\n", "the file is empty", 0),
    ],
)
def test_errors_of_json(text: str, sentence: str, offset: int) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    found = json_problem(text, caught.value.pos, caught.value.msg)
    assert found[:2] == (sentence, offset)


def test_python_3_13_stops_at_a_trailing_comma() -> None:
    told = json_problem("[1, ]", 2, "Illegal trailing comma before end of array")
    assert told[:2] == ("a comma before ]", 2)


def test_an_unknown_error_of_json_is_told_as_the_parser_does() -> None:
    assert json_problem('["\\x"]', 2, "Invalid \\escape") == ("invalid \\escape", 2, "")


@pytest.mark.parametrize(
    ("text", "what", "place", "began", "sentence", "marked"),
    [
        ("a:\n \tb: 1", "x", (2, 2), (1, 1), "a tab indents this line", (2, 2)),
        (
            "a: @b",
            "found character that cannot start any token",
            (1, 4),
            (1, 4),
            "a text cannot begin with @ in YAML",
            (1, 4),
        ),
        (
            "a:\n- b\nc",
            "did not find expected '-' indicator",
            (3, 1),
            (2, 1),
            "this line is no entry of the list above it",
            (3, 1),
        ),
        (
            "a\nb: 1",
            "could not find expected ':'",
            (2, 1),
            (1, 1),
            "this line is no 'key: value'",
            (1, 1),
        ),
        (
            "a: 1\n\n  b: 1",
            "mapping values are not allowed in this context",
            (3, 4),
            (3, 4),
            "a colon, where no key can be",
            (3, 4),
        ),
        (
            "a: !x 1",
            "the tag !x has no meaning here",
            (1, 4),
            (1, 4),
            "the tag !x has no meaning here",
            (1, 4),
        ),
        ("", "x", (7, 1), (7, 1), "x", (7, 1)),
    ],
)
def test_errors_of_yaml(
    text: str,
    what: str,
    place: tuple[int, int],
    began: tuple[int, int],
    sentence: str,
    marked: tuple[int, int],
) -> None:
    assert yaml_problem(text, what, place, began)[:2] == (sentence, marked)
