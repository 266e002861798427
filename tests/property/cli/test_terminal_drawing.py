"""Laws of tables on terminals: no line is too wide, and no name is left out."""

import io
import re
import sys
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from portweave.cli import terminal_drawing
from portweave.cli.terminal_drawing import Drawing
from portweave.encoding.table_columns import GAP, Column, fit

# With wide characters, and with such as a terminal obeys.
TEXTS = st.text("ab1- .日本\t\n\x1b\u202eé[/", max_size=40)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@given(
    ranks=st.lists(st.integers(0, 4), min_size=1, max_size=8),
    natural=st.lists(st.integers(1, 60), min_size=8, max_size=8),
    elastic=st.sets(st.integers(0, 7)),
    room=st.integers(32, 200),
)
def test_columns_fit_and_those_of_rank_0_stay(
    ranks: list[int], natural: list[int], elastic: set[int], room: int
) -> None:
    columns = [Column("X", rank, elastic=index in elastic) for index, rank in enumerate(ranks)]
    found = fit(columns, natural[: len(ranks)], room)
    assert sum(width for _, width in found) + GAP * (len(found) - 1) <= room
    assert {index for index, rank in enumerate(ranks) if rank == 0} <= {i for i, _ in found}
    assert all(2 <= width <= natural[index] or width == natural[index] for index, width in found)
    # A column that fits beside the others is not left out.
    left = room - sum(width + GAP for _, width in found)
    missing = set(range(len(ranks))) - {index for index, _ in found}
    assert all(natural[index] > left for index in missing)


def drawn(width: int, rows: list[tuple[tuple[str, ...], list[tuple[str]]]]) -> str:
    columns = (Column("NAME"), Column("VALUE", elastic=True), Column("URL", rank=1))
    stream = io.StringIO()
    with (
        patch.object(terminal_drawing, "terminal_width", return_value=width),
        patch.object(sys, "stdout", stream),
    ):
        Drawing(no_color=False).table(columns, rows)
    return stream.getvalue()


@given(
    width=st.integers(10, 90),
    rows=st.lists(
        st.tuples(st.tuples(TEXTS, TEXTS, TEXTS), st.lists(st.tuples(TEXTS), max_size=2)),
        max_size=4,
    ),
)
def test_no_line_of_a_table_is_wider_than_the_terminal(
    width: int, rows: list[tuple[tuple[str, ...], list[tuple[str]]]]
) -> None:
    text = COLOURS.sub("", drawn(width, rows))
    assert text.endswith("\n")
    assert all(cell_len(line) <= width for line in text.split("\n"))
    assert "\x1b" not in text
    assert "\u202e" not in text


@given(width=st.integers(20, 90), name=st.text("ab1-日本", min_size=1, max_size=60))
def test_names_are_wrapped_and_never_cut(width: int, name: str) -> None:
    lines = COLOURS.sub("", drawn(width, [((name, "", ""), [])])).split("\n")[1:]
    assert "".join("".join(lines).split()).replace("-", "") == name.replace("-", "")


@given(
    text=st.text("ab ,日本", max_size=80).map(str.strip),
    width=st.integers(12, 40),
    indent=st.integers(0, 8),
    first=st.integers(0, 8),
)
def test_a_wrapped_text_keeps_its_words_and_its_indents(
    text: str, width: int, indent: int, first: int
) -> None:
    stream = io.StringIO()
    with (
        patch.object(terminal_drawing, "terminal_width", return_value=width),
        patch.object(sys, "stdout", stream),
    ):
        Drawing(no_color=True).text((text,), indent=indent, first=first)
    begin, *others = stream.getvalue().split("\n")[:-1]
    assert all(cell_len(line) <= width for line in (begin, *others))
    assert not text or begin.startswith(" " * first)
    assert all(line.startswith(" " * indent) and line.strip() for line in others)
    assert "".join("".join((begin, *others)).split()) == "".join(text.split())
