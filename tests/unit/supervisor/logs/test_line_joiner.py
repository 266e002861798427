from portweave.supervisor.logs.index import ERR, NOTE, OUT, START, Record
from portweave.supervisor.logs.line_joiner import Block, LineJoiner


def shown(blocks: list[Block]) -> list[tuple[int, int, int, bytes]]:
    return [(block.time_ns, block.run, block.kind, block.lines) for block in blocks]


def record(kind: int, time_ns: int, run: int = 1) -> Record:
    return Record(0, time_ns, 0, run, kind)


def test_a_line_gets_the_time_of_its_end() -> None:
    joiner = LineJoiner()
    assert joiner.feed(record(OUT, 1), b"a") == []
    assert shown(joiner.feed(record(OUT, 2), b"b\nc")) == [(2, 1, OUT, b"ab\n")]
    assert shown(joiner.pending()) == [(2, 1, OUT, b"c")]


def test_streams_are_joined_separately() -> None:
    joiner = LineJoiner()
    joiner.feed(record(OUT, 1), b"o")
    assert shown(joiner.feed(record(ERR, 2), b"e\n")) == [(2, 1, ERR, b"e\n")]
    assert shown(joiner.feed(record(OUT, 3), b"ut\n")) == [(3, 1, OUT, b"out\n")]


def test_a_new_run_ends_an_unfinished_line() -> None:
    joiner = LineJoiner()
    joiner.feed(record(OUT, 1), b"last")
    assert shown(joiner.feed(record(START, 2, run=2), b"")) == [(1, 1, OUT, b"last\n")]


def test_a_note_stands_between_lines() -> None:
    joiner = LineJoiner()
    joiner.feed(record(OUT, 1), b"cut")
    blocks = joiner.feed(record(NOTE, 2), b"\nmissing\n")
    assert shown(blocks) == [(2, 1, OUT, b"cut\n"), (2, 1, NOTE, b"missing\n")]


def test_the_beginning_before_the_first_chunk_needs_a_chunk() -> None:
    assert LineJoiner({OUT: b"early"}).close() == []
    assert LineJoiner({OUT: b"early"}, unended=True).close() != []
