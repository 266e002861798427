"""The lines about changes of instances on a terminal."""

import pytest

from portweave.encoding.marks import UNICODE
from portweave.encoding.text_style import Span, plain
from portweave.encoding.value import replace
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.reporting.terminal_messages import (
    blocked_by,
    hint_of,
    start_lines,
    state_line,
)
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.plan import Condition, InstancePlan, Need
from portweave.supervisor.services.restart_policy import RestartStreak

PLAN = InstancePlan("web", "web", 1, "web-main", ("run",), "npm run dev", "/", port=3000)
RUN = Life(Phase.STARTING, started_s=10)
CRASH = "exited with status 1: KeyError: 'x' (app.py:4)"

# Before, after, and the line at 12.5 s; in parentheses if only --verbose shows it.
CHANGES: dict[str, tuple[Life, Life, str]] = {
    "no change": (replace(RUN, phase=Phase.READY), replace(RUN, phase=Phase.READY), ""),
    "waits": (Life(), Life(Phase.WAITING, reason="waits for db"), "(▸ waits for db)"),
    "starts": (Life(Phase.WAITING), RUN, "(▸ starts: npm run dev)"),
    "starts again": (
        Life(Phase.BACKOFF),
        replace(RUN, restarts=3),
        "(▸ starts again (restart 3))",
    ),
    "ready": (RUN, replace(RUN, phase=Phase.READY), "✓ ready on 3000 (2.5 s)"),
    "ready after a crash": (
        replace(RUN, crash=CRASH),
        replace(RUN, phase=Phase.READY, crash=CRASH),
        "✓ ready again on 3000 (2.5 s)",
    ),
    "healthy again after a crash": (
        replace(RUN, phase=Phase.UNHEALTHY, ready_s=11, crash=CRASH),
        replace(RUN, phase=Phase.READY, ready_s=11, crash=CRASH),
        "✓ ready again",
    ),
    "unhealthy": (
        replace(RUN, phase=Phase.READY),
        replace(RUN, phase=Phase.UNHEALTHY, reason="answers 500"),
        "! unhealthy: answers 500",
    ),
    "listens elsewhere": (
        RUN,
        replace(RUN, other_ports=(3001,)),
        "! listens on port 3001, not on its own, 3000",
    ),
    "blocked": (
        Life(Phase.WAITING),
        Life(Phase.BLOCKED, reason="db is failed: exited with status 1"),
        "✗ blocked: db is failed",
    ),
    "restart at once": (
        RUN,
        Life(Phase.BACKOFF, exit_status=1, reason=CRASH, streak=RestartStreak(1, 0)),
        "✗ exited (1): KeyError 'x', app.py:4 · restart 1 now",
    ),
    "restart after a pause": (
        RUN,
        Life(Phase.BACKOFF, exit_status=1, reason=CRASH, restarts=2, streak=RestartStreak(3, 1)),
        "✗ exited (1): KeyError 'x', app.py:4 · restart 3 in 1 s",
    ),
    "completed": (RUN, replace(RUN, phase=Phase.COMPLETED), "✓ completed (2.5 s)"),
    "ended": (RUN, replace(RUN, phase=Phase.EXITED, exit_status=0), "▸ exited (0)"),
    "failed": (
        RUN,
        Life(Phase.FAILED, exit_status=1, reason=f"{CRASH}; gave up after 3 restarts"),
        "✗ exited (1): KeyError 'x', app.py:4 · gave up after 3 restarts",
    ),
    "stopped": (Life(Phase.STOPPING), Life(Phase.STOPPED), "▸ stopped"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_has_its_line(name: str) -> None:
    before, after, told = CHANGES[name]

    def shown(*, verbose: bool) -> str:
        line = state_line(PLAN, before, after, 12.5, UNICODE, verbose=verbose)
        return "" if line is None else plain(line.shown)

    is_quiet = told.startswith("(")
    assert shown(verbose=True) == (told[1:-1] if is_quiet else told)
    assert shown(verbose=False) == ("" if is_quiet else told)


@pytest.mark.parametrize(
    ("count", "told"),
    [(1, "blocks s0"), (2, "blocks s0, s1"), (8, "blocks s0, s1, s2, s3, s4, s5 and 2 more")],
)
def test_a_failure_tells_what_it_blocks(count: int, told: str) -> None:
    failed = Life(Phase.FAILED, exit_status=1, reason="exited with status 1")
    blocks = tuple(f"s{n}" for n in range(count))
    line = state_line(PLAN, RUN, failed, 1, UNICODE, blocks=blocks)
    assert line is not None
    assert plain(line.shown) == f"✗ exited (1) · {told}"


def fleet(needs: dict[str, str] | None = None, **phases: Phase) -> Fleet:
    plans = {
        name: replace(
            PLAN,
            name=name,
            hostname=f"{name}.localhost",
            url=f"http://{name}.localhost",
            needs=(Need(needs[name], Condition.READY),) if needs and name in needs else (),
        )
        for name in phases
    }
    return Fleet(plans, {n: Life(phase) for n, phase in phases.items()}, frozenset(phases))


def test_blocked_instances_belong_to_the_one_at_the_end_of_their_needs() -> None:
    some = fleet(
        {"web": "api", "api": "db", "old": "cache"},
        web=Phase.BLOCKED,
        api=Phase.BLOCKED,
        db=Phase.FAILED,
        old=Phase.BLOCKED,
        cache=Phase.FAILED,
    )
    assert blocked_by(some, ["web", "api", "db", "old"]) == {"db": ("web", "api")}


def test_a_hint_is_told_with_its_cause_alone() -> None:
    life = Life(Phase.FAILED, reason="exited with status 1: no module x")
    cause = Cause("missing module", "no module x", "install it")
    assert hint_of(cause, life) == "install it"
    assert hint_of(replace(cause, text="another"), life) == ""
    assert hint_of(None, life) == ""
    assert hint_of(cause, replace(life, reason=f"{life.reason}; install it")) == ""


def start_text(of: Fleet) -> list[str]:
    lines = start_lines(of, 2.04, UNICODE, lambda name: (Span(f"{name} ", "name"),))
    return [plain(line) for line in lines]


def test_a_good_start_ends_with_the_names() -> None:
    assert start_text(fleet(web=Phase.READY, job=Phase.COMPLETED)) == [
        "[portweave] all ready in 2.0 s",
        "  web  http://web.localhost",
    ]
    assert start_text(fleet(job=Phase.COMPLETED)) == ["[portweave] all done in 2.0 s"]


def test_a_bad_start_ends_with_counts_and_what_tells_more() -> None:
    some = fleet(a=Phase.BLOCKED, b=Phase.FAILED, c=Phase.BLOCKED, d=Phase.UNHEALTHY)
    assert start_text(some) == [
        "[portweave] not all ready after 2.0 s: 1 failed, 2 blocked, 1 unhealthy · portweave why b"
    ]
