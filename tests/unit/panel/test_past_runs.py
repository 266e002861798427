import json

from hypothesis import given
from hypothesis import strategies as st

from portweave.panel.past_runs import LOST, MOST_RUNS, EventHistory, PastRun


def line(kind: str, at: int, **fields: object) -> bytes:
    return json.dumps({"event": kind, "time": stamp(at), **fields}).encode()


def change(at: int, name: str, state: str, **fields: object) -> bytes:
    return line(f"service {state}", at, name=name, state=state, **fields)


def stamp(at: int) -> str:
    return f"2026-01-01T00:00:{at:02}.000Z"


STARTED, ENDED = line("stack started", 0), line("stack ended", 59)


def test_a_crash_and_the_run_after_it() -> None:
    history = EventHistory(
        [
            STARTED,
            change(1, "web", "starting", restarts=0),
            change(2, "web", "ready"),
            change(3, "web", "unhealthy"),
            change(4, "web", "ready"),
            change(5, "web", "backoff", exitCode=3, reason="exited with status 3"),
            change(6, "web", "starting", restarts=1),
        ]
    )
    assert history.runs("web") == [
        PastRun(stamp(6), restarts=1),
        PastRun(stamp(1), stamp(2), stamp(5), "backoff", 3, "exited with status 3", 0),
    ]
    assert history.runs("api") == []


def test_instances_are_apart() -> None:
    history = EventHistory(
        [STARTED, change(1, "web", "starting"), change(2, "web", "starting", instance=2)]
    )
    assert [run.started_at for run in history.runs("web")] == [stamp(1)]
    assert [run.started_at for run in history.runs("web.2")] == [stamp(2)]


def test_runs_of_a_killed_portweave_have_no_end() -> None:
    lines = [STARTED, change(1, "web", "starting"), line("stack started", 9)]
    (run,) = EventHistory(lines).runs("web")
    assert (run.end, run.ended_at) == (LOST, None)


def test_how_a_stack_ended() -> None:
    def end(*lines: bytes) -> tuple[bool, str] | None:
        found = EventHistory(lines).end()
        return None if found is None else (found.is_bad, found.text)

    good = change(2, "web", "ready")
    failed = change(3, "web", "failed", reason="exited with status 3")
    blocked = change(4, "api", "blocked", reason="web failed")
    assert end() is None
    assert end(STARTED, good, ENDED) == (False, "")
    assert end(STARTED, failed, ENDED) == (True, "web failed: exited with status 3")
    assert end(STARTED, blocked, failed, ENDED) == (
        True,
        "web failed: exited with status 3, and 1 more",
    )
    assert end(STARTED, blocked, ENDED) == (True, "api was blocked: web failed")
    assert end(STARTED, failed, ENDED, STARTED, good, ENDED) == (False, "")
    assert end(STARTED, good) == (True, "portweave was killed")
    # It was started again, and stopped.
    assert end(STARTED, failed, good, change(5, "web", "stopped"), ENDED) == (False, "")


def test_only_the_newest_runs_are_kept() -> None:
    lines = [STARTED]
    for at in range(MOST_RUNS * 2):
        lines += [change(at % 60, "web", "starting", restarts=at), change(at % 60, "web", "exited")]
    runs = EventHistory(lines).runs("web")
    assert [run.restarts for run in runs] == list(range(MOST_RUNS * 2))[: MOST_RUNS - 1 : -1]


@given(st.lists(st.binary(max_size=50)))
def test_other_lines_are_ignored(lines: list[bytes]) -> None:
    history = EventHistory([*lines, b'{"event": 7, "state": "ready", "name": []}', b"[]"])
    assert history.runs("web") == []
