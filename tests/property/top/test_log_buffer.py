from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from portweave.top.log_buffer import LogBuffer, LogLine


def line(text: str) -> LogLine:
    return LogLine(0, "web", is_note=False, text=text, plain=text)


def rows(buffer: LogBuffer) -> list[str]:
    found: list[str] = []
    for number in range(buffer.first_row, buffer.end_row):
        row = buffer.row(number)
        assert row is not None
        found.append(buffer.line(row.line).plain[row.start : row.end])
    return found


@given(st.lists(st.text(max_size=12), max_size=20), st.integers(2, 9), st.integers(2, 9))
def test_rows_hold_all_of_each_line(texts: list[str], width: int, later: int) -> None:
    buffer = LogBuffer(100, width)
    buffer.append(map(line, texts))
    for new in (width, later):
        buffer.resize(new)
        assert "".join(rows(buffer)) == "".join(texts)
        assert all(cell_len(row) <= new for row in rows(buffer))
        assert buffer.end_row == len(rows(buffer))


@given(st.lists(st.text(max_size=9), max_size=40), st.integers(1, 9), st.integers(1, 30))
def test_pieces_do_not_matter(texts: list[str], piece: int, most: int) -> None:
    whole, pieces = LogBuffer(100, 5), LogBuffer(most, 5)
    whole.append(map(line, texts))
    for start in range(0, len(texts), piece):
        pieces.append(map(line, texts[start : start + piece]))
    shown = rows(pieces)
    assert pieces.end_row == whole.end_row
    assert rows(whole)[len(rows(whole)) - len(shown) :] == shown
