import pytest

from portweave.supervisor.processes.exit_status import describe_exit


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (126, "exited with status 126 (not executable)"),
        (127, "exited with status 127 (command not found)"),
        (128, "exited with status 128"),
        (137, "ended by signal 9 (SIGKILL)"),
        (143, "ended by signal 15 (SIGTERM)"),
        # No signal has this number on both systems.
        (255, "exited with status 255"),
    ],
)
def test_an_exit_status_is_described(status: int, words: str) -> None:
    assert describe_exit(status) == words
