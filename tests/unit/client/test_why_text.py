"""What `why` prints: sentences, and advice with a command."""

import re
from collections.abc import Iterator

import pytest

from portweave.client.why_text import Line, advice, cause_sentence, lines_of, state_parts
from portweave.encoding.text_style import Span, plain
from portweave.encoding.value import replace
from portweave.supervisor.diagnosis.cause import Cause, as_json
from portweave.supervisor.diagnosis.fixed_port import FixedPort
from portweave.supervisor.diagnosis.printed_error import find_error
from portweave.supervisor.diagnosis.reasons import End, diagnose
from portweave.supervisor.reporting.explanation import Output, explain
from portweave.supervisor.services.lifecycle import Life, Phase
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.restart_policy import RestartStreak

NOW_S = 1_767_323_045.0
AT = "2026-01-02T03:04:27.500Z"  # 22.5 s after it
PLAN = InstancePlan("web", "web", 1, "web-main", ("run",), "run", "/", port=42003)
# What a run ended with, as the services' output tells.
ENDS = {
    "crash": End(3),
    "signal": End(139),
    "python error": End(1, ("Traceback (most recent call last):", "KeyError: 1")),
    "missing command": End(127, ("sh: 1: vite: not found",)),
    "not executable": End(126, ("sh: 1: ./x: Permission denied",)),
    "missing module": End(1, ("ModuleNotFoundError: No module named 'flask'",)),
    "missing file": End(2, ("python3: can't open file '/p/a.py': [Errno 2] No such file",)),
    "missing script": End(1, ("npm error Missing script: dev",)),
    "missing variable": End(1, ("KeyError: 'DATABASE_URL'",)),
    "syntax error": End(1, ('  File "a.py", line 2', "SyntaxError: invalid syntax")),
    "shell syntax": End(2, ("sh: 1: Syntax error: end of file unexpected",)),
    "port in use": End(1, ("Error: listen EADDRINUSE: address already in use :::3000",)),
    "out of memory": End(134, ("FATAL ERROR: JavaScript heap out of memory",)),
    "kernel": End(137, out_of_memory=True),
    "killed": End(137),
    "connection refused": End(1, ("Error: connect ECONNREFUSED 127.0.0.1:5432",)),
    "permission": End(1, ("PermissionError: [Errno 13] Permission denied: '/x'",)),
    "ended": End(0),
    "background": End(0, left_behind="left pid 7 behind", command="daemon"),
    "signalled": End(137, signalled="portweave kill has sent it SIGKILL"),
}  # fmt: skip
OUTPUTS = {
    "nothing": Output(),
    "an error": Output(find_error(["Traceback (most recent call last):", "KeyError: 1"])),
    "lines": Output(None, ("starting",)),
    "a full disk": Output(dropped="7 bytes could not be written: no space"),
}
REASONS = (
    "",
    "no listener",
    "nothing of it listens on port 42003",
    "http://127.0.0.1:42003/health answers 503",
    "given 42003, listens on 42990",
    "its port 42003 is held by pid 7 (node)",
    "cannot be started: Exec format error",
    "not ready after 3 s: no line matches 'on'",
)


def histories() -> Iterator[tuple[str, dict[str, object]]]:
    """An answer of `why` for each phase, reason, end and output."""
    causes = {"nothing": (None, None)} | {name: (end, diagnose(end)) for name, end in ENDS.items()}
    for phase in Phase:
        for reason in REASONS:
            for ended, (end, last) in causes.items():
                for printed, output in OUTPUTS.items():
                    crash = last.text if last is not None and end and end.status else ""
                    streak = 3 if phase in (Phase.BACKOFF, Phase.STARTING) else 0
                    life = Life(
                        phase,
                        reason=reason or crash,
                        exit_status=end.status if end else None,
                        crash=crash,
                        restarts=streak,
                        streak=RestartStreak(streak, 1.0),
                        other_ports=(42990,) if "42990" in reason else (),
                    )
                    about = f"{phase}, {reason!r}, {ended}, {printed}, {streak}"
                    yield about, answer(life, last, output)


def answer(life: Life, last: Cause | None, output: Output) -> dict[str, object]:
    cause = explain(PLAN, life, last, "", output, 100.0, stopped_by_user=False)
    row: dict[str, object] = {
        "name": "web",
        "instance": 1,
        "fullName": "web-main",
        "state": str(life.phase),
        "exitCode": life.exit_status,
        "chain": ["web"],
        "cause": dict(as_json(cause)),
        "lastLines": [],
    }
    if life.phase is Phase.BACKOFF:
        row["nextTryAt"] = AT
    return row


def told(row: dict[str, object], good_age: str | None = None) -> list[str]:
    lines = lines_of(row, now_s=NOW_S, good_age=good_age)
    return [(" " * line.indent + plain(line.parts)).rstrip() for line in lines]


def test_each_phase_and_reason_gives_sentences_and_advice() -> None:
    bad: list[str] = []
    for about, row in histories():
        sentences = told(row)
        hints = [line for line in sentences if line.startswith("  hint: ")]
        others = [line for line in sentences if line not in hints]
        # A state or a cause is a sentence; what is wrong has an advice.
        wrong = [line for line in others if not re.fullmatch(r" *[^\s].*[.!?…]", line)]
        wrong += [line for line in others[1:] if re.match(r" *(?!portweave )[a-z]", line)]
        wrong += [line for line in hints if len(line.split()) < 3]
        is_wrong_port = "instead of" in others[0]
        kind = str(dict(row["cause"])["kind"])  # type: ignore[call-overload]  # pyright: ignore
        if not hints and kind != "none" and not is_wrong_port:
            wrong.append("no advice")
        if row["state"] == "backoff" and any("portweave wait" in line for line in hints):
            wrong.append("advises to wait in a crash loop")
        bad += [f"{about}: {what}" for what in wrong]
    assert bad[:10] == []


def test_backing_off_says_when_the_next_try_is() -> None:
    crash = Life(Phase.BACKOFF, reason="exited with status 3", crash="exited with status 3")
    crash = replace(crash, streak=RestartStreak(3, 2.0))
    assert told(answer(crash, Cause("crash", "exited with status 3"), Output())) == [
        "web is backing off, next try in 23 s.",
        "  It crashed 3 times in a row, the last: exited with status 3.",
        "  hint: correct the cause; portweave restart web then starts it at once",
    ]


def test_a_wrong_port_is_one_sentence_with_the_edit() -> None:
    plan = replace(
        PLAN, fixed_ports=(FixedPort(42990, "42990", "write $PORT for 42990 in the command"),)
    )
    life = Life(Phase.STARTING, other_ports=(42990,))
    cause = explain(plan, life, None, "", Output(), 100.0, stopped_by_user=False)
    row: dict[str, object] = {"name": "wrongport", "state": "starting", "cause": as_json(cause)}
    assert told(row) == [
        (
            "wrongport was started, and listens on 42990 instead of 42003:"
            " write $PORT for 42990 in the command."
        )
    ]


def test_the_culprit_of_a_chain_is_told_below_it() -> None:
    row: dict[str, object] = {
        "name": "web",
        "instance": 2,
        "state": "blocked",
        "chain": ["web.2", "api", "db"],
        "culprit": {"name": "db", "instance": 1, "fullName": "db-main", "state": "failed"},
        "cause": {"kind": "crash", "text": "exited with status 3", "hint": None},
        "lastLines": ["first", "x" * 600],
    }
    lines = told(row)
    assert lines[:6] == [
        "web.2 is blocked: it waits for api, which waits for db.",
        "  db has failed, and is not started again.",
        "  It exited with status 3.",
        "  hint: correct the cause, then portweave restart db",
        "",
        "Its last lines:",
    ]
    assert lines[6] == "  db | first"
    assert lines[7].endswith("x…")


def test_nothing_is_wrong() -> None:
    assert told(answer(Life(Phase.READY), None, Output())) == [
        "web is ready.",
        "  Nothing is wrong: it is ready.",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["", "Since it last was ready, 3m ago, nothing has changed that portweave knows of."]),
        (
            {"differences": ["command"], "changedFiles": list("abcdefg")},
            [
                "",
                "Since it last was ready, 3m ago, this has changed:",
                "  command",
                "  files: a, b, c, d, e and 2 more",
            ],
        ),
    ],
)
def test_what_has_changed_since_it_was_ready(
    changes: dict[str, object], expected: list[str]
) -> None:
    row = answer(Life(Phase.UNHEALTHY, ready_s=1.0), None, Output())
    assert told({**row, **changes}, "3m")[-len(expected) :] == expected


def test_a_service_without_a_stack() -> None:
    cause = {"kind": "not running", "text": "no stack is running; it had ended well"}
    row: dict[str, object] = {"name": "web", "state": "stopped", "cause": cause}
    assert told(row) == [
        "web is stopped: no stack is running.",
        "  It had ended well.",
        "  hint: portweave up -d starts the stack",
    ]
    row["cause"] = {"kind": "crash", "text": "exited with status 3"}
    assert told(row)[1] == "  Its last run ended badly: exited with status 3."


@pytest.mark.parametrize(
    ("state", "more", "expected"),
    [
        ("waiting", {}, "web is waiting for its start."),
        ("blocked", {}, "web is blocked: what it needs has failed."),
        ("starting", {}, "web is starting, and is not ready yet."),
        ("ready", {}, "web is ready."),
        ("unhealthy", {}, "web runs, but is unhealthy."),
        ("backoff", {}, "web is backing off, and is started again soon."),
        ("backoff", {"nextTryAt": "2026-01-02T03:04:05.000Z"}, "web is backing off, next try now."),
        ("stopping", {}, "web is being stopped."),
        ("stopped", {}, "web is stopped."),
        ("exited", {"exitCode": 0}, "web has exited with status 0."),
        ("completed", {}, "web has completed."),
        ("failed", {}, "web has failed, and is not started again."),
    ],
)
def test_each_state_is_a_sentence_with_the_state_marked(
    state: str, more: dict[str, object], expected: str
) -> None:
    row: dict[str, object] = {"name": "web", "fullName": "web-main", "state": state, **more}
    parts = state_parts(row, ["web"], NOW_S)
    assert plain(parts) == expected
    assert [part.role for part in parts if isinstance(part, Span)] == [state]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("crash", "exited with status 3", "It exited with status 3."),
        ("crash", "ended by signal 9 (SIGKILL)", "It was ended by signal 9 (SIGKILL)."),
        ("port in use", "port 3000 is in use by pid 7", "Port 3000 is in use by pid 7."),
        ("missing command", "x: not found", "A command is missing: x: not found."),
        ("shell syntax", "`source` is syntax of bash", "`source` is syntax of bash."),
        ("watch loop", "data/x changes again: a loop", "data/x changes again: a loop."),
        ("not ready", "not ready after 3 s: x", "It was not ready after 3 s: x."),
        ("not ready", "a\nb!", "It is not ready: a b!"),
        ("unhealthy", "nothing listens", "It is unhealthy: nothing listens."),
        ("not ready", "it has not sent READY=1", "It has not sent READY=1."),
        ("out of memory", "out of memory", "It ran out of memory."),
    ],
)  # fmt: skip
def test_a_cause_is_a_sentence(kind: str, text: str, expected: str) -> None:
    assert cause_sentence(kind, text) == expected


def test_a_hook_runs_again_with_the_stack() -> None:
    row: dict[str, object] = {"name": "setup", "instance": 1, "state": "failed", "hook": True}
    assert advice("crash", row) == "correct the cause, then portweave up runs setup again"


def test_advice_names_the_instance() -> None:
    assert advice("crash", {"name": "web", "instance": 2, "state": "failed"}) == (
        "correct the cause, then portweave restart web.2"
    )


def test_lines_hang_below_their_text() -> None:
    lines = lines_of(answer(Life(Phase.STARTING), None, Output()), now_s=NOW_S, good_age=None)
    assert [(line.indent, line.hang) for line in lines] == [(0, 0), (2, 2), (2, 8)]
    assert Line() == Line((), 0, 0)
