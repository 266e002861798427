import pytest

from portweave.top.list_columns import GAP, INDENT, Column, aligned, columns_for


@pytest.mark.parametrize(
    ("width", "keys"),
    [
        (20, "name state"),
        (40, "name state port cpu"),
        (59, "name state port age restarts cpu memory"),
        (74, "name state port age restarts cpu memory"),
        (79, "name state port age restarts cpu cpu_bar memory memory_bar"),
        (120, "name state port url age restarts cpu cpu_bar memory memory_bar"),
    ],
)
def test_the_least_important_columns_go_first(width: int, keys: str) -> None:
    found = columns_for(width, 8, 30)
    assert " ".join(column.key for column in found) == keys
    used = INDENT + sum(column.width for column in found) + GAP * (len(found) - 1)
    assert used <= max(width, 25)


def test_names_grow_before_urls() -> None:
    widths = {one.key: one.width for one in columns_for(120, 40, 60)}
    assert (widths["name"], widths["url"]) == (36, 18)
    widths = {one.key: one.width for one in columns_for(200, 40, 60)}
    assert (widths["name"], widths["url"]) == (40, 60)
    assert "url" not in {one.key for one in columns_for(200, 40, 0)}


def test_a_cell_has_the_width_of_its_column() -> None:
    assert aligned("ab", Column("x", "", 4)) == "ab  "
    assert aligned("ab", Column("x", "", 4, is_right=True)) == "  ab"
    assert aligned("日本語", Column("x", "", 4)) == "日… "
