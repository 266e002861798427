"""The lines about instances on a terminal, from reasons and events."""

import pytest

from portweave.encoding.marks import ASCII, UNICODE
from portweave.encoding.text_style import Span, plain
from portweave.supervisor.reporting.state_lines import (
    event_line,
    short_reason,
    url_lines,
)

# Reason, exit status, and the three parts of its short form.
REASONS = [
    ("exited with status 1", 1, ("exited (1)", "", "")),
    (
        "exited with status 1: KeyError: 'x' (app.py:4)",
        1,
        ("exited (1)", ": KeyError 'x', app.py:4", ""),
    ),
    (
        "exited with status 1: boom (see above); gave up after 3 restarts",
        1,
        ("exited (1)", ": boom (see above)", "gave up after 3 restarts"),
    ),
    (
        "exited with status 1: no module x (a/b.js:10), again; another start cannot help",
        1,
        (
            "exited (1)",
            ": no module x, a/b.js:10",
            "another start cannot help",
        ),
    ),
    (
        "exited with status 127 (command not found); starting it again cannot help",
        127,
        ("exited (127)", ": command not found", "starting it again cannot help"),
    ),
    (
        "ended by signal 9 (SIGKILL): it was killed by SIGKILL, and not by portweave",
        137,
        ("ended by SIGKILL", ", not by portweave", ""),
    ),
    ("ended by signal 11 (SIGSEGV)", 139, ("ended by SIGSEGV", "", "")),
    ("exited with status 12", 1, ("failed", ": exited with status 12", "")),
    ("not ready after 5 s: http 503", 143, ("failed", ": not ready after 5 s: http 503", "")),
    ("two\n  lines", None, ("failed", ": two lines", "")),
    ("", None, ("failed", "", "")),
]


@pytest.mark.parametrize(("reason", "status", "short"), REASONS)
def test_reasons_are_shortened(reason: str, status: int | None, short: tuple[str, ...]) -> None:
    assert short_reason(reason, status) == short


# Fields of an event, and its line.
EVENTS: dict[str, tuple[dict[str, object], str]] = {
    "nothing to report": ({"state": "waiting", "text": None}, ""),
    "ready": ({"state": "ready", "text": "web ready on 3000 (0.5 s)"}, "✓ ready on 3000 (0.5 s)"),
    "ready again": (
        {"state": "ready", "restarts": 1, "text": "web ready on 3000 (0.5 s)"},
        "✓ ready again on 3000 (0.5 s)",
    ),
    "healthy again": (
        {"state": "ready", "restarts": 1, "text": "web is ready again"},
        "✓ ready again",
    ),
    "ready on another port": (
        {
            "state": "ready",
            "text": "web ready (1.5 s, given 3000, listens on 4000)",
            "reason": "given 3000, listens on 4000",
        },
        "! ready (1.5 s, given 3000, listens on 4000)",
    ),
    "listens on another port": (
        {"state": "starting", "text": "web listens on port 4000, not on its own, 3000"},
        "! listens on port 4000, not on its own, 3000",
    ),
    "ready without a listener": (
        {"state": "ready", "text": "web ready (1.5 s, no listener)", "reason": "no listener"},
        "! ready (1.5 s, no listener)",
    ),
    "completed": ({"state": "completed", "text": "web completed (1.0 s)"}, "✓ completed (1.0 s)"),
    "failed": (
        {
            "state": "failed",
            "text": "web failed: …",
            "reason": "exited with status 3: no",
            "exitCode": 3,
        },
        "✗ exited (3): no",
    ),
    "restart after a pause": (
        {
            "state": "backoff",
            "text": "web exited with status 3; restart in 0.5 s",
            "reason": "exited with status 3",
            "exitCode": 3,
            "restarts": 2,
        },
        "✗ exited (3) · restart 3 in 0.5 s",
    ),
    "restart at once": (
        {
            "state": "backoff",
            "text": "web exited with status 3; restarting",
            "reason": "exited with status 3",
            "exitCode": 3,
            "restarts": 0,
        },
        "✗ exited (3) · restart 1 now",
    ),
    "starts again": (
        {"state": "starting", "previous": "backoff", "text": "web starts again (restart 1)"},
        "",
    ),
    "starts": ({"state": "starting", "text": "web starts: run"}, "▸ starts: run"),
    "blocked": (
        {
            "state": "blocked",
            "text": "web is blocked: db is failed: no",
            "reason": "db is failed: no",
        },
        "✗ blocked: db is failed",
    ),
    "exited": (
        {"state": "exited", "text": "web exited with status 0", "exitCode": 0},
        "▸ exited (0)",
    ),
    "unhealthy": ({"state": "unhealthy", "text": "web is unhealthy: 503"}, "! unhealthy: 503"),
    "stopped": ({"state": "stopped", "text": "web stopped"}, "▸ stopped"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_has_its_line(name: str) -> None:
    event, shown = EVENTS[name]
    line = event_line(event, "web", UNICODE)
    assert ("" if line is None else plain(line.shown)) == shown


def test_states_have_their_role() -> None:
    line = event_line({"state": "ready", "text": "web ready on 1 (2 s)"}, "web", ASCII)
    assert line is not None
    assert line.shown == (Span("+", "ready"), " ", Span("ready on 1", "ready"), " (2 s)")


def test_urls_beyond_a_dozen_are_counted() -> None:
    named = [(f"s{n}", f"http://s{n}.shop.localhost") for n in range(20)]
    lines = [plain(line) for line in url_lines(named, UNICODE, lambda name: (Span(name, "name"),))]
    assert lines[0] == "  s0 http://s0.shop.localhost"
    assert len(lines) == 13
    assert lines[-1] == "  … and 8 more: portweave ps"
