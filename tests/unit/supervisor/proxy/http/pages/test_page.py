import pytest

from portweave.supervisor.proxy.http.pages.page import (
    Command,
    NameGroup,
    NameRow,
    Page,
    State,
    elapsed,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.2, "0 s"),
        (12.9, "12 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_600, "1 h"),
        (86_399, "23 h"),
        (200_000, "2 d"),
    ],
)
def test_a_span_of_time_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


@pytest.mark.parametrize(
    ("word", "text", "sentence", "tone"),
    [
        ("starting", "starting for 12 s", "It has been starting for 12 s.", "busy"),
        ("ready", "ready for 12 s", "It has been ready for 12 s.", "good"),
        ("backoff", "backoff for 12 s", "It has been backoff for 12 s.", "warn"),
        ("failed", "failed 12 s ago", "It is failed (12 s ago).", "bad"),
        ("stopped", "stopped 12 s ago", "It is stopped (12 s ago).", "idle"),
    ],
)
def test_a_state_is_told_with_its_time(word: str, text: str, sentence: str, tone: str) -> None:
    state = State(word, 12.4)
    assert (state.text, state.sentence, state.tone) == (text, sentence, tone)
    assert (State(word).text, State(word).sentence) == (word, f"It is {word}.")


@pytest.mark.parametrize(
    ("page", "has_script"),
    [
        (Page(404, "x"), False),
        (Page(503, "x", state=State("starting")), False),
        (Page(503, "x", state=State("starting", 1)), True),
        (Page(404, "x", commands=(Command("Run", "portweave alias a PORT", False),)), False),
        (Page(404, "x", commands=(Command("Run", "portweave panel"),)), True),
        (Page(200, "x", groups=(NameGroup("a", (NameRow("b", "c"),)),)), False),
        (Page(200, "x", groups=(NameGroup("a", (NameRow("b", "c", State("ready", 1)),)),)), True),
    ],
)
def test_only_a_page_with_a_time_or_a_command_needs_the_script(
    page: Page, *, has_script: bool
) -> None:
    assert page.has_script is has_script
