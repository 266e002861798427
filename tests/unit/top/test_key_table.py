import pytest
from rich.cells import cell_len

from portweave.top.key_table import LIST_KEYS, LOG_KEYS, KeyRow, help_lines


@pytest.mark.parametrize("table", [LIST_KEYS, LOG_KEYS])
def test_no_key_does_two_things(table: tuple[KeyRow, ...]) -> None:
    keys = [key for row in table for key in row.keys.split(",")]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("of_log", [True, False])
@pytest.mark.parametrize("width", [40, 70, 100])
def test_the_help_has_all_keys_and_fits(of_log: bool, width: int) -> None:
    lines = help_lines(width, of_log=of_log)
    table = LOG_KEYS if of_log else LIST_KEYS
    assert {row.shown for row in table} <= {keys.strip() for keys, _ in lines}
    assert all(cell_len(keys + about) <= width for keys, about in lines)
