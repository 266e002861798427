"""Properties of both parsers of .env files."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.errors import DotenvError
from portweave.procfiles import dotenv
from portweave.procfiles.dotenv import BLANKS
from portweave.procfiles.overrides import read

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
WORDS = ["A", "B1", "=", ": ", " ", '"', "'", "`", "\\", "\\n", "x", "export ", "\t", "é", "\r"]
LINES = st.lists(st.sampled_from([*WORDS, "#", " #"]), max_size=10).map("".join)
TEXTS = st.lists(LINES, max_size=5).map("\n".join)
WITHOUT_HASH = st.lists(st.sampled_from([*WORDS, "\n"]), max_size=25).map("".join)

_SPACE = "[" + re.escape(BLANKS) + "]"
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=([^\r\u2028\u2029]*)")
# The pattern of npm's dotenv 16, lib/main.js, with JavaScript's white space.
_NPM = re.compile(
    r"^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*\"(?:\\\"|[^\"])*\""
    r"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?(?:$|$)".replace(r"\s", _SPACE),
    re.MULTILINE | re.ASCII,
)


def npm_portweave(text: str) -> dict[str, str] | None:
    """The variables that npm portweave reads, by its described grammar; None for an error."""
    values: dict[str, str] = {}
    for raw in text.split("\n"):
        line = raw.strip(BLANKS)
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        name, rest = match.groups()
        if len(rest) >= 2 and rest[0] in "\"'" and rest[-1] == rest[0]:
            values[name] = rest[1:-1]
        else:
            values[name] = re.sub(_SPACE + r"+#.*\Z", "", rest, count=1, flags=re.DOTALL)
    return values


def npm_dotenv(text: str) -> dict[str, str]:
    """The variables that npm's dotenv reads."""
    values: dict[str, str] = {}
    for match in _NPM.finditer(re.sub(r"\r\n?", "\n", text)):
        value = (match[2] or "").strip(BLANKS)
        quote = value[:1]
        value = re.sub(r"^(['\"`])([\s\S]*)\1$", r"\2", value, flags=re.MULTILINE)
        if quote == '"':
            value = value.replace("\\n", "\n").replace("\\r", "\r")
        values[match[1]] = value
    return values


@given(text=TEXTS)
def test_a_file_that_npm_portweave_accepts_has_the_same_values(text: str) -> None:
    expected = npm_portweave(text)
    if expected is None:
        return
    found = read(text, "/p/.env", expected.keys())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # One exception: a comment after a quoted value is accepted here.
        if not re.fullmatch(r"(\"[^\"]*\"|'[^']*')", value):
            assert found[name] == value


@given(text=WITHOUT_HASH)
def test_a_file_without_comments_has_the_values_of_npm_dotenv(text: str) -> None:
    assert dotenv.parse(text).values == npm_dotenv(text)


@given(text=st.text())
def test_malformed_lines_are_nonempty_and_in_order(text: str) -> None:
    found = dotenv.parse(text)
    lines = re.sub(r"\r\n?", "\n", text).split("\n")
    assert all(lines[number - 1].strip(BLANKS) for number in found.unread)
    assert list(found.unread) == sorted(set(found.unread))


@given(values=st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=20)))
def test_a_value_in_quotes_reads_back(values: dict[str, str]) -> None:
    kept = {name: value for name, value in values.items() if not set(value) & set("'\r\0\\")}
    text = "".join(f"{name}='{value}'\n" for name, value in kept.items())
    assert dotenv.parse(text).values == kept


@given(
    secret=st.text(st.sampled_from("0123456789"), min_size=8, max_size=12), number=st.integers(0, 3)
)
def test_an_error_never_has_the_value(secret: str, number: int) -> None:
    line = ["A {}", "A B={}", "A: {}", "A={}\r{}"][number].format(secret, secret)
    with pytest.raises(DotenvError) as caught:
        read(line, "/p/.env", {"A"})
    assert secret not in str(caught.value.as_json())


@pytest.mark.parametrize("piece", ["\n", "A\n", 'A="\n', "A='\\'", " ", "A=\n\n", "export\n", "#"])
def test_reading_time_is_linear_in_the_length(piece: str) -> None:
    began_s = time.process_time()
    dotenv.parse(piece * 20_000)
    assert time.process_time() - began_s < 2
