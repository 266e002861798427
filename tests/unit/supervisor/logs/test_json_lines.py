"""Log lines that are objects of JSON."""

import json

import pytest

from portweave.supervisor.logs.json_lines import read_json_line


@pytest.mark.parametrize(
    ("fields", "level", "lines"),
    [
        pytest.param(
            {"level": 30, "time": 1, "pid": 2, "hostname": "h", "msg": "up", "port": 3000},
            "info",
            ("INFO up port=3000",),
            id="pino",
        ),
        pytest.param(
            {"level": 50, "err": {"type": "E", "stack": "Error: x\n    at a"}, "msg": "failed"},
            "error",
            ("ERROR failed", "Error: x", "    at a"),
            id="pino-with-an-error",
        ),
        pytest.param(
            {"level": "warn", "event": "slow", "ms": 12.5}, "warn", ("WARN slow ms=12.5",),
            id="structlog",
        ),
        pytest.param(
            {"severity": "ERROR", "message": "a\nb"}, "error", ("ERROR a b",), id="several-lines"
        ),
        pytest.param({"msg": "plain"}, "", ("plain",), id="without-a-level"),
        pytest.param(
            {"level": "error", "error": "boom"}, "error", ("ERROR boom",), id="an-error-alone"
        ),
        pytest.param(
            {"level": "info", "msg": "ok", "error": None, "more": {"a": 1}}, "info", ("INFO ok",),
            id="no-error",
        ),
    ],
)  # fmt: skip
def test_a_line_of_json(fields: object, level: str, lines: tuple[str, ...]) -> None:
    found = read_json_line(json.dumps(fields))
    assert found is not None
    assert (found.level, found.lines) == (level, lines)


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[1]", '{"a": 1}', "{x}", "up", '{"msg": 1}', '{"msg": "x"} more']
)
def test_any_other_line(text: str) -> None:
    assert read_json_line(text) is None
