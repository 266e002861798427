"""Laws of files of variables."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.errors import DotenvError
from portweave.procfiles.dotenv import BLANKS, parse

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
LINES = st.lists(
    st.sampled_from(["A", "B1", "=", " ", '"', "'", "#", " #", "x", "export ", "\t", "é", "\r"]),
    max_size=10,
).map("".join)

_SPACE = "[" + re.escape(BLANKS) + "]"
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=([^\r\u2028\u2029]*)")


def npm(text: str) -> dict[str, str] | None:
    """What npm portweave reads, by the description of its grammar; None for an error."""
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


@given(text=st.lists(LINES, max_size=5).map("\n".join))
def test_what_npm_portweave_accepts_means_the_same(text: str) -> None:
    expected = npm(text)
    if expected is None:
        return
    found = parse(text, "/p/.env")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # But for the one thing that is accepted besides: a comment behind a quoted value.
        if not re.fullmatch(r"(\"[^\"]*\"|'[^']*')", value):
            assert found[name] == value


@given(values=st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=20)))
def test_what_is_written_in_quotes_reads_back(values: dict[str, str]) -> None:
    kept = {
        name: value for name, value in values.items() if not set(value) & set("'\r\n\0\u2028\u2029")
    }
    text = "".join(f"{name}='{value}'\n" for name, value in kept.items())
    assert parse(text, "/p/.env") == kept


@given(
    secret=st.text(st.sampled_from("0123456789"), min_size=8, max_size=12), number=st.integers(0, 3)
)
def test_a_value_is_never_printed(secret: str, number: int) -> None:
    line = ["{}", "A B={}", "1={}", "A={}\r{}"][number].format(secret, secret)
    with pytest.raises(DotenvError) as caught:
        parse(line, "/p/.env")
    assert secret not in str(caught.value.as_json())
