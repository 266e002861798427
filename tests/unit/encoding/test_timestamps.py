import time
from datetime import UTC, datetime

import pytest

from portweave.encoding.timestamps import (
    local,
    parse,
    rfc3339,
)

NOW_S = datetime(2026, 1, 31, 15, 0, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", NOW_S - 90),
        ("5m", NOW_S - 300),
        ("1h30m", NOW_S - 5400),
        ("2d", NOW_S - 2 * 86_400),
        ("1d12h", NOW_S - 36 * 3600),
        ("2026-01-31T14:30:00Z", NOW_S - 1800),
        ("2026-01-31T14:30:00.5+00:00", NOW_S - 1799.5),
        ("2026-01-31 16:30", NOW_S - 1800),
        ("2026-01-31", NOW_S - 17 * 3600),
        ("16:30", NOW_S - 1800),
        ("16:30:10", NOW_S - 1790),
    ],
)
def test_times_are_parsed(text: str, expected: float) -> None:
    assert parse(text, NOW_S) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "5x", "-5m", "d", "1.5d", "2026-13-01", "25:00", "9999999d", "0001-01-01"]
)
def test_an_invalid_time_is_refused(text: str) -> None:
    found = parse(text, NOW_S)
    assert found is None or found < NOW_S - 86_400 * 9_000_000


def test_times_are_written_for_programs_and_for_people() -> None:
    moment_ns = int(NOW_S) * 1_000_000_000 + 123_456_789
    assert rfc3339(moment_ns) == "2026-01-31T15:00:00.123456Z"
    assert local(moment_ns) == "2026-01-31 17:00:00.123"
