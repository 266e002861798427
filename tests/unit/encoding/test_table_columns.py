"""Which columns a terminal has room for."""

import pytest

from portweave.encoding.table_columns import Column, fit

COLUMNS = (
    Column("NAME"),
    Column("STATE"),
    Column("PID", rank=3),
    Column("PORT", rank=1),
    Column("URL", rank=2),
)
NATURAL = (6, 5, 4, 5, 10)


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (None, [0, 1, 2, 3, 4]),
        (200, [0, 1, 2, 3, 4]),
        (38, [0, 1, 2, 3, 4]),
        (37, [0, 1, 3, 4]),
        (32, [0, 1, 3, 4]),
        # The URL does not fit, but the pid does.
        (31, [0, 1, 2, 3]),
        (26, [0, 1, 2, 3]),
        (25, [0, 1, 3]),
        (20, [0, 1, 3]),
        (19, [0, 1, 2]),
        (18, [0, 1]),
        (13, [0, 1]),
        (8, [0, 1]),
    ],
)
def test_columns_of_a_high_rank_are_left_out_first(room: int | None, shown: list[int]) -> None:
    assert [index for index, _ in fit(COLUMNS, NATURAL, room)] == shown


@pytest.mark.parametrize(
    ("natural", "elastic", "room", "widths"),
    [
        ((6, 5), (), 13, [6, 5]),
        ((6, 5), (), 12, [5, 5]),
        ((6, 5), (), 11, [4, 5]),
        ((30, 5), (), 20, [13, 5]),
        ((30, 30), (), 20, [9, 9]),
        ((5, 90, 8), (1,), 60, [5, 43, 8]),
        # It keeps 12, and then the others become narrower.
        ((20, 90, 20), (1,), 56, [20, 12, 20]),
        ((20, 90, 20), (1,), 50, [17, 12, 17]),
        ((20, 90, 20), (1,), 10, [2, 2, 2]),
    ],
)
def test_columns_that_stay_become_narrower_until_they_fit(
    natural: tuple[int, ...], elastic: tuple[int, ...], room: int, widths: list[int]
) -> None:
    columns = [Column("X", elastic=index in elastic) for index in range(len(natural))]
    assert [width for _, width in fit(columns, natural, room)] == widths


def test_a_table_without_columns_is_empty() -> None:
    assert fit((), (), 80) == ()
