import pytest

from portweave.supervisor.proxy.http.pages.error_pages import (
    IdleWorktree,
    Origin,
    ServiceFacts,
    broken,
    foreign,
    loop,
    not_up,
    not_yours,
    other_user,
    refused,
    secured,
    unknown,
    wrong_port,
)
from portweave.supervisor.proxy.http.pages.page import Page, State

NAME = "web.shop.localhost"
HTTP = Origin(1355)
FACTS = ServiceFacts(
    NAME,
    30_000,
    phase="starting",
    reason="exec: exit 1",
    since_s=12.4,
    output="listening soon",
    service="web",
    stack="shop/main",
    branch="fix",
    folder="/code/shop",
)


def commands_of(page: Page) -> list[str]:
    return [one.text for one in page.commands]


def groups_of(page: Page) -> list[tuple[str, list[str]]]:
    return [(group.title, [row.hostname for row in group.rows]) for group in page.groups]


@pytest.mark.parametrize(
    ("page", "status"),
    [
        (refused(400, "no host"), 400),
        (unknown(NAME, ["api.shop.localhost"], HTTP), 404),
        (foreign(), 404),
        (not_up(FACTS), 503),
        (wrong_port(FACTS, [8000]), 502),
        (broken(FACTS, "refused"), 502),
        (loop(NAME, 11), 508),
        (other_user(), 403),
        (not_yours(NAME), 403),
        (secured("a.localhost", b"/x", 443), 307),
    ],
    ids=lambda value: value.title if isinstance(value, Page) else str(value),
)
def test_each_failure_has_its_status(page: Page, status: int) -> None:
    assert page.status == status


def test_a_service_that_starts_is_shown_with_time_reason_output_and_commands() -> None:
    page = not_up(FACTS)
    assert page.title == f"{NAME} is not up yet"
    assert page.state == State("starting", 12.4)
    assert page.lines == ("Reason: exec: exit 1.", "Nothing listens on port 30000.")
    assert page.output == "listening soon"
    assert commands_of(page) == [
        "portweave why web --stack shop/main",
        "portweave logs web --stack shop/main",
    ]
    assert page.facts == (("Stack", "shop/main"), ("Branch", "fix"), ("Folder", "/code/shop"))
    assert page.reload_s == 1


@pytest.mark.parametrize("phase", ["stopped", "exited", "completed", "failed", "blocked"])
def test_a_service_that_does_not_start_by_itself_has_a_command_to_start_it(phase: str) -> None:
    page = not_up(ServiceFacts(NAME, 1, phase=phase, service="web"))
    assert page.title == f"{NAME} is not up"
    assert commands_of(page)[-1] == "portweave start web"
    # The user may start it at any time.
    assert page.reload_s == 1


def test_a_service_of_unknown_state_is_described_in_words() -> None:
    page = not_up(ServiceFacts(NAME, 1))
    assert page.state is None
    assert page.lines[0] == "It is registered, but it does not answer."
    assert page.commands == ()


def test_only_the_user_of_the_stack_sees_commands() -> None:
    assert not_up(ServiceFacts(NAME, 1, "failed", service="web", may_act=False)).commands == ()


def test_a_service_on_another_port_is_told_where_it_listens() -> None:
    page = wrong_port(FACTS, [8000, 8001])
    assert "it listens on 8000 and 8001." in page.lines[0]
    assert page.reload_s == 2
    assert page.output == "listening soon"


def test_a_broken_answer_does_not_reload() -> None:
    page = broken(FACTS, "it has closed the connection")
    assert page.lines == ("Port 30000: it has closed the connection.",)
    assert page.reload_s is None


def test_a_mistyped_name_gets_the_nearest_names_of_its_project_first() -> None:
    hosts = ["web.other.localhost", "api.shop.localhost", "web.shop.localhost", "db.shop.localhost"]
    page = unknown("wep.shop.localhost", hosts, HTTP)
    assert groups_of(page) == [
        ("Did you mean:", ["web.shop.localhost"]),
        ("Names of shop:", ["api.shop.localhost", "db.shop.localhost"]),
        ("Other names:", ["web.other.localhost"]),
    ]


def test_without_a_near_name_all_names_are_listed() -> None:
    page = unknown("c.localhost", ["a.localhost"], Origin(443, "https"))
    assert groups_of(page) == [("These are registered:", ["a.localhost"])]
    assert page.groups[0].rows[0].url == "https://a.localhost"
    assert commands_of(page) == ["portweave alias c PORT"]
    assert unknown("c.localhost", [], HTTP).lines == ("No routes are registered.",)


def test_a_long_list_of_names_is_counted() -> None:
    page = unknown("x.localhost", [f"name-{n}.localhost" for n in range(60)], HTTP)
    assert len(page.groups[0].rows) == 50
    assert page.groups[0].facts == ("and 10 more",)


def test_the_name_of_an_idle_worktree_comes_with_the_command_that_starts_it() -> None:
    idle = [IdleWorktree("/code/my shop", "shop.localhost"), IdleWorktree("/a\nb", "b.localhost")]
    assert commands_of(unknown(NAME, [], HTTP, idle)) == [
        "cd '/code/my shop' && portweave up",
        "portweave alias web.shop PORT",
    ]


def test_the_name_of_the_panel_comes_with_the_command_that_starts_it() -> None:
    page = unknown("portweave.localhost", [], HTTP)
    assert commands_of(page) == ["portweave panel"]


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("a.localhost", "https://a.localhost:1355/x"),
        ("a.localhost:80", "https://a.localhost:80/x"),
        ("[::1]", "https://[::1]:1355/x"),
    ],
)
def test_plain_http_is_redirected_to_the_same_url_by_https(host: str, location: str) -> None:
    assert secured(host, b"/x", 1355).location == location
