import pytest

from portweave.top.log_buffer import LogBuffer, LogLine, matches_in, without_tabs


def line(text: str) -> LogLine:
    return LogLine(0, "web", is_note=False, text=text, plain=text)


def rows(buffer: LogBuffer) -> list[str]:
    found: list[str] = []
    for number in range(buffer.first_row, buffer.end_row):
        row = buffer.row(number)
        assert row is not None
        found.append(buffer.line(row.line).plain[row.start : row.end])
    return found


def test_long_lines_are_wrapped_and_empty_ones_have_a_row() -> None:
    buffer = LogBuffer(100, 4)
    buffer.append(map(line, ["abcdefghij", "", "日本語"]))
    assert rows(buffer) == ["abcd", "efgh", "ij", "", "日本", "語"]
    assert [buffer.row_of(number) for number in range(3)] == [0, 3, 4]
    buffer.resize(20)
    assert rows(buffer) == ["abcdefghij", "", "日本語"]
    assert buffer.row(3) is None
    assert buffer.row(-1) is None


def test_dropped_lines_leave_the_numbers_of_others() -> None:
    buffer = LogBuffer(10, 4)
    buffer.append(line(f"line{n}") for n in range(12))
    kept = len(buffer)
    assert kept == 10
    assert buffer.first_row == 4
    assert rows(buffer)[:2] == ["line", "2"]
    assert buffer.line(2).plain == "line2"
    buffer.append([line("one more")])
    assert len(buffer) == 11


@pytest.mark.parametrize(
    ("start", "up", "found"), [(3, True, 2), (1, True, 0), (1, False, 2), (3, False, None)]
)
def test_a_search_goes_up_or_down(start: int, up: bool, found: int | None) -> None:
    buffer = LogBuffer(10)
    buffer.append(map(line, ["GET /cart", "x", "get it", "y"]))
    assert buffer.find("Get", start, up=up) == found
    assert buffer.count("GET") == 2
    assert buffer.find("", 0, up=False) is None
    assert buffer.count("") == 0
    assert LogBuffer(3).find("x", 0, up=True) is None


def test_matches_are_marked_whatever_their_case() -> None:
    assert matches_in("Cart, cart, CART", "cart") == [(0, 4), (6, 10), (12, 16)]
    assert matches_in("aaa", "aa") == [(0, 2)]
    assert matches_in("Straße", "strasse") == []
    assert matches_in("any", "") == []
    assert without_tabs("a\tb") == "a    b"
