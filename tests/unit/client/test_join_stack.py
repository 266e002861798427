"""What is told of services that a stack in the background has."""

import pytest

from portweave.client.join_stack import Progress

ROW = {
    "name": "web",
    "instance": 1,
    "fullName": "web-main",
    "state": "ready",
    "port": 30000,
    "startedAt": "2026-01-31T12:00:00.000Z",
    "readyAt": "2026-01-31T12:00:01.250Z",
    "reason": None,
}


@pytest.mark.parametrize(
    ("differing", "told"),
    [
        ({}, "web ready on 30000 (1.2 s)"),
        ({"reason": "no listener"}, "web ready (1.2 s, no listener)"),
        ({"port": None}, "web ready (1.2 s)"),
        ({"state": "completed", "readyAt": None, "port": None}, "web completed"),
        ({"state": "starting", "readyAt": None}, ""),
    ],
)
def test_who_was_quicker_than_we_could_listen_is_told_of_too(
    capsys: pytest.CaptureFixture[str], differing: dict[str, object], told: str
) -> None:
    Progress().tell_rest([ROW | differing])
    assert capsys.readouterr().err.removeprefix("[portweave] ").rstrip("\n") == told


def test_nobody_is_told_of_twice(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.take({"fullName": "web-main", "state": "ready", "text": "web ready on 30000 (1.2 s)"})
    progress.tell_rest([ROW])
    assert capsys.readouterr().err.count("web ready") == 1
