"""What is printed for shells and for files comes back as it was, whatever it is."""

import os
import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portweave.planning.env_format import (
    as_dotenv,
    as_shell,
    is_identifier,
)
from portweave.procfiles.dotenv import parse
from portweave.procfiles.overrides import read

SHELLS = [shell for shell in ("sh", "dash", "bash", "zsh", "ksh") if shutil.which(shell)]
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).map(lambda name: f"V_{name}")
# Any bytes but NUL, and more often those that mean something to a shell.
BYTES = st.lists(
    st.sampled_from([bytes([n]) for n in b"'\"\\$`!#~*&;|()<>{}[]= \t\r\n"])
    | st.binary(min_size=1, max_size=3).map(lambda data: data.replace(b"\0", b"\1")),
    max_size=12,
).map(b"".join)
TEXTS = st.text(
    st.sampled_from("'\"\\$`#= \t\r\n\u2028ab")
    | st.characters(codec="utf-8", exclude_characters="\0")
)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=25, deadline=None)
@given(env=st.dictionaries(NAMES, BYTES, min_size=1, max_size=12))
@example(env={"V_all": bytes(range(1, 256))})
@example(env={"V_ends": b"'\n\n", "V_dash": b"\x81\x82\x88'", "V_sjis": b"\x83'\x5c'"})
def test_a_shell_that_evaluates_the_text_has_the_values(shell: str, env: dict[str, bytes]) -> None:
    text, left_out = as_shell({name: os.fsdecode(value) for name, value in env.items()})
    assert left_out == []
    done = subprocess.run(
        [shell, "-c", 'eval "$(cat)" && exec env -0'],
        input=os.fsencode(text),
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
        check=True,
    )
    pairs = [pair.partition(b"=") for pair in done.stdout.split(b"\0")]
    found = {os.fsdecode(name): value for name, _, value in pairs if name.startswith(b"V_")}
    assert found == env


@given(env=st.dictionaries(NAMES, TEXTS, max_size=6))
def test_a_file_reads_back_and_names_variables_that_it_cannot_hold(env: dict[str, str]) -> None:
    text, left_out = as_dotenv(env)
    assert parse(text).values == {
        name: value for name, value in env.items() if name not in left_out
    }
    assert set(left_out) <= set(env)


@given(value=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])))
def test_every_value_on_one_line_can_be_written(value: str) -> None:
    assert as_dotenv({"A": value})[1] == []


@given(value=st.text(" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~a1", min_size=1))
def test_both_readers_read_a_line_of_ascii_characters(value: str) -> None:
    line = as_dotenv({"A": value})[0]
    assert parse(line).values == read(line, "", {"A"}) == {"A": value}


@given(name=st.text(max_size=5))
def test_only_names_of_variables_are_written(name: str) -> None:
    text, left_out = as_shell({name: "x"})
    assert bool(text) is (is_identifier(name) and not left_out)
