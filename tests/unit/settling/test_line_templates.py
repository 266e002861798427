"""Templates of lines: what differs from time to time is replaced."""

import pytest

from portweave.settling.line_templates import template_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("built in 12ms", "built in 1,340ms", id="number"),
        pytest.param("[10:01:02 AM] done", "[9:59:00 PM] done", id="clock"),
        pytest.param("2026-01-02T03:04:05.678Z hi", "2027-11-12 13:14:15+01:00 hi", id="date"),
        pytest.param("object at 0x7f3a", "object at 0xdeadbeef", id="address"),
        pytest.param("chunk app-3f2a9c1e.js", "chunk app-00ff1122.js", id="digest"),
        pytest.param(
            "id 123e4567-e89b-12d3-a456-426614174000",
            "id 00000000-0000-0000-0000-000000000000",
            id="uuid",
        ),
        pytest.param("at /home/me/app/x.js:3:1", "at /srv/x.js:14:2", id="folders"),
        pytest.param("  indented   text", "indented text", id="blanks"),
    ],
)
def test_lines_that_say_the_same_have_one_template(one: str, other: str) -> None:
    assert template_of(one) == template_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("NameError: a", "NameError: b", id="name"),
        pytest.param("error in /app/x.js", "error in /app/y.js", id="file"),
        pytest.param("no module fabaceae", "no module deadbeef", id="letters-from-a-to-f"),
    ],
)
def test_lines_that_say_something_else_have_another(one: str, other: str) -> None:
    assert template_of(one) != template_of(other)


def test_a_long_line_has_a_short_template() -> None:
    assert len(template_of("x" * 100_000)) == 200
