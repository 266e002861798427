import pytest

from portweave.top.stack_rows import (
    Service,
    Stack,
    apply_event,
    stack_of,
    worktrees_without_stack,
)


def test_a_stack_is_read_from_its_event() -> None:
    web = {
        "name": "web",
        "instance": 2,
        "state": "ready",
        "pid": 7,
        "port": 3000,
        "url": "http://web.localhost",
        "restarts": 1,
        "startedAt": "2026-01-01T00:00:00.000Z",
        "cpuPercent": 1.5,
        "rssBytes": 1000,
        "samples": [[1767225601.0, 2.5, 1000]],
    }
    api = {"name": "api", "instance": 1, "state": "failed", "lastError": "KeyError", "pid": None}
    job = {"name": "job", "state": "backoff", "nextTryAt": "2026-01-01T00:00:09.500Z"}
    found = stack_of(
        {
            "id": "x",
            "project": "shop",
            "namespace": "main",
            "worktreeRoot": "/shop",
            "problem": None,
            "isKnown": True,
            "services": [web, api, job],
        }
    )
    assert found == Stack(
        "x",
        "shop",
        "main",
        "/shop",
        (
            # The newest sample is newer than the row.
            Service(
                "x", "web.2", "ready", "", 3000, "http://web.localhost", 1, 1767225600, 7, 2.5, 1000
            ),
            Service("x", "api", "failed", "KeyError"),
            Service("x", "job", "backoff", next_try_s=1767225609.5),
        ),
    )
    assert found.name == "shop/main"


BROKEN: list[dict[str, object]] = [{}, {"services": ["x"]}, {"services": 3, "project": None}]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_stack_of_another_version_is_read_as_far_as_possible(broken: dict[str, object]) -> None:
    assert not stack_of({"id": "x", **broken}).is_known


def test_events_keep_the_stacks_up_to_date() -> None:
    stacks: dict[str, Stack] = {}
    apply_event(stacks, "stacks", {"stacks": [{"id": "a"}, {"id": "b"}, "broken"]})
    apply_event(stacks, "stack", {"id": "b", "project": "new"})
    apply_event(stacks, "gone", {"id": "a"})
    apply_event(stacks, "gone", {"id": "never there"})
    apply_event(stacks, "worktrees", {})
    apply_event(stacks, "stack", None)
    assert [(key, stack.project) for key, stack in stacks.items()] == [("b", "new")]


@pytest.mark.parametrize(
    ("state", "is_in_trouble", "is_up"),
    [
        ("failed", True, False),
        ("blocked", True, False),
        ("backoff", True, True),
        ("unhealthy", True, True),
        ("starting", False, True),
        ("ready", False, True),
        ("stopped", False, False),
        ("a new state", False, False),
    ],
)
def test_states_tell_trouble_and_life(state: str, is_in_trouble: bool, is_up: bool) -> None:
    service = Service("x", "web", state)
    assert (service.is_in_trouble, service.is_up) == (is_in_trouble, is_up)


def test_only_worktrees_that_can_start_are_listed() -> None:
    listing: dict[str, object] = {
        "projects": [
            {
                "name": "shop",
                "worktrees": [
                    {"id": "a", "namespace": "main", "worktreeRoot": "/a", "canStart": True},
                    {"id": "b", "namespace": "x", "worktreeRoot": "/b", "canStart": False},
                    {"id": "c", "canStart": True, "isGone": True},
                ],
            }
        ]
    }
    assert worktrees_without_stack(listing) == (Stack("a", "shop", "main", "/a", is_running=False),)
