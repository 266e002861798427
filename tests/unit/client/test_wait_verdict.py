"""What a wait tells that did not come to its end."""

import time
from typing import Any

import pytest

from portweave.client.wait_verdict import brief, check, timed_out
from portweave.errors import (
    NotReadyError,
    PortweaveError,
    StackGoneError,
    StackUnreachableError,
    WaitTimeoutError,
)


def row(name: str, verdict: str, kind: str = "none", hint: str = "", crashes: int = 0) -> Any:
    return {
        "name": name,
        "verdict": verdict,
        "text": "backoff",
        "crashes": crashes,
        "cause": {"kind": kind, "text": "", "hint": hint},
        "lastLines": [f"{name} printed this"],
    }


LOOP = row("web", "pending", "crash", "set SECRET", crashes=4)


def test_a_crash_loop_is_reported_with_its_output_and_without_advice_to_wait() -> None:
    with pytest.raises(WaitTimeoutError) as caught:
        check([LOOP, row("db", "come")], "ready", 12.0)
    assert "web | web printed this" in caught.value.message
    assert caught.value.hints == ("set SECRET", "portweave why web says more")


def test_the_end_of_the_stack_is_told_in_place_of_each_service() -> None:
    ended = {**row("web", "in vain", "not started", "portweave start web starts it")}
    ended |= {"state": "stopped", "stackStops": "portweave down was called"}
    with pytest.raises(NotReadyError) as caught:
        check([ended, {**ended, "name": "api"}], "ready", 12.0)
    assert caught.value.message == "not ready: the stack stops: portweave down was called"
    assert caught.value.hints == ()
    assert brief([ended]) == "not all ready: the stack stops: portweave down was called"


def test_a_long_line_is_cut() -> None:
    long = {**LOOP, "lastLines": ["x" * 100_000]}
    with pytest.raises(WaitTimeoutError) as caught:
        check([long], "ready", 12.0)
    assert len(caught.value.message) < 1000
    assert caught.value.message.endswith("x…")


def test_a_service_that_is_only_late_may_get_more_time() -> None:
    with pytest.raises(WaitTimeoutError) as caught:
        check([row("web", "pending", "not ready")], "ready", 12.0)
    assert "--timeout gives them longer" in "".join(caught.value.hints)


def test_after_a_printed_error_no_hint_advises_to_wait() -> None:
    broken = row("web", "pending", "unhealthy")
    broken["cause"]["place"] = "app.js:3"
    with pytest.raises(WaitTimeoutError) as caught:
        check([broken], "ready", 12.0)
    assert caught.value.hints == ("portweave why web says more",)


def test_a_late_service_is_called_late_once() -> None:
    late = {**row("web", "pending"), "text": "unhealthy: not ready after 3 s: nothing listens"}
    with pytest.raises(WaitTimeoutError) as caught:
        check([late], "ready", 12.0)
    assert caught.value.message.startswith(
        "not ready after 12 s: web is unhealthy: nothing listens\n"
    )


def test_after_a_failure_no_hint_advises_to_wait_for_a_crash_loop() -> None:
    failed = row("api", "in vain", "missing module", "npm ci")
    with pytest.raises(NotReadyError) as caught:
        check([failed, LOOP, row("slow", "pending", "not ready")], "ready", 12.0)
    assert "api | api printed this" in caught.value.message
    assert "web | web printed this" in caught.value.message
    assert "slow printed" not in caught.value.message
    assert caught.value.hints == (
        "npm ci",
        "set SECRET",
        "portweave wait slow waits for what goes on starting",
    )


@pytest.mark.parametrize(
    ("error", "waited_s", "kind"),
    [
        (StackUnreachableError("main", 1, "it is busy"), 2.0, WaitTimeoutError),
        # There was time left: it is another kind of trouble.
        (StackUnreachableError("main", 1, "it is busy"), 0.0, StackUnreachableError),
        (StackGoneError("main", 1), 2.0, StackGoneError),
    ],
)
def test_a_stack_that_does_not_answer_in_time_is_a_timeout(
    error: StackUnreachableError, waited_s: float, kind: type[PortweaveError]
) -> None:
    found = timed_out(error, "ready", time.monotonic() - waited_s, 1.0)
    assert type(found) is kind
    assert error.message in found.message
    assert found.hints == error.hints


def test_a_blocked_service_does_not_repeat_the_reason_of_another() -> None:
    def of(name: str, state: str, text: str) -> Any:
        return {**row(name, "in vain"), "state": state, "text": text, "lastLines": []}

    why = "failed: exited with status 3"
    rows = [
        of("db", "failed", why),
        of("api", "blocked", f"blocked: db is {why}"),
        of("web", "blocked", f"blocked: api is blocked: db is {why}"),
        # The service that blocks it was not asked for.
        of("job", "blocked", f"blocked: seed is {why}"),
    ]
    with pytest.raises(NotReadyError) as caught:
        check(rows, "ready", 12.0)
    assert caught.value.message == (
        "not ready: db is failed: exited with status 3; api is blocked: db is failed;"
        " web is blocked: api is blocked; job is blocked: seed is failed: exited with status 3"
    )


@pytest.mark.parametrize(
    ("blocked", "told"),
    [
        ([], "not all ready: failed db; portweave why db"),
        (["web"], "not all ready: blocked web; failed db; portweave why db"),
        (
            [f"s{n}" for n in range(9)],
            "not all ready: blocked s0, s1, s2, s3, s4, s5 and 3 more; failed db; portweave why db",
        ),
    ],
)
def test_a_terminal_that_has_shown_the_reasons_gets_names(blocked: list[str], told: str) -> None:
    rows = [{**row(name, "in vain"), "state": "blocked"} for name in blocked]
    rows += [{**row("db", "in vain"), "state": "failed"}, {**row("api", "come"), "state": "ready"}]
    assert brief(rows) == told
