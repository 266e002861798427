"""Parse Procfiles: processes and errors."""

import pytest

from portweave.errors import DefinitionsInvalidError
from portweave.procfiles.procfile import parse


def commands(text: str) -> dict[str, str]:
    return {process.name: process.command for process in parse(text, "/p/Procfile", "Procfile")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("web: npm start\n", {"web": "npm start"}, id="one"),
        pytest.param("web: npm start", {"web": "npm start"}, id="no newline at the end"),
        pytest.param("web:npm start", {"web": "npm start"}, id="no blank after the colon"),
        pytest.param("  web:\tnpm start  \n", {"web": "npm start"}, id="blanks around"),
        pytest.param("web: a\r\napi: b\r\n", {"web": "a", "api": "b"}, id="CRLF"),
        pytest.param("# x: y\n\n  # z\nweb: a", {"web": "a"}, id="comments and blank lines"),
        pytest.param(
            "web: echo a: b # c", {"web": "echo a: b # c"}, id="the shell parses the command"
        ),
        pytest.param("my_api-2: a\nWEB: b", {"my_api-2": "a", "WEB": "b"}, id="names are kept"),
        pytest.param("", {}, id="empty"),
    ],
)
def test_processes_are_read(text: str, expected: dict[str, str]) -> None:
    assert commands(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("web npm start", 1, "not a comment", id="no colon"),
        pytest.param("web: a\n\nnonsense\n", 3, "not a comment", id="third line"),
        pytest.param("web : a", 1, "not a comment", id="blank before the colon"),
        pytest.param("wéb: a", 1, "not a comment", id="a name with another letter"),
        pytest.param("web.1: a", 1, "not a comment", id="a name with a dot"),
        pytest.param(": a", 1, "not a comment", id="no name"),
        pytest.param("web:", 1, '"web" has no command', id="no command"),
        pytest.param("web: a\nweb: b", 2, "already defined on line 1", id="twice"),
        pytest.param("web: a\0b", 1, "NUL", id="NUL in a command"),
        pytest.param("web: a\rapi: b", 1, "carriage return", id="a carriage return as line end"),
        pytest.param("\ufeffweb: a", 1, "byte order mark", id="byte order mark"),
    ],
)
def test_a_malformed_line_is_an_error_with_its_number(text: str, line: int, words: str) -> None:
    with pytest.raises(DefinitionsInvalidError, match=words) as caught:
        commands(text)
    assert caught.value.code == "PW0102"
    assert caught.value.facts["line"] == line
    assert caught.value.message.startswith(f"Procfile:{line}: ")


def test_the_error_names_all_malformed_lines() -> None:
    with pytest.raises(DefinitionsInvalidError) as caught:
        commands("a\nweb: b\nc\n")
    assert [line.split(":")[1] for line in caught.value.message.splitlines()] == ["1", "3"]


def test_release_and_console_start_only_on_request() -> None:
    processes = parse("web: a\nrelease: b\nconsole: c", "/p/Procfile", "Procfile")
    assert [process.on_request for process in processes] == [False, True, True]


def test_a_process_has_an_origin() -> None:
    (process,) = parse("# x\n  web: a", "/p/Procfile", "Procfile")
    assert (process.origin.path, process.origin.line, process.origin.column) == (
        "/p/Procfile",
        2,
        3,
    )
