"""Detached stacks: how they are stopped, whatever their state has gone through."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import (
    IDLE,
    PAIR,
    SLOW,
    STUBBORN,
    alive,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import StartUp


def test_down_stops_a_stack_of_another_terminal(
    project: Path, up: "StartUp", detached: "Detached"
) -> None:
    write(project, PAIR)
    stack = up(project)
    stack.wait_for("all ready in")
    assert detached.record()["detached"] is False
    detached.down()
    assert stack.wait() == 0
    assert "portweave down was called; the stack stops" in stack.said


@pytest.mark.parametrize("limit", ["0", "300ms"])
def test_down_kills_what_does_not_end_in_time(
    detached: "Detached", project: Path, limit: str
) -> None:
    write(project, f"services: {{web: {STUBBORN}, api: {STUBBORN}}}\n")
    detached.up()
    began_s = time.monotonic()
    detached.down("-t", limit)
    # They have twenty seconds by their own definition.
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=["down", "sigterm"])
def test_a_stack_whose_last_service_has_gone_can_be_ended(
    detached: "Detached", project: Path, number: int | None
) -> None:
    write(project, f"services: {{web: {IDLE}}}\n")
    detached.up()
    detached("scale", "web=0")
    assert detached.ps() == {}
    if number is None:
        detached.down("--timeout", "10")
    else:
        guardian = detached.guardian()
        guardian.send_signal(number)
        guardian.wait(10)
        assert not detached.record()


def test_down_shortens_the_end_of_what_is_being_stopped(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {STUBBORN}}}\n")
    detached.up()
    stopping = detached.beside("stop", "web")
    eventually(lambda: detached.ps()["web"]["state"] == "stopping")
    began_s = time.monotonic()
    detached.down("-t", "0.2")
    assert time.monotonic() - began_s < 10
    stopping.communicate(timeout=10)


def test_down_while_it_starts(
    detached: "Detached", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {SLOW}, api: {{command: sleep 1, dependsOn: [web]}}}}\n")
    starting = detached.beside("up", "-d")
    eventually(detached.record)
    detached.down()
    _, said = starting.communicate(timeout=20)
    assert starting.returncode == 1
    assert "not ready: " in said or "(PW1012)" in said


@pytest.mark.slow
def test_down_as_early_as_it_can_come(detached: "Detached", project: Path) -> None:
    write(project, PAIR)
    for _ in range(3):
        starting = detached.beside("up", "-d")
        while not detached.record():
            time.sleep(0.001)
        detached("down")
        starting.communicate(timeout=20)
        assert not detached.record()


@pytest.mark.parametrize("victim", ["supervisor", "guardian", "both"])
def test_down_after_a_kill_finds_nothing_left(
    detached: "Detached", project: Path, victim: str
) -> None:
    write(project, PAIR)
    detached.up()
    family = detached.remember_processes()
    guardian, supervisor = detached.guardian(), detached.supervisor()
    services = [one for one in family if one.pid not in (guardian.pid, supervisor.pid)]
    if victim == "both":
        detached.kill_both()
        # Those with a terminal have been hung up on already.
        assert "no stack is running" in detached("down").stderr
    else:
        (supervisor if victim == "supervisor" else guardian).kill()
        detached("down")
    assert not alive(services)
    assert "no stack is running" in detached("down").stderr


def test_down_ends_what_has_been_killed_since_it_began(
    detached: "Detached", project: Path, cli: "Cli"
) -> None:
    write(project, "services: {web: {command: sleep 1000, port: false, tty: false}}\n")
    detached.up()
    family = detached.remember_processes()
    detached.kill_both()
    # Without the look that each command begins with.
    code = (
        "from portweave.arguments.args import Args;"
        "from portweave.cli.verbs import down; down.run(Args())"
    )
    done = subprocess.run(
        [sys.executable, "-Ic", code],
        cwd=project,
        env=cli.env(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ended 1 process that it left behind" in done.stderr
    assert "no stack is running" in done.stderr
    assert not alive(family)


@pytest.mark.slow
def test_a_worktree_that_was_removed_stays_so(
    repo: Callable[[int], list[Path]], detached_at: "Callable[[Path], Detached]", cli: "Cli"
) -> None:
    main, linked = repo(1)
    write(linked, f"services: {{web: {IDLE}, job: {IDLE}}}\n")
    detached = detached_at(linked)
    detached.up("web")
    namespace = detached.record()["namespace"]
    shutil.rmtree(linked)
    # Its logs, what it ran with, and what happened to it would all be written there.
    for words, code in ((("restart", "web"), 1), (("start", "job"), 1), (("down",), 0)):
        done = cli(*words, "--stack", namespace, cwd=main)
        assert done.returncode == code, done.stderr
        assert ("(PW0906)" in done.stderr) == bool(code)
    assert not linked.exists()


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["garbage", "record", "lock"])
def test_with_damaged_state_it_is_still_found(
    detached: "Detached", project: Path, home: Path, damaged: str
) -> None:
    write(project, PAIR)
    detached.up()
    family = detached.remember_processes()
    pids = [row["pid"] for row in detached.ps().values()]
    [record] = (home / "state/portweave/stacks").glob("*.json")
    if damaged == "garbage":
        record.write_text("{")
    else:
        (record if damaged == "record" else record.with_suffix(".lock")).unlink()
    assert [row["pid"] for row in detached.ps().values()] == pids
    assert "with all that was asked for" in detached("up", "-d").stderr
    assert "shop/main stopped" in detached("down").stderr
    assert not alive(family)
    assert not record.exists()


@pytest.mark.slow
def test_without_all_of_its_state_it_is_found_all_the_same(
    detached: "Detached", project: Path, home: Path
) -> None:
    write(project, PAIR)
    detached.up()
    pids = [row["pid"] for row in detached.ps().values()]
    for words, expected in (
        (("ps", "-q"), f"{next(iter(detached.ps()))}-main\n"),
        (("ls",), "shop\tmain\trunning\t"),
        (("ps", "--all", "-q"), f"{next(iter(detached.ps()))}-main\n"),
        (("why", next(iter(detached.ps()))), ""),
        (("logs",), ""),
        (("wait",), ""),
        (("up", "-d"), ""),
    ):
        shutil.rmtree(home / "state")
        assert expected in detached(*words).stdout
        assert [row["pid"] for row in detached.ps().values()] == pids
    # What the guardian has to know of is there again, too.
    shutil.rmtree(home / "state")
    assert not detached.record()
    detached("ps")
    journal = next((home / "state/portweave/stacks").glob("*.journal")).read_text()
    assert all(f"+ {pid} " in journal for pid in pids)
    shutil.rmtree(home / "state")
    detached("ps")
    detached.down()
    assert not list((home / "state/portweave/stacks").glob("*.json"))


@pytest.mark.slow
def test_nobody_says_that_nothing_runs_where_its_state_cannot_be_put_back(
    detached: "Detached", project: Path, home: Path
) -> None:
    write(project, PAIR)
    detached.up()
    supervisor = detached.supervisor()
    shutil.rmtree(home / "state")
    (home / "state").touch()
    told = detached("ps", status=1).stderr
    assert f"runs (pid {supervisor.pid}), but its record was removed" in told
    assert f"see that {home / 'state'}" in told
    assert "kill" not in told
    assert "(PW1011)" in told
    (home / "state").unlink()
    detached("ps")
    detached.down()


def test_without_its_record_a_killed_stack_is_ended(
    detached: "Detached", project: Path, home: Path
) -> None:
    write(project, "services: {web: {command: sleep 1000, port: false, tty: false}}\n")
    detached.up()
    family = detached.remember_processes()
    detached.kill_both()
    [record] = (home / "state/portweave/stacks").glob("*.json")
    record.unlink()
    record.with_suffix(".lock").unlink()
    assert "ended 1 process that it left behind" in detached("ls").stderr
    assert not alive(family)
    assert [path.suffix for path in record.parent.iterdir()] == [".lock"]


@pytest.mark.slow
def test_without_its_socket_it_can_still_be_stopped(detached: "Detached", project: Path) -> None:
    write(project, PAIR)
    detached.up()
    Path(detached.record()["socket"]).unlink()
    detached.down()


def test_a_portweave_of_another_protocol_is_told_what_it_may(
    detached: "Detached", project: Path, environ: dict[str, str]
) -> None:
    write(project, PAIR)
    detached.up()
    [path] = Path(environ["XDG_STATE_HOME"], "portweave", "stacks").glob("*.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "protocol": 0, "version": "0.0.9"}))
    assert "portweave 0.0.9, which understands ps, logs and down only (PW1003)" in (
        detached("restart", status=1).stderr
    )
    assert detached("scale", "web=2", status=1).stderr.count("PW1003") == 1
    assert len(detached.ps()) == 2
    detached.down()
