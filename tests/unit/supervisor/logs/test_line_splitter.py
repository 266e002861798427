"""Bytes in any pieces become whole lines, and lines are made safe for their reader."""

import tracemalloc
from collections.abc import Callable, Iterable

import pytest

from portweave.supervisor.logs.line_splitter import (
    CUT_MARK,
    LastLines,
    LineSplitter,
    for_pipe,
    for_terminal,
    plain_text,
    with_prefix,
    without_colour,
)

WHOLE: Callable[[bytes], Iterable[bytes]] = lambda data: [data]  # noqa: E731
PIECES: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "whole": WHOLE,
    "a byte at a time": lambda data: [data[i : i + 1] for i in range(len(data))],
    "three bytes at a time": lambda data: [data[i : i + 3] for i in range(0, len(data), 3)],
}

# The chunks, the lines they complete, and what is left for the end.
SPLITS = {
    "nothing": (b"", b"", b""),
    "one line": (b"one\n", b"one\n", b""),
    "two lines": (b"one\ntwo\n", b"one\ntwo\n", b""),
    "a line that has not ended": (b"one\ntwo", b"one\n", b"two\n"),
    "no line that has ended": (b"one", b"", b"one\n"),
    "empty lines": (b"\n\n\n", b"\n\n\n", b""),
    "a carriage return is no end": (b"10%\r20%\r\ndone\r", b"10%\r20%\r\n", b"done\r\n"),
    "bytes that are no text": (b"\xff\x00\n\x80", b"\xff\x00\n", b"\x80\n"),
    "other ends of lines are none": (b"a\x0bb\x0cc\xc2\x85d\n", b"a\x0bb\x0cc\xc2\x85d\n", b""),
}


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("pieces", PIECES)
def test_lines_come_out_whole_however_they_come_in(name: str, pieces: str) -> None:
    data, lines, rest = SPLITS[name]
    splitter = LineSplitter()
    assert b"".join(splitter.feed(piece) for piece in PIECES[pieces](data)) == lines
    assert splitter.pending is bool(rest)
    assert splitter.close() == rest
    assert not splitter.pending


@pytest.mark.parametrize("name", SPLITS)
def test_what_comes_behind_is_left_for_later(name: str) -> None:
    data, lines, rest = SPLITS[name]
    splitter = LineSplitter()
    found = splitter.feed(data + b"\nmore")
    assert found == lines + (rest or b"\n")
    assert splitter.close() == b"more\n"


def test_every_piece_that_comes_out_ends_with_a_newline() -> None:
    splitter = LineSplitter()
    found = [splitter.feed(piece) for piece in (b"a", b"b\nc", b"d", b"\n", b"e\nf\ng")]
    assert found == [b"", b"ab\n", b"", b"cd\n", b"e\nf\n"]


def test_a_beginning_that_was_looked_at_is_taken() -> None:
    splitter = LineSplitter()
    splitter.feed(b"name? ")
    assert splitter.take_pending() == b"name? "
    assert not splitter.pending
    assert splitter.feed(b"bob\n") == b"bob\n"
    assert splitter.take_pending() == b""


def test_a_line_that_is_too_long_is_cut_with_a_mark() -> None:
    splitter = LineSplitter(limit_bytes=10)
    assert splitter.feed(b"0123456789") == b""
    assert splitter.feed(b"a") == b"0123456789a" + CUT_MARK + b"\n"
    assert splitter.feed(b"bc\nd") == b"bc\n"
    assert splitter.close() == b"d\n"


@pytest.mark.parametrize("pieces", PIECES)
def test_a_line_that_never_ends_costs_no_more_than_the_limit(pieces: str) -> None:
    splitter = LineSplitter(limit_bytes=100)
    held = longest = 0
    for piece in PIECES[pieces](b"x" * 1000):
        held += len(piece) - splitter.feed(piece).count(b"x")
        longest = max(longest, held)
    assert longest <= (100 if pieces != "whole" else 1000)


def test_the_last_lines_are_kept() -> None:
    last = LastLines(count=3)
    last.feed(b"1\n2\n")
    last.feed(b"3\n4\n5\n")
    assert last.lines() == ["3", "4", "5"]
    assert last.lines(2) == ["4", "5"]
    last.clear()
    assert last.lines() == []


def test_fewer_lines_than_are_asked_for_are_all() -> None:
    last = LastLines(count=3)
    last.feed(b"1\n\n")
    assert last.lines() == ["1", ""]


def test_last_lines_are_cut_and_shown_as_plain_text() -> None:
    last = LastLines(count=2, longest_bytes=12)
    last.feed(b"\x1b[31mred\x1b[0m\n")
    last.feed(b"0123456789abcdef\n")
    assert last.lines() == ["red", "0123456789ab"]


def test_last_lines_of_a_flood_cost_bounded_memory() -> None:
    last = LastLines(count=3, longest_bytes=100)
    tracemalloc.start()
    try:
        for number in range(1000):
            last.feed(b"%d\n" % number * 500)
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()
    assert last.lines() == ["999", "999", "999"]


# A service's output; on a terminal with colours; as text, which equals it without colours.
TERMINAL: dict[str, tuple[bytes, bytes, str]] = {
    "plain": (b"hello\tyou", b"hello\tyou", "hello\tyou"),
    "empty": (b"", b"", ""),
    "not ASCII": ("größer → 日本".encode(), "größer → 日本".encode(), "größer → 日本"),
    "a colour ends with its line": (b"\x1b[31mred", b"\x1b[31mred\x1b[0m", "red"),
    "colours": (
        b"\x1b[1;38:5:9mred\x1b[0m x",
        b"\x1b[1;38:5:9mred\x1b[0m x\x1b[0m",
        "red x",
    ),
    "clear the screen": (b"\x1b[2J\x1b[3J\x1b[Hready", b"ready", "ready"),
    "clear it the short way": (b"\x1bcready", b"ready", "ready"),
    "the alternate screen": (b"\x1b[?1049hx\x1b[?1049l", b"x", "x"),
    "the cursor": (b"\x1b[5;5Hx\x1b[10Ay\x1b[Kz\x1b7\x1b8", b"xyz", "xyz"),
    "questions to the terminal": (b"\x1b[6n\x1b[c\x1b]11;?\x07x", b"x", "x"),
    "a title": (b"\x1b]0;title\x07x\x1b]2;t\x1b\\y", b"xy", "xy"),
    "a title without an end": (b"x\x1b]0;title", b"x", "x"),
    "a device control string": (b"\x1bPq#0\x1b\\x", b"x", "x"),
    "an escape at the end": (b"x\x1b", b"x", "x"),
    "a sequence without an end": (b"x\x1b[31", b"x[31", "x[31"),
    "an escape in a sequence": (b"\x1b[3\x1b[31mx", b"[3\x1b[31mx\x1b[0m", "[3x"),
    "control bytes": (b"a\x07b\x00c\x7f\x08", rb"a\x07b\x00c\x7f\x08", r"a\x07b\x00c\x7f\x08"),
    "eight-bit controls": ("\x9b31mx".encode(), rb"\x9b31mx", r"\x9b31mx"),
    "bytes that are no text": (b"\xff\x9b31m\xc3", rb"\xff\x9b31m\xc3", r"\xff\x9b31m\xc3"),
    "a line that was rewritten": (b"10%\r50%\r100%", b"100%", "100%"),
    "rewritten, with a return at the end": (b"10%\r100%\r", b"100%", "100%"),
    "only returns": (b"\r\r", b"", ""),
    "other character sets": (b"\x1b(0qqq\x1b(B\x0e\x0f", rb"qqq\x0e\x0f", r"qqq\x0e\x0f"),
}


@pytest.mark.parametrize("name", TERMINAL)
def test_a_terminal_gets_what_cannot_harm_it(name: str) -> None:
    line, coloured, text = TERMINAL[name]
    assert for_terminal(line + b"\n", colour=True) == coloured + b"\n"
    assert for_terminal(line + b"\n", colour=False) == text.encode() + b"\n"
    assert plain_text(line) == text


@pytest.mark.parametrize("name", TERMINAL)
def test_a_line_does_not_change_how_its_neighbours_are_shown(name: str) -> None:
    line, coloured, _ = TERMINAL[name]
    assert (
        for_terminal(b"before\n" + line + b"\nafter\n", colour=True)
        == b"before\n" + coloured + b"\nafter\n"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"hello\n", b"hello\n", id="plain"),
        pytest.param(b"\xff\x00\x07\r\n", b"\xff\x00\x07\r\n", id="any bytes"),
        pytest.param(b"\x1b[31mred\x1b[0m\n", b"\x1b[31mred\x1b[0m\n", id="colours"),
        pytest.param(b"\x1b[Kx\x1b[2Ky\n", b"\x1b[Kx\x1b[2Ky\n", id="clear a line"),
        pytest.param(b"\x1b]8;;http://x\x07y\n", b"\x1b]8;;http://x\x07y\n", id="a link"),
        pytest.param(b"\x1b[2J\x1b[3J\x1b[Hx\n", b"x\n", id="clear and home"),
        pytest.param(b"\x1b[Jx\x1b[0Jy\n", b"xy\n", id="clear below"),
        pytest.param(b"\x1b[1;1Hx\x1b[5fy\n", b"xy\n", id="to a place"),
        pytest.param(b"\x1b[?1049hx\x1b[?47l\x1b[?1047hy\n", b"xy\n", id="alternate screen"),
        pytest.param(b"\x1bcx\n", b"x\n", id="reset"),
        pytest.param(b"\x1b[!px\n", b"x\n", id="soft reset"),
        pytest.param(b"a\n\x1b[2J\nb\n", b"a\n\nb\n", id="lines stay"),
    ],
)
def test_a_pipe_gets_all_but_what_clears_a_screen(data: bytes, expected: bytes) -> None:
    assert for_pipe(data) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"a\n", b"p| a\n"),
        (b"a\nb\n", b"p| a\np| b\n"),
        (b"\n\n", b"p| \np| \n"),
        (b"a\r\n", b"p| a\r\n"),
    ],
)
def test_each_line_gets_its_prefix(lines: bytes, expected: bytes) -> None:
    assert b"".join(with_prefix(b"p| ", lines)) == expected


def test_without_colours_a_sequence_that_never_ends_takes_its_own_line_alone() -> None:
    assert without_colour(b"a \x1b]0;title\nb \x1b[31mred\x1b[0m\n") == b"a \nb red\n"
