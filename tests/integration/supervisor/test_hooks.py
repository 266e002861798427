"""Hooks of a stack: what runs before, between and after its services."""

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.stacks import IDLE, write

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import StartUp

# Each hook and the service append their name to a file.
ORDER = """
services:
  web: {command: "echo web >> order; echo up; exec sleep 1000", port: false, ready: {log: up}}
hooks:
  setup: {command: [echo setup >> order], inputs: [lock]}
  beforeUp: echo beforeUp >> order
  afterReady: [echo afterReady >> order, "echo said $PORTWEAVE_NAME"]
  afterDown: echo afterDown >> order
"""
ALL = ["setup", "beforeUp", "web", "afterReady", "afterDown"]


def order_in(project: Path) -> list[str]:
    return (project / "order").read_text().split()


def test_hooks_run_in_their_order_and_setup_once(detached: "Detached", project: Path) -> None:
    write(project, ORDER)
    (project / "lock").write_text("1")
    said = detached.up()
    assert order_in(project) == ALL[:-1]
    assert "[portweave] afterReady completed" in said
    # They are no services: no row, but a log.
    rows = json.loads(detached("ps", "--json").stdout)["services"]
    assert [row["name"] for row in rows] == ["web"]
    assert "said afterReady" in detached("logs", "afterReady").stdout
    detached("restart")
    assert order_in(project)[4:] == ["web"]
    detached.down()
    assert order_in(project)[4:] == ["web", "afterDown"]
    detached.up()
    assert order_in(project)[6:] == ["beforeUp", "web", "afterReady"]
    # A changed input has setup run again, on a reload too.
    (project / "lock").write_text("2")
    assert "setup restarts (inputs)" in detached("reload").stderr
    detached("wait", "setup")
    assert order_in(project)[9:] == ["setup"]
    detached.down()
    (project / "order").unlink()
    assert "setup" not in detached.up("--skip-hooks")
    assert order_in(project) == ["web"]
    detached.down()
    assert order_in(project) == ["web"]


def test_hooks_run_in_the_foreground_and_at_ctrl_c(up: "StartUp", project: Path) -> None:
    write(project, ORDER)
    stack = up(project)
    stack.wait_for("said afterReady")
    assert stack.stop() == 130
    assert order_in(project) == ALL
    assert stack.lines_of("beforeUp") == ["$ echo beforeUp >> order"]


def test_hooks_run_around_services_that_end_by_themselves(up: "StartUp", project: Path) -> None:
    write(project, ORDER.replace("echo up; exec sleep 1000", "echo up"))
    assert up(project, "--restart", "no").wait() in (0, 1)
    assert order_in(project)[-1] == "afterDown"


@pytest.mark.parametrize(
    ("hook", "code", "ran"),
    [
        ("setup", "PW0907", []),
        ("beforeUp", "PW0907", ["setup"]),
        ("afterReady", "PW0908", ["setup", "beforeUp", "web"]),
    ],
)
def test_a_hook_that_fails_is_an_error(
    detached: "Detached", project: Path, hook: str, code: str, ran: list[str]
) -> None:
    write(project, ORDER.replace(f"echo {hook} >> order", "echo oh no; exit 3"))
    (project / "order").write_text("")
    done = detached("up", "-d", "--json", status=1)
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["hook"]) == (code, hook)
    assert "exited with status 3" in error["message"]
    assert order_in(project) == ran
    assert "oh no" in detached("logs", hook).stdout
    # Mended, it runs again, and what waited for it starts.
    write(project, ORDER)
    detached("down")
    detached.up()
    assert order_in(project)[-1] == "afterReady"


def test_a_failed_after_ready_leaves_the_stack_as_it_is(
    detached: "Detached", project: Path
) -> None:
    write(project, ORDER.replace("echo afterReady >> order", "exit 3"))
    detached("up", "-d", status=1)
    rows = json.loads(detached("ps", "--json").stdout)["services"]
    found = {row["name"]: (row["state"], row["hook"]) for row in rows}
    assert found == {"web": ("ready", False), "afterReady": ("failed", True)}
    detached.down()


def test_a_failed_after_down_is_an_error_of_down(detached: "Detached", project: Path) -> None:
    write(project, ORDER.replace("echo afterDown >> order", "exit 3"))
    detached.up()
    done = detached("down", status=1)
    assert "afterDown failed: exited with status 3" in done.stderr
    assert "PW0908" in done.stderr
    assert detached.record() == {}


def test_a_hook_has_a_time_limit(detached: "Detached", project: Path) -> None:
    hooks = "hooks: {setup: {command: sleep 1000, timeout: 300ms}}"
    write(project, f"services: {{web: {IDLE}}}\n{hooks}\n")
    done = detached("up", "-d", status=1)
    assert "setup failed: not finished after 0.3 s" in done.stderr


@pytest.mark.slow
def test_setup_that_was_killed_runs_again(up: "StartUp", project: Path) -> None:
    write(
        project,
        f"services: {{web: {IDLE}}}\n"
        "hooks: {setup: 'echo begun; test -e go || exec sleep 1000'}\n",
    )
    stack = up(project)
    stack.wait_for("begun")
    family = stack.family()
    # The guardian is killed, and the supervisor stops the stack.
    stack.process.kill()
    stack.wait()
    _, left = psutil.wait_procs(family, timeout=20)
    assert not left
    (project / "go").touch()
    again = up(project)
    again.wait_for("up")
    assert "setup has not finished in this worktree; it runs again" in again.said
    assert again.stop() == 130


@pytest.mark.slow
def test_a_second_ctrl_c_kills_the_last_hook(up: "StartUp", project: Path) -> None:
    write(project, f"services: {{web: {IDLE}}}\nhooks: {{afterDown: 'echo last; sleep 1000'}}\n")
    stack = up(project)
    stack.wait_for("all ready")
    stack.send(signal.SIGINT)
    stack.wait_for("last")
    time.sleep(0.6)  # Two signals within half a second count as one.
    assert stack.stop() in (1, 130)


def test_a_second_up_waits_for_setup(detached: "Detached", project: Path) -> None:
    os.mkfifo(project / "gate")
    write(project, f"services: {{web: {IDLE}}}\nhooks: {{setup: 'cat gate; echo x >> runs'}}\n")
    first, second = (detached.beside("up", "-d") for _ in range(2))
    (project / "gate").write_text("open")
    for command in (first, second):
        assert command.communicate(timeout=60)[1]
        assert command.returncode == 0
    assert (project / "runs").read_text() == "x\n"
    detached.remember_processes()
