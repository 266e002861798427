"""Commands in unusual folders: errors without a traceback."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli

pytestmark = pytest.mark.slow

VERBS = (
    ("check",),
    ("graph",),
    ("up", "--dry-run"),
    ("env",),
    ("port", "web"),
    ("run", "true"),
    ("export", "compose"),
    ("up", "-d"),
)
# capabilities(7): without these, root has no access to other users' files.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_named_pipe_in_place_of_a_definition_file_is_reported_at_once(
    cli: "Cli", project: Path, words: tuple[str, ...]
) -> None:
    os.mkfifo(project / "Procfile")
    done = cli(*words, cwd=project, timeout_s=20)
    assert done.returncode == 1
    assert "Procfile: it is a named pipe, not a file (PW0102)" in done.stderr


@pytest.mark.parametrize("words", VERBS[3:], ids=" ".join)
def test_a_named_pipe_in_place_of_an_env_file_is_reported_at_once(
    cli: "Cli", project: Path, words: tuple[str, ...]
) -> None:
    (project / "Procfile").write_text("web: sleep 1000\n")
    os.mkfifo(project / ".env")
    done = cli(*words, cwd=project, timeout_s=20)
    assert done.returncode == 1
    assert ".env: it is a named pipe, not a file (PW0504)" in done.stderr


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can give files away"
)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("logs",), "PW0506"),
        (("run", "true"), "PW0505"),
        (("up", "-d"), "PW0505"),
        (("env",), "PW0505"),
        (("ps",), "PW1001"),
    ],
)
def test_in_a_worktree_of_another_user_the_refusal_is_reported(
    cli: "Cli", project: Path, words: tuple[str, ...], code: str
) -> None:
    (project / "Procfile").write_text("web: sleep 1000\n")
    logs = project / ".portweave/logs"
    logs.mkdir(parents=True)
    (logs / "web.log").write_text("said\n")
    for path in (logs.parent, logs, logs / "web.log"):
        os.chown(path, 54_321, 54_321)
        path.chmod(0o700)
    cli.argv[:] = [*WITHOUT_RIGHTS, *cli.argv]
    done = cli(*words, cwd=project, timeout_s=20)
    assert done.returncode == 1
    assert f"({code})" in done.stderr
    assert "Traceback" not in done.stderr
