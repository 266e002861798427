import pytest

from portweave.supervisor.diagnosis.background import background_hint, job_cause, watcher_cause


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("nginx -c web.conf", "daemon off"),
        ("redis-server --daemonize yes", "--daemonize no"),
        ("pg_ctl start -D data", "postgres -D"),
        ("docker run -d web", "without -d"),
        ("./server &", "without &"),
        ("./server", "--foreground"),
    ],
)
def test_the_hint_names_the_option_of_the_program(command: str, option: str) -> None:
    assert option in background_hint(command)


@pytest.mark.parametrize(
    ("command", "has_jobs"),
    [
        ("a & b &", True),
        ("a & b & wait", False),
        ("a && b", False),
        ("a 2>&1", False),
        ("a |& b", False),
        ("(a &); sleep 1", True),
    ],
)
def test_background_jobs_are_found(command: str, has_jobs: bool) -> None:
    assert (job_cause(command) is not None) is has_jobs


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("esbuild --watch", "--watch=forever"),
        ("tailwindcss -w", "--watch=always"),
        ("tsc --watch </dev/null", "</dev/null"),
        ("tsc --watch", "option"),
    ],
)
def test_a_watcher_that_ended_gets_a_hint(command: str, hint: str) -> None:
    cause = watcher_cause(command)
    assert cause is not None
    assert hint in cause.hint


def test_other_commands_are_no_watchers() -> None:
    assert watcher_cause("node server.js") is None
