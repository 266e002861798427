"""The newest output is held, from the beginning of a line; the rest is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.system.held_output import (
    CLEAR_LINE,
    HeldOutput,
    last_words,
)


@pytest.mark.parametrize(
    ("pieces", "skipped_lines", "kept"),
    [
        pytest.param([b"a\n", b"b\n"], 0, b"a\nb\n", id="all"),
        pytest.param([b"1234567\n", b"89\n"], 1, b"89\n", id="a piece of one line goes whole"),
        pytest.param([b"a\nb\nc\nd\ne\nf\n"], 2, b"c\nd\ne\nf\n", id="the end of a large piece"),
        pytest.param([b"x" * 20 + b"\n"], 1, b"", id="a line that is too long"),
    ],
)
def test_the_newest_is_kept(pieces: list[bytes], skipped_lines: int, kept: bytes) -> None:
    held = HeldOutput(8)
    for piece in pieces:
        held.put(piece)
    lines, left = held.drain()
    assert (lines, b"".join(left)) == (skipped_lines, kept)
    assert held.drain() == (0, [])


@given(st.lists(st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"") + b"\n"))))
def test_each_line_is_kept_or_counted(pieces: list[list[bytes]]) -> None:
    held = HeldOutput(16)
    for piece in pieces:
        held.put(b"".join(piece))
    skipped_lines, left = held.drain()
    lines = [line for piece in pieces for line in piece]
    assert b"".join(left) == b"".join(lines[skipped_lines:])
    assert sum(map(len, left)) <= 16


def test_portweaves_own_lines_are_kept_before_the_end() -> None:
    status = b"[portweave] stopping a"
    waiting = (
        b"a | 1\n[portweave] a failed\na | 2\n"
        + status
        + CLEAR_LINE
        + b"a | 3\n"
        + status
        + CLEAR_LINE
        + b"[portweave] a stopped\na | last\na | words\n"
    )
    assert last_words(waiting, 18) == (
        b"[portweave] 3 lines dropped: the reader of this output was too slow\n"
        b"[portweave] a failed\n[portweave] a stopped\na | last\na | words\n"
    )
    assert last_words(waiting, 1000) == waiting


@pytest.mark.parametrize(
    "own",
    [
        "\x1b[2m[portweave]\x1b[0m all ready",
        "api     ✗ exited (1)",
        "api x exited (1)",
        "\x1b[36mapi \x1b[0m\x1b[1;31m✗\x1b[0m \x1b[1;31mexited (1)\x1b[0m: no",
    ],
)
def test_coloured_lines_and_lines_in_the_column_of_a_service_are_portweaves_own(own: str) -> None:
    waiting = f"a | x 1\n{own}\n\x1b[36ma | \x1b[0m✗ 2\na | last\n".encode()
    assert last_words(waiting, 9).splitlines()[1:] == [own.encode(), b"a | last"]
