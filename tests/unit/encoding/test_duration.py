"""Durations."""

import pytest

from portweave.encoding.duration import duration_text, parse


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3),
        ("10s", 10.0),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        ("1h2m3s4ms", 3723.004),
        ("1.5s", 1.5),
        ("1m0.5s", 60.5),
        ("10", 10.0),
        ("0.25", 0.25),
        ("0", 0.0),
    ],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    found = parse(text)
    assert found is not None
    assert round(found, 9) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "s", "10x", "1s1m", "1s1s", "1.5m3s", "-1", "1e3", " 1s", "1.", ".5", "1..5"),
        *("5m3", "inf", "9" * 30, "99999999h", "१s", "1 s"),
    ],
)
def test_an_invalid_duration_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0ms"),
        (0.25, "250ms"),
        (1.5, "1s500ms"),
        (30.0, "30s"),
        (90.0, "1m30s"),
        (7200.0, "2h"),
        (3661.2, "1h1m1s"),
    ],
)
def test_a_duration_is_written_as_it_is_read(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
    assert parse(text) == pytest.approx(seconds, abs=0.5)
