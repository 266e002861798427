"""The arguments of tools: each is checked once."""

from typing import Any

import pytest

from portweave.errors import UsageError
from portweave.mcp.tool_arguments import Arguments, read
from portweave.mcp.tool_table import tools

SCHEMAS: dict[str, Any] = {str(tool["name"]): tool["inputSchema"] for tool in tools(with_exec=True)}


def test_without_arguments_a_call_is_about_everything() -> None:
    assert read({}, SCHEMAS["status"]) == Arguments()


def test_arguments_become_a_value() -> None:
    given = {"services": ["web", "api", "web"], "cursor": "c", "grep": "x", "tokens": 2000}
    assert read({**given, "worktree": "/w"}, SCHEMAS["logs"]) == Arguments(
        worktree="/w", services=("web", "api"), cursor="c", grep="x", budget_bytes=8000
    )


def test_a_single_name_is_taken_for_a_list() -> None:
    assert read({"services": "web"}, SCHEMAS["why"]).services == ("web",)


@pytest.mark.parametrize(("tokens", "size"), [(1, 800), (999_999_999, 100_000), (500.5, 2000)])
def test_the_size_of_an_answer_has_limits(tokens: float, size: int) -> None:
    assert read({"tokens": tokens}, SCHEMAS["logs"]).budget_bytes == size


def test_null_is_no_argument() -> None:
    given = {"services": None, "timeout": None, "worktree": None}
    assert read(given, SCHEMAS["ensure"]) == Arguments()


WRONG: dict[str, tuple[str, dict[str, object], str]] = {
    "unknown": ("status", {"service": "web"}, "no argument 'service'"),
    "missing": ("control", {}, "'action' is missing"),
    "missing command": ("exec", {"service": "web", "command": ""}, "'command' is missing"),
    "other action": ("control", {"action": "kill"}, "start, stop, restart, down"),
    "number as text": ("ensure", {"timeout": "5"}, "above 0"),
    "no time": ("ensure", {"timeout": 0}, "above 0"),
    "truth as number": ("ensure", {"timeout": True}, "above 0"),
    "text as truth": ("status", {"all": "yes"}, "true or false"),
    "number as name": ("why", {"services": [1]}, "list of names"),
    "mapping of names": ("why", {"services": {}}, "list of names"),
    "name like an option": ("why", {"services": ["--all"]}, "no name of a service"),
    "service like an option": ("exec", {"service": "-x", "command": "ls"}, "no name"),
    "null character": ("exec", {"service": "web", "command": "a\0b"}, "takes a text"),
}


@pytest.mark.parametrize(("tool", "given", "told"), WRONG.values(), ids=list(WRONG))
def test_wrong_arguments_are_told(tool: str, given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read(given, SCHEMAS[tool])
