"""A stack of several definition files of one worktree, each in a folder of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import (
    IDLE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.detached_stacks import Detached

LISTENS = "{command: exec python3 -S -m http.server $PORT --bind $HOST, ready: {tcp: true}}"


@pytest.fixture
def folders(project: Path, git: "Git") -> tuple[Path, Path]:
    """Two folders of a worktree; each has a service of its own, and both have `db`."""
    git("init", "-q", cwd=project)
    a, b = project / "a", project / "b"
    for folder, name in ((a, "api"), (b, "web")):
        folder.mkdir()
        write(folder, f"services: {{{name}: {IDLE}, db: {IDLE}}}\n")
    return a, b


@pytest.fixture
def both(detached: "Detached", folders: tuple[Path, Path]) -> "Detached":
    """The stack that `up` in each of them has made."""
    a, b = folders
    detached("up", "-d", cwd=a)
    said = detached("up", "-d", cwd=b).stderr
    assert "db: as in a/portweave.yaml, which was there first; a stack has one of a name" in said
    assert "runs already; started: web\n" in said
    detached.remember_processes()
    return detached


def states(detached: "Detached") -> dict[str, str]:
    return {name: row["state"] for name, row in detached.ps().items()}


def test_services_that_up_starts_in_several_folders_belong_to_one_stack(
    both: "Detached", folders: tuple[Path, Path]
) -> None:
    for folder in folders:
        assert "nothing has changed" in both("reload", "--dry-run", cwd=folder).stderr
        assert "nothing has changed" in both("reload", cwd=folder).stderr
        assert "with all that was asked for" in both("up", "-d", cwd=folder).stderr
    both("stop")
    assert "started web, api, db" in both("start").stderr
    both("wait")
    assert states(both) == {"api": "ready", "db": "ready", "web": "ready"}


@pytest.mark.slow
def test_each_file_defines_its_own_services(both: "Detached", folders: tuple[Path, Path]) -> None:
    a, b = folders
    write(b, f"services: {{web: {IDLE}, job: {IDLE}, db: {IDLE}}}\n")
    assert "[portweave] job would start\n" in both("reload", "--dry-run", cwd=a).stderr
    said = both("reload", cwd=a).stderr
    assert "[portweave] job starts\n[portweave] unchanged: api, db, web" in said
    write(b, "services: [")
    pids = {name: row["pid"] for name, row in both.ps().items()}
    assert "(PW0102)" in both("reload", cwd=a, status=1).stderr
    assert {name: row["pid"] for name, row in both.ps().items()} == pids
    # What has gone with its file is stopped.
    (b / "portweave.yaml").unlink()
    said = both("reload", cwd=a).stderr
    assert "[portweave] web stops\n[portweave] job stops\n" in said
    assert "unchanged: api, db" in said


@pytest.mark.slow
def test_services_of_each_can_be_scaled_from_anywhere(
    both: "Detached", folders: tuple[Path, Path], project: Path
) -> None:
    a, b = folders
    assert "[portweave] web.2 starts\n" in both("scale", "web=2", cwd=a).stderr
    assert "[portweave] api.2 starts\n" in both("scale", "api=2", cwd=b).stderr
    both("scale", "db=2", "-f", "b/portweave.yaml", cwd=project)
    both("wait")
    assert set(states(both)) == {"api", "api.2", "db", "db.2", "web", "web.2"}
    # It is remembered where the service is defined, by `up` too.
    both("up", "-d", "--scale", "web=3", cwd=b)
    assert "nothing has changed" in both("reload", cwd=a).stderr
    refused = both("scale", "nope=2", cwd=a, status=1).stderr
    assert "there are api, db, web" in refused
    both("stop")
    assert both("start").stderr.count(",") == 6
    # A service that has gone is no longer asked for so many times.
    write(b, f"services: {{other: {IDLE}}}\n")
    assert "[portweave] web.3 stops\n" in both("reload", cwd=b).stderr


@pytest.mark.slow
def test_services_that_several_commands_add_at_once_are_all_kept(
    detached: "Detached", folders: tuple[Path, Path], project: Path
) -> None:
    a, _ = folders
    detached("up", "-d", cwd=a)
    names = [f"more{number}" for number in range(4)]
    for name in names:
        write(project, f"services: {{{name}: {IDLE}}}\n", f"{name}.yaml")
    words = [["up", "-d", "-f", f"{name}.yaml"] for name in names]
    running = [detached.beside(*line) for line in (*words, ["scale", "api=2"], ["scale", "db=2"])]
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 6, said
    detached.remember_processes()
    assert set(states(detached)) == {"api", "api.2", "db", "db.2", *names}
    assert "nothing has changed" in detached("reload").stderr


@pytest.mark.slow
def test_a_named_file_becomes_the_only_one_of_the_stack(
    both: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    said = both("reload", "-f", "b/portweave.yaml", cwd=project).stderr
    assert "[portweave] api stops\n" in said
    eventually(lambda: set(states(both)) == {"db", "web"})
    assert "nothing has changed" in both("reload").stderr


@pytest.mark.slow
def test_two_services_with_the_same_port_do_not_run_together(
    detached: "Detached", folders: tuple[Path, Path], project: Path, cli: "Cli"
) -> None:
    a, b = folders
    write(a, f"services: {{api: {LISTENS}}}\n")
    write(b, f"services: {{web: {LISTENS}}}\n")
    detached("up", "-d", cwd=a)
    detached.remember_processes()
    port = detached.ps()["api"]["port"]
    (project / ".env").write_text(f"WEB_PORT={port}\n")
    refused = detached("up", "-d", cwd=b, status=1).stderr
    assert f"web is to use port {port}, but that is the port of api of this stack" in refused
    assert "(PW0902)" in refused
    assert states(detached) == {"api": "ready"}
