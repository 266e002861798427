import pytest

from portweave.encoding.marks import ASCII, UNICODE
from portweave.encoding.text_style import render
from portweave.supervisor.logs.name_column import NameColumn

COLOURS = ("1", "2", "3")


def test_names_are_padded_and_coloured_by_service() -> None:
    column = NameColumn(["web", "web.2", "api"], COLOURS, UNICODE, is_short=True)
    assert column.label("web") == b"\x1b[1mweb   | \x1b[0m"
    assert column.label("web.2") == b"\x1b[1mweb.2 | \x1b[0m"
    assert column.label("api") == b"\x1b[2mapi   | \x1b[0m"


@pytest.mark.parametrize(
    ("is_short", "label"), [(True, b"checkout~rvice-1 | "), (False, b"checkout-service-1 | ")]
)
def test_long_names_are_cut_on_a_terminal_alone(*, is_short: bool, label: bytes) -> None:
    column = NameColumn(["checkout-service-1"], (), ASCII, is_short=is_short)
    assert column.label("checkout-service-1") == label


def test_the_worktree_before_a_name_is_cut_for_itself() -> None:
    name = "quickstart/fix-login-0a1b2c3d checkout-service-1"
    column = NameColumn([name, "shop/main web"], (), UNICODE, is_short=True)
    assert column.label(name) == "quicksta…a1b2c3d checkout…rvice-1 | ".encode()
    assert column.label("shop/main web") == b"shop/main web                     | "


def test_a_later_instance_widens_the_column_and_changes_no_colour() -> None:
    column = NameColumn(["web", "api"], COLOURS, UNICODE, is_short=True)
    assert column.label("api") == b"\x1b[2mapi | \x1b[0m"
    assert column.label("worker") == b"\x1b[3mworker | \x1b[0m"
    assert column.label("api") == b"\x1b[2mapi    | \x1b[0m"


def test_the_order_of_the_definitions_decides_about_colours() -> None:
    column = NameColumn((), COLOURS, UNICODE, is_short=True)
    column.add((), ["web", "api"])
    column.add(["api"])
    assert column.label("api") == b"\x1b[2mapi | \x1b[0m"


def test_a_line_of_portweave_begins_with_the_same_column() -> None:
    column = NameColumn(["web", "api.2"], COLOURS, UNICODE, is_short=True)
    assert render(column.head("web"), colour=True) == "\x1b[1mweb   \x1b[0m"
    assert render(column.head("web"), colour=False) + "|" == "web   |"
