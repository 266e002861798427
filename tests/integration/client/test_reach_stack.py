"""A stack that runs can be reached, and one that is about to end gives way to the next."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import (
    IDLE,
    PAIR,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

# Ends two seconds after it was told to.
LINGERS = "{command: \"trap 'sleep 2; exit' TERM; while :; do sleep 0.05; done\", port: false}"


@pytest.fixture
def runtime(cli: "Cli") -> Iterator[Path]:
    """A runtime folder of the test's own; its path is short, for a socket has to fit into it."""
    with tempfile.TemporaryDirectory(prefix="pw-runtime-", ignore_cleanup_errors=True) as name:
        cli.environ["XDG_RUNTIME_DIR"] = name
        yield Path(name)


@pytest.mark.slow
def test_ten_commands_at_once_start_one_stack_and_all_succeed(
    detached: "Detached", project: Path
) -> None:
    write(project, PAIR)
    ups = [detached.beside("up", "-d") for _ in range(10)]
    said = [process.communicate(timeout=90)[1] for process in ups]
    assert [process.returncode for process in ups] == [0] * 10, said
    assert sum("runs already" in text for text in said) == 9
    detached.down()


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["supervisor", "guardian", "both"])
def test_a_stack_starts_again_right_after_a_kill(
    detached: "Detached", project: Path, victim: str
) -> None:
    write(project, f"services: {{web: {LINGERS}, api: {IDLE}}}\n")
    detached.up()
    before = detached.ps()["web"]["pid"]
    if victim == "both":
        detached.kill_both()
    else:
        getattr(detached, victim)().kill()
    detached.up()
    assert detached.ps()["web"]["pid"] != before
    detached.down()


@pytest.mark.slow
def test_a_stack_starts_again_right_after_down(detached: "Detached", project: Path) -> None:
    write(project, f"services: {{web: {LINGERS}}}\n")
    detached.up()
    before = detached.ps()["web"]["pid"]
    ending = detached.beside("down")
    while detached.ps()["web"]["state"] != "stopping":
        continue
    assert "it is started again when it has ended" in detached.up()
    ending.communicate(timeout=20)
    assert detached.ps()["web"]["pid"] != before
    detached.down()


@pytest.mark.slow
def test_a_socket_in_a_deleted_folder_is_restored(
    detached: "Detached", project: Path, runtime: Path
) -> None:
    write(project, PAIR)
    detached.up()
    path = Path(detached.record()["socket"])
    # What is removed is the test's own folder, whatever the record says.
    assert path.parent == runtime / "portweave"
    shutil.rmtree(runtime / "portweave")
    # It waits until the supervisor has looked.
    assert set(detached.ps()) == {"api", "web"}
    assert detached.record()["socket"] == str(path)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    detached.down()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_reported(
    detached: "Detached", project: Path, runtime: Path
) -> None:
    place = runtime / "portweave"
    place.mkdir()
    os.chown(place, 54_321, 54_321)
    write(project, PAIR)
    said = detached.up()
    assert f"warning: {place} belongs to uid 54321" in said
    assert detached.record()["socket"] in said
    assert set(detached.ps()) == {"api", "web"}
    detached.down()
