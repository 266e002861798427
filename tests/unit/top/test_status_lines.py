import pytest
from rich.cells import cell_len

from portweave.top.key_table import LIST_KEYS
from portweave.top.list_columns import columns_for
from portweave.top.list_lines import Spans
from portweave.top.stack_rows import Service, Stack
from portweave.top.status_lines import (
    column_at,
    detail_spans,
    heading_spans,
    key_at,
    keys_spans,
    title_spans,
)

API = Service(
    "a", "api", "failed", "", 3000, "http://api.localhost", 2, 1.0, 7, 12.34, 1_500_000_000
)
SHOP = Stack("a", "shop", "main", "/src/shop", (API, Service("a", "web", "ready")))
IDLE = Stack("b", "blog", "main", "/src/blog", is_running=False)


def text(spans: Spans) -> str:
    return "".join(span.text for span in spans)


@pytest.mark.parametrize(
    ("width", "sought", "end"),
    [
        (100, "", "by cpu  cpu 12.3%  mem 1.5 GB"),
        (100, "web", "/web  by cpu  cpu 12.3%  mem 1.5 GB"),
        (60, "web", "/web  by cpu"),
    ],
)
def test_the_title_counts_what_runs(width: int, sought: str, end: str) -> None:
    found = text(title_spans([SHOP, IDLE], "cpu", sought, width))
    assert found.startswith("portweave  1 stack, 2 services, 1 in trouble")
    assert found.rstrip().endswith(end)


def test_a_narrow_title_leaves_out_the_program() -> None:
    found = text(title_spans([SHOP], "restarts", "", 50))
    assert found == "1 stack, 2 services, 1 in trouble      by restarts"
    assert text(title_spans([SHOP], "restarts", "", 36)).rstrip().endswith("in trouble")


def test_a_marked_title_fits_its_column() -> None:
    assert "RS▾" in text(heading_spans(columns_for(80), "restarts"))


def test_the_title_of_a_quiet_machine_names_no_trouble() -> None:
    assert "trouble," not in text(title_spans([], "name", "", 80))
    assert text(title_spans([], "name", "", 80)).startswith("portweave  0 stacks, 0 services")


def test_the_sorted_column_is_marked_and_found_by_a_click() -> None:
    columns = columns_for(80)
    shown = text(heading_spans(columns, "memory"))
    assert "MEM▾" in shown
    assert "CPU▾" not in shown
    found = {column_at(columns, x) for x in range(80)}
    assert {column.key for column in found if column} == {column.key for column in columns}
    place = column_at(columns, shown.index("MEM"))
    assert place is not None
    assert place.key == "memory"
    assert column_at(columns, 0) is None


@pytest.mark.parametrize(
    ("stack", "service", "shown"),
    [
        (None, None, ""),
        (SHOP, None, "shop/main · /src/shop"),
        (SHOP, API, "shop/main · api · http://api.localhost · pid 7 · 2 restarts"),
        (SHOP, Service("a", "db", "ready", port=5432), "shop/main · db · port 5432"),
    ],
)
def test_the_selection_is_told(stack: Stack | None, service: Service | None, shown: str) -> None:
    assert text(detail_spans(stack, service, 100)) == shown
    assert cell_len(text(detail_spans(stack, service, 20))) <= 20


@pytest.mark.parametrize("width", [0, 10, 40, 60, 80, 120, 300])
def test_keys_that_fit_are_shown_and_can_be_clicked(width: int) -> None:
    spans, shown = keys_spans(LIST_KEYS, width)
    assert cell_len(text(spans)) <= width
    assert {row for x in range(width) if (row := key_at(shown, x))} == set(shown)
    if width == 300:
        assert {row.action for row in shown} == {row.action for row in LIST_KEYS if row.label}
