import pytest

from portweave.supervisor.logs.filters import Grep
from portweave.supervisor.logs.index import OUT
from portweave.supervisor.logs.line_joiner import Block


def grep(pattern: str, *blocks: bytes, **options: object) -> list[str]:
    searching = Grep(pattern, **options)  # type: ignore[arg-type]
    found = searching.blocks([Block(1, 1, OUT, lines) for lines in blocks], searching.around())
    return b"".join(block.lines for block in found).decode().splitlines()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("two", ["two"]),
        ("^t", ["two", "three"]),
        ("e$", ["one", "three"]),
        (r"\Aone\Z", ["one"]),
        ("(?!two)o", ["one", "two"]),
        (r"e\s*t", []),
        ("", ["one", "two", "three", ""]),
    ],
)
def test_a_pattern_is_looked_for_line_by_line(pattern: str, expected: list[str]) -> None:
    assert grep(pattern, b"one\ntwo\nthree\n\n") == expected


def test_capitals_may_not_matter_and_the_others_may_be_wanted() -> None:
    assert grep("ONE", b"one\ntwo\n", ignore_case=True) == ["one"]
    assert grep("one", b"one\ntwo\n", invert=True) == ["two"]


def test_escape_sequences_do_not_come_between() -> None:
    assert grep("^red line$", b"\x1b[31mred\x1b[0m line\nblue\n") == ["\x1b[31mred\x1b[0m line"]
    assert grep("^café$", "café\n".encode()) == ["café"]


def test_lines_around_are_shown_once_each_also_over_blocks() -> None:
    lines = [b"%d\n" % n for n in range(20)]
    assert grep("^(3|4|12)$", *lines, context=2) == [
        *("1", "2", "3", "4", "5", "6"),
        *("--", "10", "11", "12", "13", "14"),
    ]
    assert grep("^(0|3)$", b"".join(lines), context=1) == ["0", "1", "2", "3", "4"]
