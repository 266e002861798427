import pytest

from portweave.top.action_rules import (
    Command,
    Refusal,
    command_for,
    services_to_explain,
)
from portweave.top.stack_rows import Service, Stack

WEB = Service("a", "web", "ready", pid=7)
API = Service("a", "api", "failed")
SHOP = Stack("a", "shop", "main", "/shop", (WEB, API))
IDLE = Stack("b", "blog", "main", "/blog", is_running=False)


@pytest.mark.parametrize(
    ("action", "service", "words"),
    [
        ("restart", WEB, ("restart", "web")),
        ("restart", None, ("restart",)),
        ("toggle", WEB, ("stop", "web")),
        ("toggle", API, ("start", "api")),
        ("kill", WEB, ("kill", "web")),
        ("open", WEB, ("open", "web")),
        ("attach", WEB, ("attach", "web")),
        ("why", API, ("why", "api")),
        ("environment", API, ("ask", "supervisor/environment", "api")),
        ("up", API, ("up",)),
        ("down", WEB, ("down",)),
    ],
)
def test_an_action_is_a_command(
    action: str, service: Service | None, words: tuple[str, ...]
) -> None:
    found = command_for(action, SHOP, service)
    assert isinstance(found, Command)
    assert found.words == words
    # What ends something that does not come back by itself is asked for first.
    assert bool(found.question) == (action in ("down", "kill") or words == ("restart",))


@pytest.mark.parametrize(
    ("action", "stack", "service", "text"),
    [
        ("kill", SHOP, API, "api does not run"),
        ("attach", SHOP, API, "api does not run"),
        ("kill", SHOP, None, "shop/main is a stack"),
        ("environment", SHOP, None, "shop/main is a stack"),
        ("restart", IDLE, None, "no stack runs in blog/main"),
        ("down", IDLE, None, "no stack runs in blog/main"),
    ],
)
def test_what_makes_no_sense_is_refused(
    action: str, stack: Stack, service: Service | None, text: str
) -> None:
    found = command_for(action, stack, service)
    assert isinstance(found, Refusal)
    assert found.text == text


def test_a_worktree_without_a_stack_can_be_started() -> None:
    assert command_for("up", IDLE, None) == Command(("up",), "starting blog/main")


def test_the_question_names_what_ends() -> None:
    many = tuple(Service("a", f"s{n}", "ready") for n in range(9))
    asked = [
        command_for("down", Stack("a", "p", "n", "/", services), None)
        for services in ((), (WEB,), many)
    ]
    assert [found.detail for found in asked if isinstance(found, Command)] == [
        "None of its services runs.",
        "web ends.",
        "s0, s1, s2, s3, s4, s5 and 3 more end.",
    ]


def test_why_explains_the_selected_service_or_those_in_trouble() -> None:
    assert services_to_explain(SHOP, WEB) == ("web",)
    assert services_to_explain(SHOP, None) == ("api",)
    assert services_to_explain(IDLE, None) == ()
