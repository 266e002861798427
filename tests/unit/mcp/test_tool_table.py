"""The tools that models see: few, short, with valid schemas."""

import json
from typing import Any

import jsonschema
import pytest

from portweave.mcp.tool_table import INSTRUCTIONS, tools

ALL = tools(with_exec=True)


def test_names_descriptions_and_schemas_stay_below_six_kilobytes() -> None:
    assert len(ALL) <= 8
    assert len(json.dumps(ALL).encode()) + len(INSTRUCTIONS) <= 6144


def test_exec_can_be_switched_off() -> None:
    assert [tool["name"] for tool in ALL if tool not in tools(with_exec=False)] == ["exec"]


@pytest.mark.parametrize("tool", ALL, ids=[str(tool["name"]) for tool in ALL])
def test_schemas_are_valid_and_each_call_may_name_a_worktree(tool: dict[str, object]) -> None:
    for name in ("inputSchema", "outputSchema"):
        schema: Any = tool[name]
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "worktree" in schema["properties"]


def test_annotations_say_what_only_reads_and_what_may_destroy() -> None:
    hints = {str(tool["name"]): tool["annotations"] for tool in ALL}
    reading = {name for name, hint in hints.items() if hint["readOnlyHint"]}  # type: ignore[index]
    assert reading == {"status", "logs", "why", "settle"}
    assert {n for n, h in hints.items() if h.get("destructiveHint")} == {"exec"}  # type: ignore[attr-defined]
