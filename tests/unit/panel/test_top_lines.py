from typing import Any

import pytest

from portweave.panel.top_lines import (
    Line,
    apply_event,
    cells_of,
    column_names,
    fitted,
    heading,
    lines,
    moved_selection,
    name_width,
    window,
    wrapped,
)

NOW_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def row(name: str, state: str = "ready", **fields: object) -> dict[str, object]:
    return {"name": name, "instance": 1, "fullName": f"{name}-main", "state": state, **fields}


def stack(id_: str, *services: dict[str, object], **fields: object) -> dict[str, Any]:
    return {
        "id": id_,
        "project": id_,
        "namespace": "main",
        "worktreeRoot": f"/{id_}",
        "services": list(services),
        **fields,
    }


def test_services_follow_their_stack_and_stacks_are_sorted_by_project() -> None:
    api = row(
        "api",
        pid=1,
        port=3000,
        restarts=2,
        cpuPercent=1.5,
        rssBytes=21_000_000,
        startedAt="2025-12-31T23:57:00.000Z",
    )
    jobs = row("jobs", "failed", instance=2, reason="exit\x1b[2J status 1")
    shown = lines([stack("shop", api, jobs), stack("blog", problem="it is silent")], NOW_S)
    assert [(line.text.split(), line.tone, line.service, line.is_up) for line in shown] == [
        (["blog", "main", "/blog"], "stack", None, False),
        (["it", "is", "silent"], "bad", None, False),
        (["shop", "main", "/shop"], "stack", None, False),
        (
            ["api", "ready", "3000", "3m", "2", "1.5%", "21", "MB"],
            "good",
            ("shop", "api"),
            True,
        ),
        (
            ["jobs.2", "failed", "-", "-", "-", "-", "-", "exit?[2J", "status", "1"],
            "bad",
            ("shop", "jobs.2"),
            False,
        ),
    ]


def test_the_heading_counts() -> None:
    assert heading([]).text == "portweave  0 stacks  0 services  0 MB"
    some = stack("a", row("x", rssBytes=1_500_000_000), row("y", "backoff", rssBytes=None))
    assert heading([some]).text == "portweave  1 stack  2 services  1 with problems  1.5 GB"


A, B, C = ("s", "a"), ("s", "b"), ("s", "c")
SHOWN = [Line("", service=None), *(Line("", service=one) for one in (A, B, C))]


@pytest.mark.parametrize(
    ("chosen", "step", "found"),
    [
        (None, 0, A),
        (A, 1, B),
        (B, -1, A),
        (A, -1, A),
        (B, 10, C),
        (("s", "gone"), 0, A),
        (C, 1 << 20, C),
    ],
)
def test_the_selection_moves_between_services(
    chosen: tuple[str, str] | None, step: int, found: tuple[str, str]
) -> None:
    assert moved_selection(SHOWN, chosen, step) == found
    assert moved_selection(SHOWN[:1], chosen, step) is None


@pytest.mark.parametrize(
    ("count", "height", "at", "found"),
    [
        (3, 10, 0, range(3)),
        (10, 3, 0, range(3)),
        (10, 3, 5, range(4, 7)),
        (10, 3, 9, range(7, 10)),
        (10, 0, 5, range(5, 5)),
        (0, 5, 0, range(0)),
    ],
)
def test_the_selected_line_is_visible(count: int, height: int, at: int, found: range) -> None:
    assert window(count, height, at) == found


def test_events_are_applied() -> None:
    stacks: dict[str, dict[str, object]] = {}
    apply_event(stacks, "stacks", {"stacks": [stack("a"), stack("b")]})
    apply_event(stacks, "stack", stack("a", row("x")))
    apply_event(stacks, "gone", {"id": "b"})
    apply_event(stacks, "gone", {"id": "never"})
    apply_event(stacks, "worktrees", {})
    assert stacks == {"a": stack("a", row("x"))}


@pytest.mark.parametrize(
    ("text", "width", "shown", "pieces"),
    [
        ("", 5, "", [""]),
        ("abc", 3, "abc", ["abc"]),
        ("abcdef", 4, "abc…", ["abcd", "ef"]),
        ("日本語", 6, "日本語", ["日本語"]),
        # A character of two cells is not cut in half.
        ("日本語", 5, "日本…", ["日本", "語"]),
        ("日本語", 4, "日…", ["日本", "語"]),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…", ["e\u0301e\u0301", "e\u0301"]),
        ("abc", 1, "…", ["a", "b", "c"]),
        ("日本", 1, "…", []),
        ("abc", 0, "", []),
    ],
)
def test_texts_fit(text: str, width: int, shown: str, pieces: list[str]) -> None:
    assert fitted(text, width) == shown
    assert cells_of(shown) <= width
    assert list(wrapped(text, width)) == pieces


def test_names_are_not_cut_on_a_wide_screen() -> None:
    name = "a-service-with-a-really-long-name"
    stacks = [stack("shop", row(name), row("日本語の名前です"))]
    for width, cells in ((40, 22), (80, 22), (200, len(name) + 2)):
        names = name_width(stacks, width)
        assert names == cells
        texts = [line.text for line in lines(stacks, NOW_S, names) if line.service]
        ends = {cells_of(text.partition("ready")[0]) for text in texts}
        assert ends == {2 + cells} == {column_names(names).index("STATE")}
    assert name_width([], 80) == 12
