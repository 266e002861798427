"""What `why --last` and `why --run` print."""

from portweave.client.dossier_text import full_lines, short_lines

DOSSIER: dict[str, object] = {
    "name": "web",
    "run": 7,
    "exitCode": 1,
    "cause": {"kind": "crash", "text": "exited with status 1: boom", "hint": "mend it"},
    "command": "node x.js",
    "workingDir": "/code",
    "environmentKeys": ["HOME", "PORT"],
    "head": "1a2b3c4d5e6f7a8b",
    "branch": "main",
    "lastGoodAt": "2026-01-02T03:04:05.000Z",
    "changedFiles": [f"f{number}" for number in range(10)],
    "lastLines": ["boom"],
}


def test_in_short() -> None:
    assert short_lines(DOSSIER, "14:03") == [
        "web run 7, 14:03: exited with status 1: boom",
        (
            "  on main at 1a2b3c4d5e; changed since the last good run: "
            "f0, f1, f2, f3, f4, f5, f6, f7 and 2 more"
        ),
    ]


def test_in_full() -> None:
    assert full_lines(DOSSIER, "14:03")[2:] == [
        "  mend it",
        "  exited with status 1",
        "  command: node x.js, in /code",
        "  variables: HOME, PORT",
        "",
        "web | boom",
    ]


def test_without_a_repository_and_a_good_run() -> None:
    bare: dict[str, object] = {"name": "web", "run": 1, "exitCode": None}
    assert short_lines(bare, "14:03") == [
        "web run 1, 14:03: it was not started",
        "  no run was good before",
    ]
