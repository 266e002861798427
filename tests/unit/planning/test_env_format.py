"""Variables as texts for shells and for `.env` files."""

import pytest

from portweave.planning.env_format import (
    as_dotenv,
    as_shell,
    is_identifier,
)


def test_values_for_a_shell_are_in_single_quotes() -> None:
    text, left_out = as_shell({"B": "it's $(date)\n`x`", "A": "", "_": "!"})
    assert text == "export A=''\nexport B='it'\\''s $(date)\n`x`'\nexport _='!'\n"
    assert left_out == []


@pytest.mark.parametrize(
    "name", ["", "1A", "A-B", "A.B", "BASH_FUNC_x%%", "Ä", "A B", "A\n", "PPID", "UID", "SHELLOPTS"]
)
def test_variables_that_no_shell_can_set_are_left_out(name: str) -> None:
    assert as_shell({name: "x", "A": "y"}) == ("export A='y'\n", [name])


def test_plain_values_in_a_file_have_no_quotes() -> None:
    assert as_dotenv({"PORT": "30000", "URL": "http://127.0.0.1:30000/a", "E": ""}) == (
        "E=\nPORT=30000\nURL=http://127.0.0.1:30000/a\n",
        [],
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a b", "A='a b'\n"),
        ("$HOME #x", "A='$HOME #x'\n"),
        ("it's", "A='it's'\n"),
        ("'", "A='''\n"),
        (" ", "A=' '\n"),
        ("a\nb c", "A='a\nb c'\n"),
        ("a\nit's", 'A="a\nit\'s"\n'),
    ],
)
def test_other_values_are_quoted(value: str, line: str) -> None:
    assert as_dotenv({"A": value}) == (line, [])


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nb",
        "a\n'\"",
        # The second line would be read as one of its own.
        "a\nB=1",
        "\udcff",
        "\u2028",
    ],
)
def test_variables_that_a_file_cannot_hold_are_left_out(value: str) -> None:
    assert as_dotenv({"A": value, "B": "1"}) == ("B=1\n", ["A"])


def test_names_are_valid_if_a_shell_accepts_them() -> None:
    assert is_identifier("_a1")
    assert as_dotenv({"a.b": "1"}) == ("", ["a.b"])
