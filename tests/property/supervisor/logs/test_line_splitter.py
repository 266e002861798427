"""Laws of lines, whatever bytes services print."""

import re

from hypothesis import given
from hypothesis import strategies as st

from portweave.supervisor.logs.line_splitter import (
    CUT_MARK,
    LastLines,
    LineSplitter,
    for_pipe,
    for_terminal,
    plain_text,
    with_prefix,
)

SGR = re.compile(rb"\x1b\[[0-9;:]*m")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Any bytes, and bytes that are likely to matter side by side.
ODD = st.sampled_from(
    [
        *(b"\n", b"\r", b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1bc", b"\x1b\\", b"\x07", b"["),
        *(b"2J", b"H", b"m", b"31", b";", b"?1049h", b"!p", b"0;t", b"\xc2", b"\x9b", b"\xff"),
        *("é→".encode(), b"\x00", b"\x7f", b"\t", b"word", b"\x1b[31m", b"\x1b[0m", b"\x1b[2J"),
    ]
)
DATA = st.binary(max_size=200) | st.lists(ODD, max_size=40).map(b"".join)
LINES = DATA.map(lambda data: data + b"\n")


@st.composite
def chunked(draw: st.DrawFn) -> list[bytes]:
    data = draw(DATA)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=20)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(chunked())
def test_chunks_do_not_matter_and_nothing_is_lost(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    splitter = LineSplitter()
    found = [splitter.feed(chunk) for chunk in chunks]
    assert all(lines.endswith(b"\n") for lines in found if lines)
    assert b"".join(found) == data[: data.rfind(b"\n") + 1]
    found.append(splitter.close())
    assert b"".join(found) == data + (b"" if data.endswith(b"\n") or not data else b"\n")


@given(chunked(), st.data())
def test_taking_an_incomplete_line_loses_nothing(chunks: list[bytes], data: st.DataObject) -> None:
    splitter = LineSplitter()
    found = b""
    for chunk in chunks:
        found += splitter.feed(chunk)
        if data.draw(st.booleans()):
            found += splitter.take_pending()
            assert not splitter.pending
    assert found + splitter.take_pending() == b"".join(chunks)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=60), st.integers(1, 100))
def test_a_splitter_holds_no_more_than_its_limit_and_a_chunk(
    chunks: list[bytes], limit_bytes: int
) -> None:
    splitter = LineSplitter(limit_bytes)
    mark = CUT_MARK + b"\n"
    taken = given_out = cuts = 0
    for chunk in chunks:
        lines = splitter.feed(chunk)
        # A chunk without a newline comes out with a mark only.
        is_cut = bool(lines) and b"\n" not in chunk
        assert lines.endswith(mark) or not is_cut
        cuts += is_cut
        taken += len(chunk)
        given_out += len(lines) - is_cut * len(mark)
        assert taken - given_out <= max(limit_bytes, len(chunk))
    given_out += len(splitter.take_pending())
    assert given_out == taken


@given(st.lists(LINES, max_size=20), st.integers(1, 5), st.integers(1, 80))
def test_the_last_lines_are_those_of_the_end(
    chunks: list[bytes], count: int, longest_bytes: int
) -> None:
    last = LastLines(count, longest_bytes)
    for chunk in chunks:
        last.feed(chunk)
    found = last.lines()
    lines = b"".join(chunks).split(b"\n")[:-1]
    assert len(found) <= count
    if all(len(line) < longest_bytes for line in lines):
        assert found == [plain_text(line) for line in lines[-count:]]


@given(LINES, st.booleans())
def test_a_terminal_gets_no_control_sequences_but_colours(lines: bytes, colour: bool) -> None:
    shown = for_terminal(lines, colour=colour)
    bare = SGR.sub(b"", shown) if colour else shown
    assert b"\x1b" not in bare
    assert not CONTROLS.search(bare.decode())  # the law includes that it is UTF-8


@given(LINES, st.booleans())
def test_a_terminal_gets_as_many_lines_as_there_are(lines: bytes, colour: bool) -> None:
    assert for_terminal(lines, colour=colour).count(b"\n") == lines.count(b"\n")


@given(LINES, LINES, st.booleans())
def test_each_line_is_shown_by_itself(one: bytes, other: bytes, colour: bool) -> None:
    """A colour, or a sequence without an end, does not reach into the next line."""
    together = for_terminal(one + other, colour=colour)
    assert together == for_terminal(one, colour=colour) + for_terminal(other, colour=colour)


@given(LINES)
def test_colours_end_with_their_line(lines: bytes) -> None:
    for line in for_terminal(lines, colour=True).split(b"\n"):
        assert not SGR.search(line) or line.endswith(b"\x1b[0m")


@given(LINES)
def test_harmless_text_for_a_terminal_is_unchanged(lines: bytes) -> None:
    plain = for_terminal(lines, colour=False)
    assert for_terminal(plain, colour=False) == for_terminal(plain, colour=True) == plain
    once = for_terminal(lines, colour=True)
    assert SGR.sub(b"", for_terminal(once, colour=True)) == SGR.sub(b"", once) == plain


@given(DATA.filter(lambda data: b"\n" not in data))
def test_plain_text_equals_terminal_text_without_colours(line: bytes) -> None:
    assert plain_text(line).encode() + b"\n" == for_terminal(line + b"\n", colour=False)


@given(LINES.filter(lambda lines: b"\x1b" not in lines))
def test_a_pipe_gets_lines_without_escapes_unchanged(lines: bytes) -> None:
    assert for_pipe(lines) == lines


NOT_OF_THE_SCREEN = st.sampled_from(
    [b"\x1b[31m", b"\x1b[0m", b"\x1b[K", b"\x1b[2K", b"\x1b[1A", b"\x1b]0;t\x07", b"\x1b[?25l"]
)
QUIET = st.lists(NOT_OF_THE_SCREEN | st.sampled_from([b"a", b"\n", b"\r", b"\xff", b"\x00"]))


@given(QUIET.map(b"".join))
def test_a_pipe_gets_sequences_that_leave_the_screen_alone_unchanged(lines: bytes) -> None:
    assert for_pipe(lines) == lines


@given(LINES)
def test_for_a_pipe_only_screen_sequences_are_removed(lines: bytes) -> None:
    piped = for_pipe(lines)
    assert piped.count(b"\n") == lines.count(b"\n")
    rest = iter(lines)
    assert all(byte in rest for byte in piped)  # the rest keeps its order
    for sequence in (b"\x1bc", b"\x1b[2J", b"\x1b[H", b"\x1b[?1049h"):
        if lines.count(b"\x1b") == 1:
            assert sequence not in piped


@given(st.binary(min_size=1).filter(lambda prefix: b"\n" not in prefix), LINES)
def test_prefixes_can_be_removed_again(prefix: bytes, lines: bytes) -> None:
    shown = b"".join(with_prefix(prefix, lines))
    assert shown.endswith(b"\n")
    assert b"".join(line.removeprefix(prefix) + b"\n" for line in shown[:-1].split(b"\n")) == lines
