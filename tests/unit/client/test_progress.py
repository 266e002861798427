"""What a command reports while a stack starts in the background."""

import pytest

from portweave.client.progress import Progress

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
    ("differing", "reported"),
    [
        ({}, "web ready on 30000 (1.2 s)"),
        ({"reason": "no listener"}, "web ready (1.2 s, no listener)"),
        ({"port": None}, "web ready (1.2 s)"),
        ({"state": "completed", "readyAt": None, "port": None}, "web completed"),
        ({"state": "starting", "readyAt": None}, ""),
    ],
)
def test_a_service_that_became_ready_before_the_first_event_is_reported(
    capsys: pytest.CaptureFixture[str], differing: dict[str, object], reported: str
) -> None:
    Progress().report_rest([ROW | differing])
    assert capsys.readouterr().err.removeprefix("[portweave] ").rstrip("\n") == reported


def test_no_service_is_reported_twice(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.take({"fullName": "web-main", "state": "ready", "text": "web ready on 30000 (1.2 s)"})
    progress.report_rest([ROW])
    assert capsys.readouterr().err.count("web ready") == 1
