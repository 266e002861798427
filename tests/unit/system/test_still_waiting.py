"""A command's waits: nothing is made for a short one, and one line for a long one."""

import os

import pytest

from portweave.system import still_waiting
from portweave.system.still_waiting import Wait


class Line:
    """Notes what it is told."""

    descriptor = None

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.told: list[object] = []

    def next_s(self) -> float | None:
        return None

    def tick(self) -> None:
        self.told.append("tick")

    def name(self, what: str) -> None:
        self.told.append(what)

    def take(self, item: object) -> None:
        self.told.append(item)

    def before_output(self) -> None:
        self.told.append("output")

    def note_part(self, *, is_open: bool) -> None:
        self.told.append(is_open)

    def close(self) -> None:
        self.told.append("closed")


@pytest.fixture
def made() -> list[Line]:
    return []


@pytest.fixture
def wait(made: list[Line]) -> Wait:
    def make(began_s: float) -> Line:
        made.append(Line(began_s))
        return made[-1]

    return Wait(make)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is long."""
    monkeypatch.setattr(still_waiting, "FIRST_S", 0.0)


def test_a_short_wait_makes_no_line(wait: Wait, made: list[Line]) -> None:
    asked: list[str] = []
    with wait:
        still_waiting.still("the lock")
        wait.when_long(lambda: asked.append("asked"))
        wait.take("an item")
        wait.before_output(is_part=False)
        assert 0 < still_waiting.pause_s("the lock", 10.0) <= still_waiting.FIRST_S
    assert (made, asked) == ([], [])
    assert still_waiting.current() is None


@pytest.mark.usefixtures("long")
def test_a_long_wait_names_what_it_waits_for_and_asks_for_more(
    wait: Wait, made: list[Line]
) -> None:
    asked: list[str] = []
    with wait:
        still_waiting.still("the lock")
        wait.when_long(lambda: asked.append("asked"))
        wait.take("an item")
        wait.before_output(is_part=True)
        assert still_waiting.pause_s("the guardian", 7.0) == 7.0
    assert asked == ["asked"]
    [line] = made
    assert line.told == [
        *("the lock", "tick", "an item", "output", True, "the guardian", "tick", "closed")
    ]


@pytest.mark.usefixtures("long")
def test_what_came_before_the_line_is_shown_in_it(wait: Wait, made: list[Line]) -> None:
    with wait:
        wait.take("an item")
        wait.tick()
    assert made[0].told == ["an item", "tick", "closed"]


@pytest.mark.usefixtures("long")
def test_a_second_wait_of_a_command_begins_anew(wait: Wait, made: list[Line]) -> None:
    with wait:
        wait.take("an item")
    with wait:
        wait.tick()
    assert [line.told for line in made] == [["", "tick", "closed"]]


@pytest.mark.usefixtures("long")
def test_a_command_that_shows_nothing_has_no_current_wait() -> None:
    with Wait(None):
        assert still_waiting.current() is None
        still_waiting.still("the lock")
        assert still_waiting.pause_s("the lock", 3.0) == 3.0


def test_a_readable_descriptor_ends_a_wait_and_so_does_its_limit(wait: Wait) -> None:
    reading, writing = os.pipe()
    with wait:
        assert not wait.until_readable(reading, 0.0)
        os.write(writing, b"x")
        assert wait.until_readable(reading, None)
    os.close(reading)
    os.close(writing)
