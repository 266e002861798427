"""How `ps` shows times and amounts."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.cli.verbs import ps
from portweave.cli.verbs.ps import (
    age,
    size,
)
from portweave.encoding.text_style import plain
from portweave.supervisor.reporting.status_rows import rfc3339

epoch_s = ps._epoch_s  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("ago_s", "text"),
    [
        (-5, "0s"),
        (0.5, "0s"),
        (59.5, "59s"),
        (60.5, "1m"),
        (3599, "59m"),
        (3601, "1h"),
        (86_399, "23h"),
        (86_401, "1d"),
        (40 * 86_400 + 1, "40d"),
    ],
)
def test_an_age_has_one_unit(ago_s: float, text: str) -> None:
    assert age(rfc3339(time.time() - ago_s)) == text


def test_a_missing_time_has_no_age() -> None:
    assert age(None) is None
    assert age(7) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 kB"),
        (999, "0 kB"),
        (512_000, "512 kB"),
        (999_999, "999 kB"),
        (1_000_000, "1 MB"),
        (18_900_000, "18 MB"),
        (999_999_999, "999 MB"),
        (1_440_000_000, "1.4 GB"),
    ],
)
def test_an_amount_has_a_unit(amount: int, text: str) -> None:
    assert size(amount) == text


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_a_time_is_parsed_as_datetime_parses_it(at: datetime) -> None:
    at = at.replace(tzinfo=UTC, microsecond=at.microsecond // 1000 * 1000)
    assert epoch_s(rfc3339(at.timestamp())) == pytest.approx(at.timestamp(), abs=2e-3)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"state": "ready", "reason": None}, ""),
        ({"state": "ready", "reason": "no listener"}, "no listener"),
        ({"state": "exited", "exitCode": 3}, "exit status 3"),
        (
            {"state": "backoff", "reason": "it crashed", "again_s": 4.2},
            "it crashed; next try in 4 s",
        ),
        ({"state": "backoff", "reason": None, "again_s": 12}, "next try in 12 s"),
        ({"state": "backoff", "reason": "it crashed", "again_s": -1}, "it crashed; next try now"),
    ],
)
def test_a_note_says_why_and_when_it_is_tried_again(
    row: dict[str, object], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    again_s = row.pop("again_s", None)
    if isinstance(again_s, int | float):
        row = {**row, "nextTryAt": rfc3339(1_000_000 + again_s)}
    assert plain(ps._notes(row)) == text  # pyright: ignore[reportPrivateUsage]
