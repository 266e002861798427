"""Overrides of ports in .env files: npm portweave's grammar and its extensions."""

import pytest

from portweave.errors import DotenvError
from portweave.procfiles.overrides import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("A=1\nB=2\n", {"A": "1", "B": "2"}, id="two"),
        pytest.param("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}, id="CRLF"),
        pytest.param("\ufeffA=1", {"A": "1"}, id="byte order mark"),
        pytest.param("# A=1\n\n  B=2  ", {"B": "2"}, id="comments, blanks"),
        pytest.param("A=", {"A": ""}, id="nothing"),
        pytest.param("A=1\nA=2", {"A": "2"}, id="the last wins"),
        pytest.param("A=a=b", {"A": "a=b"}, id="equals in the value"),
        pytest.param("A= b", {"A": " b"}, id="a blank after = is kept, as with npm"),
        pytest.param("A = b", {"A": "b"}, id="blanks around ="),
        pytest.param("export A=b", {"A": "b"}, id="export"),
        pytest.param("export  A = b", {"A": "b"}, id="export and blanks"),
        pytest.param("export=1", {"export": "1"}, id="a variable called export"),
        pytest.param("A='x y'", {"A": "x y"}, id="single quotes"),
        pytest.param('A="x\\ny"', {"A": "x\\ny"}, id="no escapes"),
        pytest.param('A="a" "b"', {"A": 'a" "b'}, id="quotes at both ends, as with npm"),
        pytest.param('A="4000" # c', {"A": "4000"}, id="a comment after quotes"),
        pytest.param("A='a # b' # c", {"A": "a # b"}, id="a comment after quotes with #"),
        pytest.param('A="4000" x', {"A": '"4000" x'}, id="stray quotes are kept, as with npm"),
        pytest.param('A="4000"#c', {"A": '"4000"#c'}, id="no blank before #"),
        pytest.param("A=b # c", {"A": "b"}, id="a comment"),
        pytest.param("A=b\u00a0# c", {"A": "b"}, id="a comment after another kind of blank"),
        pytest.param("A=b#c", {"A": "b#c"}, id="# inside"),
        pytest.param("A= # x", {"A": ""}, id="a comment alone"),
        pytest.param("A=#x", {"A": "#x"}, id="# at the start"),
        pytest.param('A="', {"A": '"'}, id="one quote"),
        pytest.param('A="a\nb c"\nB=1', {"A": "a\nb c", "B": "1"}, id="two lines"),
        pytest.param("A='a\n\n  b c'  # x\nB=1", {"A": "a\n\n  b c", "B": "1"}, id="and a comment"),
        pytest.param('A="a\r\nb c"\r\n', {"A": "a\nb c"}, id="two lines that end in CRLF"),
        pytest.param('A = "a\n--b\nX=1"', {"A": "a\n--b\nX=1"}, id="several lines, blanks around"),
        pytest.param('A="a\nB="b"', {"A": '"a', "B": "b"}, id="lines that are valid by themselves"),
        pytest.param('A="a\nB=b', {"A": '"a', "B": "b"}, id="a quote that does not close"),
        pytest.param("A=${B} $(c)", {"A": "${B} $(c)"}, id="nothing is expanded"),
    ],
)
def test_variables_are_read(text: str, expected: dict[str, str]) -> None:
    assert read(text, "/p/.env", {"A", "B", "X", "export"}) == expected


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        pytest.param("B=1\nA hunter2\n", 2, "no NAME=value", id="no ="),
        pytest.param("A: hunter2", 1, "no NAME=value", id="a colon"),
        pytest.param("export A", 1, "no NAME=value", id="export alone"),
        pytest.param("set A=hunter2", 1, "no NAME=value", id="set"),
        pytest.param("$A=hunter2", 1, "no NAME=value", id="a dollar sign"),
        pytest.param("A=x\rhunter2", 1, "A", id="CR inside"),
        pytest.param("A=x\u2028hunter2", 1, "A", id="a line separator inside"),
        pytest.param("A=x\0hunter2", 1, "A: NUL", id="NUL"),
    ],
)
def test_an_error_names_a_malformed_line_without_its_value(text: str, line: int, name: str) -> None:
    with pytest.raises(DotenvError) as caught:
        read(text, "/p/.env", {"A"})
    error = caught.value
    assert error.code == "PW0502"
    assert error.message.startswith(f"malformed .env line {line}: {name}")
    assert error.facts == {"file": "/p/.env", "line": line, "column": 1}
    assert "hunter2" not in str(error.as_json())


@pytest.mark.parametrize(
    "text",
    ["hunter2", "1A=x", "B C=A", "B: A", "=A", "B=x\0", "B=x\ry", '{"B": 1, "C": "A"}'],
)
def test_malformed_lines_of_other_variables_are_ignored(text: str) -> None:
    assert read(f"{text}\nA=1", "/p/.env", {"A"}) == {"A": "1"}
