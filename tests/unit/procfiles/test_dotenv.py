"""Parse .env files by the rules of npm's dotenv."""

import pytest

from portweave.procfiles.dotenv import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("A=1\nB=2\n", {"A": "1", "B": "2"}, id="two"),
        pytest.param("A=1\r\nB=2\rC=3", {"A": "1", "B": "2", "C": "3"}, id="CRLF and CR"),
        pytest.param("# A=1\n\n  B=2  ", {"B": "2"}, id="comments, blanks"),
        pytest.param("A=", {"A": ""}, id="nothing"),
        pytest.param("A=1\nA=2", {"A": "2"}, id="the last wins"),
        pytest.param("A=a=b", {"A": "a=b"}, id="equals in the value"),
        pytest.param("A = b", {"A": "b"}, id="blanks around ="),
        pytest.param("A: b", {"A": "b"}, id="a colon"),
        pytest.param("export A=b", {"A": "b"}, id="export"),
        pytest.param("A.B=1\nC-D=2\n1E=3", {"A.B": "1", "C-D": "2", "1E": "3"}, id="names"),
        pytest.param("A='x y'", {"A": "x y"}, id="single quotes"),
        pytest.param("A=`x 'y' \"z\"`", {"A": "x 'y' \"z\""}, id="backquotes"),
        pytest.param('A="x\\ny\\rz"', {"A": "x\ny\rz"}, id="escapes in double quotes"),
        pytest.param("A='x\\ny'", {"A": "x\\ny"}, id="none in single quotes"),
        pytest.param('A="a\\tb\\"c"', {"A": 'a\\tb\\"c'}, id="other escapes stay"),
        pytest.param('A="a" "b"', {"A": 'a" "b'}, id="quotes at both ends"),
        pytest.param('A="a" # "b"', {"A": "a"}, id="a comment after quotes"),
        pytest.param('A="a"#b', {"A": "a"}, id="a comment right after quotes"),
        pytest.param("A='a # b'", {"A": "a # b"}, id="# in quotes"),
        pytest.param('A="a" b', {"A": '"a" b'}, id="text after quotes"),
        pytest.param("A=b # c", {"A": "b"}, id="a comment"),
        pytest.param("A=b#c", {"A": "b#c"}, id="# inside"),
        pytest.param("A= # x", {"A": ""}, id="a comment alone"),
        pytest.param("A=#x", {"A": "#x"}, id="# at the start"),
        pytest.param('A="', {"A": '"'}, id="one quote"),
        pytest.param('A="a\n b\n\nc" # x\nB=1', {"A": "a\n b\n\nc", "B": "1"}, id="lines"),
        pytest.param('A="a\nB="b"', {"A": '"a', "B": "b"}, id="a quote that does not close"),
        pytest.param("A=${B} $(c)", {"A": "${B} $(c)"}, id="nothing is expanded"),
    ],
)
def test_variables_are_read(text: str, expected: dict[str, str]) -> None:
    found = parse(text)
    assert found.values == expected
    assert found.unread == ()


def test_each_variable_has_the_line_of_its_value() -> None:
    text = '# one\nA=1\n\nB="x\ny"\nA=2\n'
    assert parse(text).lines == {"A": 6, "B": 4}


@pytest.mark.parametrize(
    ("text", "lines", "values"),
    [
        pytest.param("A=1\nhunter2\nB=2", (2,), {"A": "1", "B": "2"}, id="no ="),
        pytest.param("export A\n\n!\n", (1, 3), {}, id="no value, no name"),
        pytest.param(
            "A='1\n2'\n\n  ?\nB=2", (4,), {"A": "1\n2", "B": "2"}, id="after a value of two lines"
        ),
        pytest.param("A=x\0y", (1,), {}, id="NUL"),
    ],
)
def test_malformed_lines_are_reported_by_number(
    text: str, lines: tuple[int, ...], values: dict[str, str]
) -> None:
    found = parse(text)
    assert (found.unread, found.values) == (lines, values)
