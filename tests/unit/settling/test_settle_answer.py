"""The answer of settle: its texts, and that it stays within its budget."""

import json

import pytest

from portweave.settling.settle_answer import BUDGET_BYTES, Answer, as_json, as_text
from portweave.settling.verdicts import Change, FoundError, Outcome

ERROR = FoundError(
    "TypeError: x is not a function", "src/a.ts:3", ("TypeError: x is not a function", "  at a"),
    "t", 1.0, 2,
)  # fmt: skip
READY = Outcome("web", "ready")


def answer(verdict: str, *outcomes: Outcome, changed: str = "src/a.ts") -> Answer:
    return Answer(verdict, outcomes, "@:5:0", 1.5, changed, 1_700_000_000.0 if changed else None, 1)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        pytest.param(
            answer("ok", Outcome("web", "ready", reaction="restart", began_s=0.1, ended_s=1.25)),
            "ok: src/a.ts and 1 more changed; web restarted in 1.2 s\n",
            id="ok",
        ),
        pytest.param(
            answer("ok", READY),
            "ok: src/a.ts and 1 more changed; no service reacted (reaction: none)\n",
            id="none",
        ),
        pytest.param(answer("ok", READY, changed=""), "ok: no file changed lately\n", id="no-file"),
        pytest.param(
            answer("new", Outcome("web", "ready", reaction="output", ended_s=2, new=(ERROR,))),
            "new: src/a.ts and 1 more changed; web reacted in 2.0 s\n"
            "web | TypeError: x is not a function (src/a.ts:3) (2 times)\n"
            "web |     at a\n",
            id="new",
        ),
        pytest.param(
            answer("still", Outcome("web", "ready", broken="boom")),
            "still: src/a.ts and 1 more changed; no service reacted (reaction: none); nothing new,"
            " but not all is well\nweb still has: boom\n",
            id="still",
        ),
        pytest.param(
            answer("not-settled", Outcome("web", "starting", waits="is starting"), changed=""),
            "not-settled: no file changed lately; not over after 2 s\nweb is starting\n",
            id="not-settled",
        ),
        pytest.param(
            answer("new", Outcome("web", "backoff", ends=(Change(1, "ready", "backoff", "exit"),))),
            "new: src/a.ts and 1 more changed; no service reacted (reaction: none)\n"
            "web ready → backoff: exit\n",
            id="crash",
        ),
    ],
)
def test_an_answer_as_text(given: Answer, text: str) -> None:
    assert as_text(given) == f"{text}cursor: @:5:0"


@pytest.mark.parametrize(
    ("verdict", "status"), [("ok", 0), ("new", 1), ("still", 1), ("not-settled", 124)]
)
def test_the_exit_status_of_a_verdict(verdict: str, status: int) -> None:
    assert answer(verdict, READY).exit_status == status


@pytest.mark.parametrize("services", [1, 7, 30])
@pytest.mark.parametrize("letter", ["x", "\u65e5", '"'])
def test_an_answer_has_4000_bytes_at_most(services: int, letter: str) -> None:
    error = FoundError(letter * 900, letter * 900, (letter * 900,) * 30, "t", 1.0)
    crash = Change(1, "ready", "backoff", letter * 900)
    outcomes = tuple(
        Outcome(f"s{number}", "failed", letter * 900, new=(error,) * 30, ends=(crash,) * 9,
                broken=letter * 900)
        for number in range(services)
    )  # fmt: skip
    given = Answer("new", outcomes, "c" * 1200, 1.0, letter * 900, 1.0)
    assert len(as_json(given).encode()) <= BUDGET_BYTES
    assert len(as_text(given).encode()) <= BUDGET_BYTES
    told = json.loads(as_json(given))
    assert told["leftOut"]["news"] >= 30
    assert len(told["services"]) + told["leftOut"]["services"] == services


def test_services_with_news_come_first() -> None:
    many = (*(Outcome(f"s{n}", "ready") for n in range(200)), Outcome("bad", "ready", new=(ERROR,)))
    assert json.loads(as_json(answer("new", *many)))["services"][0]["name"] == "bad"
