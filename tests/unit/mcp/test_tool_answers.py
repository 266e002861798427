"""The answers of tools: what they say, and that they fit."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from portweave.mcp.answer_form import Answer, Form
from portweave.mcp.tool_answers import (
    acted_answer,
    error_answer,
    exec_answer,
    logs_answer,
    machine_answer,
    settle_answer,
    stack_answer,
    verdict_of,
    why_answer,
)

FORM = Form(4000, has_structure=True)
STACK: dict[str, object] = {"project": "shop", "namespace": "main", "worktreeRoot": "/code/shop"}


Make = Callable[[Form], Answer]


def row(name: str, state: str = "ready", **more: object) -> dict[str, object]:
    return {"name": name, "instance": 1, "state": state, "port": 1, "url": "http://u", **more}


def size(answer: Answer, *, has_structure: bool = True) -> int:
    """The bytes that a model may read of an answer."""
    data = json.dumps(answer.data, ensure_ascii=False, separators=(",", ":"))
    return len(answer.text.encode()) + (len(data.encode()) if has_structure else 0)


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        ([], "empty"),
        (["ready", "completed"], "ready"),
        (["ready", "starting"], "starting"),
        (["starting", "failed"], "trouble"),
        (["ready", "stopped"], "stopped"),
        (["ready", "exited"], "stopped"),
        (["unhealthy"], "trouble"),
    ],
)
def test_a_verdict_over_all(states: list[str], verdict: str) -> None:
    assert verdict_of([row("a", state) for state in states]) == verdict


def test_a_stack_is_named_with_worktree_states_and_urls() -> None:
    answer = stack_answer(FORM, STACK, [row("web"), row("db", "failed", reason="exit 1")], "; x")
    assert answer.text.split("\n") == [
        "shop/main in /code/shop: 1 of 2 services ready; x",
        "db failed: exit 1",
        "web ready http://u",
    ]
    assert answer.data["worktree"] == "/code/shop"
    assert answer.data["verdict"] == "trouble"
    assert answer.data["services"] == [
        {"name": "db", "state": "failed", "port": 1, "url": "http://u", "reason": "exit 1"},
        {"name": "web", "state": "ready", "port": 1, "url": "http://u"},
    ]


def test_a_service_without_a_listener_has_no_url() -> None:
    answer = stack_answer(FORM, STACK, [row("worker", reason="no listener")])
    assert "http" not in answer.text
    assert "http" not in str(answer.data)


def test_a_large_stack_fits_and_what_is_left_out_is_told() -> None:
    rows = [row(f"service-{n}", "failed" if n == 299 else "ready") for n in range(300)]
    answer = stack_answer(FORM, STACK, rows)
    assert size(answer) <= 4000
    services: Any = answer.data["services"]
    assert services[0]["name"] == "service-299"  # trouble first
    left = 300 - len(services)
    assert answer.data["leftOut"] == (
        f"{left} of 300 services; status with their names in services shows them"
    )
    assert "left out; status with their names" in answer.text


LONG = "ä" * 2000
LINES = [f"web | {n} {LONG}" for n in range(100)]
ANSWERS: dict[str, Make] = {
    "stack": lambda f: stack_answer(f, STACK, [row(f"s{n}", reason=LONG) for n in range(99)]),
    "more": lambda f: stack_answer(f, STACK, [row("a")], "", f"PW0902: {LONG}\nhint: {LONG}"),
    "machine": lambda f: machine_answer(f, "/w", [{**STACK, "services": [row("a")]}] * 200),
    "logs": lambda f: logs_answer(f, "/w", {"lines": LINES, "seen": {"a": 1}, "cursor": "c" * 60}),
    "why": lambda f: why_answer(
        f, "/w", [{**row("a", "failed"), "cause": {"kind": "crash", "text": LONG},
                   "lastLines": LINES, "changedFiles": LINES}] * 9, 0.0,
    ),
    "settle": lambda f: settle_answer(
        f, "/w", settled(errors=[{"message": LONG, "lines": LINES}] * 9, broken=LONG)
    ),
    "acted": lambda f: acted_answer(f, "/w", "stopped", [row("a", reason=LONG)] * 99, LINES),
    "exec": lambda f: exec_answer(f, "/w", 1, LINES),
    "error": lambda f: error_answer(
        f, "/w", {"code": "PW0101", "message": f"{LONG}\n" * 9, "hint": f"{LONG}\n" * 99}
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", ANSWERS.values(), ids=list(ANSWERS))
@pytest.mark.parametrize("budget", [800, 4000, 20_000])
@pytest.mark.parametrize("has_structure", [True, False])
def test_every_answer_fits(make: Make, budget: int, *, has_structure: bool) -> None:
    answer = make(Form(budget, has_structure))
    assert size(answer, has_structure=has_structure) <= budget
    json.dumps(answer.as_result(has_structure=has_structure))


@pytest.mark.parametrize("make", ANSWERS.values(), ids=list(ANSWERS))
def test_every_answer_names_the_worktree(make: Make) -> None:
    answer = make(FORM)
    assert answer.data["worktree"] in ("/w", "/code/shop")
    assert str(answer.data["worktree"]) in answer.text or answer.is_error


def test_the_end_of_an_output_matters_most() -> None:
    answer = exec_answer(Form(800, has_structure=False), "/w", 0, [str(n) for n in range(9999)])
    lines = answer.text.split("\n")
    assert lines[0] == "/w: exit status 0"
    assert lines[1].startswith("… ")
    assert "left out; ask for more tokens" in lines[1]
    assert lines[-1] == "9998"
    assert not answer.is_error


def test_a_command_that_fails_is_an_error_with_its_status() -> None:
    answer = exec_answer(FORM, "/w", 3, ["no"])
    assert answer.is_error
    assert answer.data == {"worktree": "/w", "exitStatus": 3, "output": "no"}


def test_logs_give_counts_lines_and_a_cursor() -> None:
    found = {"lines": ["web | a"], "seen": {"web": 9}, "errors": {"web": 2}, "cursor": "web:1:2"}
    answer = logs_answer(FORM, "/w", found)
    assert answer.text == "/w: lines of web 9 (2 of errors)\ncursor: web:1:2\nweb | a"
    assert answer.data == {
        "worktree": "/w", "cursor": "web:1:2", "errors": {"web": 2}, "lines": ["web | a"],
    }  # fmt: skip


def test_why_gives_cause_place_and_what_to_do() -> None:
    cause = {"kind": "crash", "text": "raised KeyError", "hint": "fix it", "place": "app.py:3"}
    found = {**row("api", "failed"), "cause": cause, "chain": ["api"], "lastLines": ["boom"],
             "changedFiles": ["app.py"]}  # fmt: skip
    answer = why_answer(FORM, "/w", [found], 0.0)
    assert answer.data["services"] == [
        {"name": "api", "state": "failed", "kind": "crash", "cause": "raised KeyError",
         "hint": "fix it", "place": "app.py:3", "changedFiles": ["app.py"], "lastLines": ["boom"]}
    ]  # fmt: skip
    assert "hint: fix it" in answer.text
    assert "changed since it was last ready: app.py" in answer.text


def test_an_error_has_its_code_and_a_hint_for_agents() -> None:
    error = {"code": "PW1001", "message": "no stack is running", "hint": "portweave up -d"}
    answer = error_answer(FORM, "/w", error)
    assert answer.is_error
    assert answer.text == (
        "PW1001: no stack is running\nhint: the tool ensure starts the stack\nworktree: /w"
    )
    assert answer.as_result(has_structure=False)["isError"] is True


def settled(**row: object) -> dict[str, object]:
    return {
        "schemaVersion": 1, "verdict": "new", "reaction": "seen", "waitedS": 1.2, "cursor": "c",
        "changed": {"file": "app.py", "at": "2026-01-02T03:04:05Z", "more": 0},
        "services": [{"name": "web", "state": "ready", "reaction": "none", "errors": [], **row}],
    }  # fmt: skip


def test_settle_tells_what_is_new() -> None:
    error = {"message": "NameError: x", "place": "app.py:3", "count": 1, "lines": ["  x()"]}
    change = {"previous": "ready", "state": "backoff", "exitCode": 1, "reason": "exit 1"}
    answer = settle_answer(
        FORM, "/w", settled(state="backoff", errors=[error], changes=[change], broken=None)
    )
    assert answer.text.split("\n") == [
        "/w: new; app.py changed",
        "cursor: c",
        "web ready → backoff: exit 1",
        "web | NameError: x (app.py:3)",
        "web |     x()",
    ]
    assert answer.data["cursor"] == "c"
    assert answer.data["services"] == [
        {"name": "web", "state": "backoff", "errors": [error], "changes": [change]}
    ]


def test_settle_leaves_out_services_without_news() -> None:
    found = {**settled(), "verdict": "ok", "reaction": "none", "changed": None}
    answer = settle_answer(FORM, "/w", found)
    assert answer.text == "/w: ok; no service reacted\ncursor: c"
    assert answer.data["services"] == []


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"state": "starting", "waits": "is starting"}, "web is starting"),
        ({"broken": "1 error"}, "web still has: 1 error"),
        ({"state": "failed", "reason": "exit 1"}, "web failed: exit 1"),
    ],
)
def test_settle_tells_what_is_still_wrong(row: dict[str, object], line: str) -> None:
    assert settle_answer(FORM, "/w", settled(**row)).text.split("\n")[2:] == [line]
