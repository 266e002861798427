"""Errors as a terminal shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from portweave.cli.error_layout import MOST_PROBLEMS, lines_of, marked
from portweave.encoding.text_style import plain
from portweave.errors import (
    DefinitionsInvalidError,
    DotenvError,
    PanelForbiddenError,
    PortweaveError,
    UsageError,
)
from portweave.errors.problem import Problem, problem_at


def shown(error: PortweaveError, columns: int = 80, *, utf8: bool = True) -> list[str]:
    lines = [plain(line).rstrip() for line in lines_of(error, columns=columns, utf8=utf8)]
    assert all(cell_len(line) <= columns for line in lines if " " in line.strip()), lines
    return lines


def invalid(*problems: Problem) -> DefinitionsInvalidError:
    error = DefinitionsInvalidError("for programs", hint="f:1:1: for programs")
    error.problems = problems
    return error


TEXT = "services:\n  web:\n    comand: npm start\n"


def test_a_problem_has_its_place_a_mark_and_one_hint() -> None:
    problem = problem_at(
        "unknown key 'comand' in service web",
        "portweave.yaml",
        TEXT,
        3,
        5,
        word="comand",
        hint="did you mean command?",
    )
    assert shown(invalid(problem)) == [
        "error: unknown key 'comand' in service web (PW0102)",
        "  --> portweave.yaml:3:5",
        "   |",
        " 3 |     comand: npm start",
        "   |     ^^^^^^",
        "hint: did you mean command?",
    ]


def test_the_roles_of_the_parts() -> None:
    problem = Problem("no", "f", 120, 2, source="ab", hint="yes")
    roles = [
        [(part.text, part.role) for part in line if not isinstance(part, str)]
        for line in lines_of(invalid(problem), columns=80, utf8=True)
    ]
    assert roles == [
        [("error:", "error"), ("no (PW0102)", "strong")],
        [("   --> ", "dim")],
        [("    |", "dim")],
        [("120 |", "dim")],
        [("    |", "dim"), ("^", "error")],
        [("hint:", "hint")],
    ]


def test_a_problem_without_a_source_line_has_a_place_only() -> None:
    assert shown(invalid(Problem("the file is empty", "f.yaml", 1, 1, source=""))) == [
        "error: the file is empty (PW0102)",
        "  --> f.yaml:1:1",
    ]


def test_ten_problems_are_told_and_the_others_are_counted() -> None:
    problems = [Problem(f"no {number}", "f", number, 1) for number in range(12)]
    lines = shown(invalid(*problems))
    assert sum(line.startswith("error: no") for line in lines) == MOST_PROBLEMS
    assert lines[-1] == "error: 2 more problems; portweave check --json has all"


def test_an_error_without_problems_has_its_message_and_all_hints() -> None:
    error = UsageError("unknown command 'pss'\n  a detail", hint=("did you mean ps?", "or else"))
    assert shown(error) == [
        "error: unknown command 'pss' (PW0601)",
        "  a detail",
        "hint: did you mean ps?; or else",
    ]


def test_long_hints_stand_below_each_other() -> None:
    error = UsageError("no", hint=("a" * 70, "b" * 70, "c" * 70))
    assert shown(error)[1:] == [f"hint: {letter * 70}" for letter in "abc"]


def test_an_error_without_hints_says_where_to_read_on() -> None:
    assert shown(PanelForbiddenError())[-1] == "hint: portweave explain PW0605 says more"
    assert shown(UsageError("no"))[-1] == "hint: portweave --help says more"
    lines = lines_of(UsageError("no"), columns=80, utf8=True, verb="up")
    assert plain(lines[-1]) == "hint: portweave up --help says more"


def test_the_place_of_a_secret_is_told_without_its_line() -> None:
    error = DotenvError(
        "/p/.env", 3, "API_PORT", column=2, hint="write NAME=value, or # and a comment"
    )
    assert shown(error) == [
        "error: the line for API_PORT is not NAME=value (PW0502)",
        "  --> /p/.env:3:2",
        "hint: write NAME=value, or # and a comment",
    ]
    lines = lines_of(error, columns=80, utf8=True, cwd="/p")
    assert plain(lines[1]) == "  --> .env:3:2"


def test_what_a_terminal_is_told_instead_replaces_message_and_hints() -> None:
    error = UsageError("for programs", hint="for programs")
    error.told = ("no Procfile here", "create one:\nweb: npm start")
    assert shown(error) == [
        "error: no Procfile here (PW0601)",
        "hint: create one:",
        "        web: npm start",
    ]


def test_long_texts_are_wrapped_at_blanks() -> None:
    error = UsageError(
        "a sentence that is longer than a narrow terminal", hint="漢字 " * 11 + "漢字"
    )
    assert shown(error, 40) == [
        "error: a sentence that is longer than a",
        "       narrow terminal (PW0601)",
        "hint: 漢字 漢字 漢字 漢字 漢字 漢字 漢字",
        "      漢字 漢字 漢字 漢字 漢字",
    ]


@pytest.mark.parametrize(
    ("source", "start", "width", "room", "expected"),
    [
        ("abc", 1, 1, 10, ("abc", 1, 1)),
        ("\tabc", 1, 3, 20, ("    abc", 4, 3)),
        ("a\tb", 2, 1, 20, ("a   b", 4, 1)),
        ("漢字: x", 0, 2, 20, ("漢字: x", 0, 4)),
        ("漢字: x", 4, 1, 20, ("漢字: x", 6, 1)),
        ("a\x1b[2Jb", 5, 1, 20, ("a\\x1b[2Jb", 8, 1)),
        ("a" * 30, 0, 1, 10, ("aaaaaaaaa…", 0, 1)),
        ("a" * 30 + "b", 30, 1, 10, ("…aaaaaaaab", 9, 1)),
        ("a" * 30 + "b" + "a" * 30, 30, 1, 10, ("…aaabaaaa…", 4, 1)),
        ("a" * 30, 0, 30, 10, ("aaaaaaaaa…", 0, 9)),
        ("abc", 9, 1, 10, ("abc", 3, 1)),
        ("", 0, 1, 10, ("", 0, 1)),
    ],
)
def test_a_source_line_is_cut_around_its_mark(
    source: str, start: int, width: int, room: int, expected: tuple[str, int, int]
) -> None:
    assert marked(source, start, width, room, cut="…") == expected


def test_without_utf8_dots_stand_for_what_is_cut() -> None:
    problem = Problem("no", "f", 1, 31, source="a" * 30 + "b" + "a" * 30)
    lines = shown(invalid(problem), 24, utf8=False)
    assert lines[3:5] == [" 1 | ...aaaaaabaaaaaa...", "   |          ^"]


LETTERS = st.text(st.sampled_from("ab\t漢é\x1b "), max_size=60)


@given(LETTERS, st.integers(0, 70), st.integers(1, 70), st.integers(16, 80))
def test_a_cut_line_fits_and_its_mark_stands_within_it(
    source: str, start: int, width: int, room: int
) -> None:
    text, offset, cells = marked(source, start, width, room, cut="…")
    assert cell_len(text) <= room
    assert cells >= 1
    assert offset <= cell_len(text)
    if start < len(source):
        assert offset + cells <= cell_len(text)
