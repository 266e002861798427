"""What is kept of failed runs, and that it stays small."""

import json

import pytest

from portweave.supervisor.reporting.dossiers import (
    MOST_BYTES,
    CodeState,
    FailedRun,
    as_bytes,
    file_name,
    run_numbers,
    superfluous,
)

FACTS = {"at": "2026-01-02T03:04:05.000Z", "exitCode": 1, "reason": "boom", "cause": None}


def test_a_dossier_has_what_happened_and_the_state_of_the_code() -> None:
    run = FailedRun("web", 5, FACTS, ("a", "b"), "node x", "/code", ("PORT", "HOME"), "2026-…")
    found = json.loads(as_bytes(run, 7, CodeState("1a2b", "main", ("x.js",))))
    assert found == {
        "name": "web",
        "run": 7,
        **FACTS,
        "command": "node x",
        "workingDir": "/code",
        "environmentKeys": ["HOME", "PORT"],
        "head": "1a2b",
        "branch": "main",
        "lastGoodAt": "2026-…",
        "changedFiles": ["x.js"],
        "lastLines": ["a", "b"],
    }


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(FailedRun("web", 5, FACTS, ("\u65e5" * 1000,) * 200), id="lines"),
        pytest.param(FailedRun("web", 5, FACTS, ('"' * 1000,) * 200), id="escapes"),
        pytest.param(
            FailedRun("web", 5, FACTS, (), "", "", tuple(f"V{n}" * 9 for n in range(9000))),
            id="variables",
        ),
    ],
)
def test_a_dossier_has_64_kib_at_most(run: FailedRun) -> None:
    code = CodeState("1a2b", "main", tuple("f" * 300 for _ in range(1000)))
    data = as_bytes(run, 7, code)
    assert len(data) <= MOST_BYTES
    assert json.loads(data)["run"] == 7


def test_the_newest_lines_stay() -> None:
    lines = tuple(f"{number} {'x' * 900}" for number in range(200))
    kept = json.loads(as_bytes(FailedRun("web", 5, FACTS, lines), 7, CodeState()))["lastLines"]
    assert kept[-1] == lines[-1]
    assert kept == list(lines[-len(kept) :])


def test_twenty_are_kept() -> None:
    names = [file_name(number) for number in range(1, 24)]
    assert superfluous(names) == [file_name(number) for number in (1, 2, 3, 4)]
    assert superfluous(names[:19]) == []


def test_other_files_are_no_dossiers() -> None:
    assert run_numbers(["10.json", "9.json", "x.json", "8", "7.json.tmp", "-1.json"]) == [9, 10]
