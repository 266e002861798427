import pytest
from rich.cells import cell_len

from portweave.top.list_columns import columns_for
from portweave.top.list_lines import ListLine, ListView, list_lines
from portweave.top.stack_rows import Service, Stack

WEB = Service("a", "web", "ready", "", 3000, "http://web.localhost", 0, 100.0, 7, 50.0, 2_000_000)
API = Service("a", "api", "backoff", "exited (1)", restarts=3)
SHOP = Stack("a", "shop", "main", "/home/ada/src/shop", (API, WEB))


def lines(*stacks: Stack, width: int = 80, folded: frozenset[str] = frozenset()) -> list[ListLine]:
    view = ListView(columns_for(width, 8, 20), width, 280.0, folded, "/home/ada")
    return list_lines(stacks, view)


def texts(found: list[ListLine]) -> list[str]:
    return ["".join(span.text for span in line.spans).rstrip() for line in found]


def test_services_are_below_their_stack_and_reasons_below_their_service() -> None:
    found = lines(SHOP)
    assert texts(found) == [
        "▾ shop/main  ~/src/shop" + " " * 40 + "1 of 2 ready",
        " ↻ api          backoff                   3",
        "   └ exited (1)",
        " ● web          ready       3000    3m       50.0%  ━━━───     2 MB  ━━━━━━",
    ]
    assert [(line.item, line.is_head) for line in found] == [
        (("a", None), True),
        (("a", "api"), True),
        (("a", "api"), False),
        (("a", "web"), True),
    ]


@pytest.mark.parametrize("width", [10, 24, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    long = Service("a", "an-instance-with-a-very-long-name", "failed", "why " * 200, port=65535)
    stack = Stack("a", "project" * 5, "branch" * 5, "/src/" + "deep/" * 40, (long, WEB, API))
    found = lines(stack, Stack("b", "x", "y", "/z", problem="silent " * 50), width=width)
    assert all(cell_len(text) <= max(width, 25) for text in texts(found))


def test_a_reason_has_two_lines_at_most() -> None:
    service = Service("a", "api", "failed", "many words " * 40)
    found = texts(lines(Stack("a", "p", "n", "/", (service,))))
    assert len(found) == 4
    assert found[-1].endswith("…")


def test_the_next_try_is_counted_down() -> None:
    service = Service("a", "api", "backoff", "exited (1)", next_try_s=302.3)
    assert texts(lines(Stack("a", "p", "n", "/", (service,))))[-1] == (
        "   └ next try in 23 s: exited (1)"
    )


def test_a_folded_stack_has_one_line() -> None:
    assert texts(lines(SHOP, folded=frozenset({"a"})))[0].startswith("▸ shop/main")
    assert len(lines(SHOP, folded=frozenset({"a"}))) == 1


@pytest.mark.parametrize(
    ("stack", "summary", "role"),
    [
        (Stack("a", "p", "n", "/", (WEB,)), "1 of 1 ready", "good"),
        (SHOP, "1 of 2 ready", "backoff"),
        (Stack("a", "p", "n", "/", (Service("a", "x", "starting"),)), "0 of 1 ready", "starting"),
        (Stack("a", "p", "n", "/", (Service("a", "x", "stopped"),)), "0 of 1 ready", ""),
        (Stack("a", "p", "n", "/", is_known=False), "…", "dim"),
        (Stack("a", "p", "n", "/", problem="silent"), "does not answer", "failed"),
        (Stack("a", "p", "n", "/", is_running=False), "not running", "dim"),
    ],
)
def test_a_stack_is_summed_up(stack: Stack, summary: str, role: str) -> None:
    last = lines(stack)[0].spans[-1]
    assert (last.text, last.role) == (summary, role)


def test_names_and_reasons_cannot_control_the_terminal() -> None:
    stack = Stack("a", "p\x1b[2J", "n", "/\x07", (Service("a", "x\x9b", "failed", "\x1b]0;t"),))
    assert not any(
        char in text for text in texts(lines(stack)) for char in ("\x1b", "\x07", "\x9b")
    )
