"""The verdict of settle."""

import pytest

from portweave.settling.learned_reactions import Told
from portweave.settling.verdicts import (
    Change,
    FoundError,
    Line,
    Outcome,
    bad_changes,
    errors_in,
    told_after,
    verdict_of,
    without_told,
)

ERROR = FoundError("boom", "a.js:1", (), "boom @ a.js", 1.0)
CRASH = Change(1.0, "ready", "backoff", "exited with status 1", 1)


def lines(text: str) -> list[Line]:
    return [Line(float(number), line) for number, line in enumerate(text.splitlines())]


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        pytest.param((), "ok", id="nothing"),
        pytest.param((Outcome("a", "ready"),), "ok", id="ready"),
        pytest.param((Outcome("a", "completed"), Outcome("b", "stopped")), "ok", id="ended"),
        pytest.param((Outcome("a", "exited", exit_code=0),), "ok", id="ended-well"),
        pytest.param((Outcome("a", "exited", exit_code=1),), "still", id="ended-badly"),
        pytest.param((Outcome("a", "ready", new=(ERROR,)),), "new", id="error"),
        pytest.param((Outcome("a", "backoff", ends=(CRASH,)),), "new", id="crash"),
        pytest.param((Outcome("a", "backoff", known=1),), "still", id="the-same-crash"),
        pytest.param((Outcome("a", "ready", broken="boom"),), "still", id="broken-build"),
        pytest.param((Outcome("a", "unhealthy"),), "still", id="unhealthy"),
        pytest.param(
            (Outcome("a", "ready", known=2),), "ok", id="a-known-error-that-broke-nothing"
        ),
        pytest.param(
            (Outcome("a", "ready", new=(ERROR,)), Outcome("b", "starting", waits="is starting")),
            "not-settled",
            id="time-is-up",
        ),
    ],
)
def test_a_verdict(outcomes: tuple[Outcome, ...], verdict: str) -> None:
    assert verdict_of(outcomes) == verdict


def test_an_error_that_was_told_is_not_new() -> None:
    assert without_told((ERROR,), Told()) == ((ERROR,), 0)
    assert without_told((ERROR,), Told(1.0, ("boom @ a.js",))) == ((), 1)


def test_after_ok_everything_is_new_again() -> None:
    bad = Outcome("a", "backoff", new=(ERROR,), ends=(CRASH,), broken="boom")
    told = told_after("new", bad, Told(), 5.0)
    assert told == Told(5.0, ("boom @ a.js", "backoff: exited with status #"), "boom")
    assert told_after("still", Outcome("a", "backoff"), told, 6.0).errors == told.errors
    assert told_after("ok", Outcome("a", "ready"), told, 7.0) == Told(7.0)


def test_a_changing_number_makes_no_other_error() -> None:
    found = errors_in(lines("ERROR: job 17 failed\nok\nERROR: job 18 failed"), "")
    assert [(one.message, one.count) for one in found] == [("ERROR: job 18 failed", 2)]


def test_the_same_message_in_another_file_is_another_error() -> None:
    text = "src/{}.ts(3,7): error TS2304: Cannot find name 'x'."
    one, other = (errors_in(lines(text.format(name)), "")[0] for name in ("a", "b"))
    assert one.place == "src/a.ts:3"
    assert one.template != other.template


@pytest.mark.parametrize(
    "text",
    [
        "Found 0 errors. Watching for file changes.",
        '{"level":"info","msg":"retried after an error"}',
        "INFO: 3 jobs failed before, all retried",
        "built without error in 3 ms",
        "compiled successfully, no errors",
    ],
)
def test_these_lines_report_no_error(text: str) -> None:
    assert errors_in(lines(text), "") == ()


def test_an_exit_with_0_is_no_trouble() -> None:
    good = Change(1.0, "ready", "exited", "", 0)
    restart = Change(2.0, "starting", "ready")
    assert bad_changes((good, restart, CRASH), "ready") == (CRASH,)


def test_a_bad_state_that_has_passed_is_no_trouble() -> None:
    sick = Change(1.0, "ready", "unhealthy", "nothing listens")
    assert bad_changes((sick,), "ready") == ()
    assert bad_changes((sick,), "unhealthy") == (sick,)


def test_a_build_that_ends_with_what_it_could_not_do_has_an_error() -> None:
    text = 'build started...\nCould not resolve "./x" from "src/app.ts"\nfile: /code/src/app.ts'
    assert [one.message for one in errors_in(lines(text), "/code")] == [
        'Could not resolve "./x" from "src/app.ts"'
    ]
    assert errors_in(lines("Could not find a cache, made one\na\nb\nc\nd"), "") == ()


def test_a_single_line_is_shown_with_what_was_printed_together_with_it() -> None:
    texts = ("old", "", "failed to load config", "missing_2 is not defined", "gave up", "later")
    times = (1.0, 5.0, 5.0, 5.1, 5.2, 5.2)
    printed = [Line(at_s, text) for at_s, text in zip(times, texts, strict=True)]
    (error,) = errors_in(printed, "")
    assert error.lines == ("failed to load config", "missing_2 is not defined", "gave up")
