"""Blank lines that clear a screen are left out, and all others are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.supervisor.logs.screen_clear import BlankLines

HOME = b"\x1b[1;1H\x1b[0J"
VITE = b"\n" * 41 + HOME + b"\n  VITE v7.1.0  ready in 300 ms\n\n"


def shown(*chunks: bytes) -> bytes:
    blank_lines = BlankLines()
    return b"".join(map(blank_lines.feed, chunks)) + blank_lines.close()


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([VITE], HOME + b"\n  VITE v7.1.0  ready in 300 ms\n\n", id="Vite"),
        pytest.param([b"\n" * 41, HOME + b"x\n"], HOME + b"x\n", id="in two chunks"),
        pytest.param([b"a\n\n", b"\n\x1b[Hx\n"], b"a\n\x1b[Hx\n", id="behind a line"),
        pytest.param([b"\n\n\x1b[32m\x1b[H\n"], b"\x1b[32m\x1b[H\n", id="a colour before it"),
        pytest.param([b"\n\n\x1b[5;1Hx\n"], b"\n\n\x1b[5;1Hx\n", id="another place"),
        pytest.param([b"a\n\n\nb\n"], b"a\n\n\nb\n", id="ordinary blank lines"),
        pytest.param([b"a\n\n", b"b\n"], b"a\n\nb\n", id="ordinary blank lines, cut"),
        pytest.param([b"\n" * 2000, b"\x1b[Hx\n"], b"\n" * 2000 + b"\x1b[Hx\n", id="too many"),
    ],
)
def test_blank_lines_before_a_cursor_home_are_left_out(
    chunks: list[bytes], expected: bytes
) -> None:
    assert shown(*chunks) == expected


def test_blank_lines_are_held_until_the_next_line() -> None:
    blank_lines = BlankLines()
    assert blank_lines.feed(b"a\n\n\n") == b"a\n"
    assert blank_lines.before(b"prompt> ") == b"\n\n"
    assert blank_lines.feed(b"\n") == b""
    assert blank_lines.before(HOME) == b""
    assert blank_lines.close() == b""


@given(st.lists(st.sampled_from([b"\n", b"\n\n", b"a\n", b"b c\n"])))
def test_nothing_else_is_changed(chunks: list[bytes]) -> None:
    assert shown(*chunks) == b"".join(chunks)
