import pytest

from portweave.supervisor.proxy.http.pages.error_pages import Origin
from portweave.supervisor.proxy.http.pages.index_page import (
    NamedPort,
    StackSummary,
    index,
    is_index,
    projects_of,
    within,
)
from portweave.supervisor.proxy.http.pages.page import NameRow, State

NAMES = ["web.shop.localhost", "web.fix.shop.localhost", "blog.localhost", "web.other.localhost"]
ORIGIN = Origin(1355)
SHOP = StackSummary("shop", "main", "/code/shop", "main", {30_000: State("ready", 60)})
FIX = StackSummary("shop", "fix-1a2b3c4d", "/code/fix", "feature/login", is_silent=True)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("localhost", NAMES),
        ("shop.localhost", ["web.shop.localhost", "web.fix.shop.localhost"]),
        ("other.localhost", ["web.other.localhost"]),
        # An alias has no names below its own.
        ("blog.localhost", []),
        ("nobody.localhost", []),
        # A worktree's part of a name, or a service's: only a project has an index.
        ("fix.shop.localhost", []),
        ("op.localhost", []),
    ],
)
def test_an_index_has_the_names_of_its_project(name: str, inside: list[str]) -> None:
    assert within(name, NAMES) == inside
    assert is_index(name, NAMES) is bool(inside)


def test_the_index_of_all_names_exists_without_names() -> None:
    assert is_index("localhost", [])
    page = index("localhost", [], {}, ORIGIN)
    assert (page.status, page.groups) == (200, ())
    assert "No names are registered." in page.lines[0]


def test_the_panel_is_a_link_and_no_name_of_the_index() -> None:
    assert within("localhost", ["portweave.localhost"]) == []


def test_each_stack_is_a_group_with_its_branch_and_the_main_worktree_comes_first() -> None:
    names = [
        NamedPort("web.fix.shop.localhost", 30_010, 2),
        NamedPort("web.shop.localhost", 30_000, 1),
        NamedPort("blog.localhost", 8000),
    ]
    page = index("localhost", names, {1: SHOP, 2: FIX}, ORIGIN)
    assert [(group.title, group.facts, group.folder) for group in page.groups] == [
        ("shop / main:", (), "/code/shop"),
        (
            "shop / feature/login:",
            ("fix-1a2b3c4d", "its supervisor does not answer"),
            "/code/fix",
        ),
        ("Other names:", (), ""),
    ]
    url = "http://web.shop.localhost:1355"
    assert page.groups[0].rows == (NameRow("web.shop.localhost", url, State("ready", 60), 30_000),)
    assert page.groups[1].rows[0].state is None


def test_the_index_of_a_project_does_not_repeat_its_name() -> None:
    names = [NamedPort("web.shop.localhost", 30_000, 1)]
    page = index("shop.localhost", names, {1: SHOP}, ORIGIN)
    assert (page.title, page.groups[0].title) == ("Names of shop", "main:")


def test_projects_have_an_index_and_single_names_do_not() -> None:
    assert projects_of(NAMES) == ["shop.localhost", "other.localhost"]
