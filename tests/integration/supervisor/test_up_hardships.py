"""`portweave up` where the machine gives it a hard time."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp

Spawn = Callable[..., "subprocess.Popen[str]"]


UNKILLABLE = """
import asyncio, os, signal, sys
from portweave.supervisor.processes import shutdown_order, stop_machine
from portweave.supervisor.services.plan import InstancePlan, StackPlan
from portweave.supervisor.stack import run
from portweave.supervisor.services.work_order import Options, WorkOrder

# No signal arrives, as for a process that hangs in the kernel.
os.kill = os.killpg = signal.pidfd_send_signal = lambda *_: None
shutdown_order.KILL_PATIENCE_S = stop_machine.KILL_PATIENCE_S = 0.1
shutdown_order.ORPHAN_GRACE_S = 0.1
plan = InstancePlan(
    "stuck", "stuck", 1, "stuck-main", ("sleep", "1000"), "sleep 1000", "/", dict(os.environ),
    stop_grace_s=0.1,
)
stack = StackPlan("p", "main", "/", (plan,), frozenset({"stuck"}))
sys.exit(asyncio.run(run(WorkOrder(stack, Options(tag="t"), 0.0))))
"""


@pytest.mark.slow
def test_a_process_that_cannot_be_ended_is_named(
    spawned: "Spawn", cli: "Cli", project: Path
) -> None:
    process = spawned(
        [sys.executable, "-I", "-c", UNKILLABLE],
        cwd=project,
        env=cli.env(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "stuck ready" not in (line := process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    left = re.search(r"still alive after SIGKILL: pid (\d+) \(sleep 1000\) \(PW0904\)", said)
    assert left, said
    os.kill(int(left[1]), signal.SIGKILL)
    assert process.wait(20) == 1


MISSING = """
import asyncio, os, sys
from portweave.supervisor.services.plan import InstancePlan, StackPlan
from portweave.supervisor.stack import run
from portweave.supervisor.services.work_order import Options, WorkOrder

plan = InstancePlan("api", "api", 1, "api-main", ("sleep", "1000"), "sleep 1000", "/", {})
stack = StackPlan("p", "main", os.getcwd() + "/gone", (plan,), frozenset({"api"}))
sys.exit(asyncio.run(run(WorkOrder(stack, Options(tag="t", detached=True), 0.0))))
"""


def test_a_worktree_that_is_removed_before_its_stack_begins_starts_nothing(
    cli: "Cli", project: Path
) -> None:
    # A detached stack goes on when nothing runs, so it would have kept its ports.
    words = [sys.executable, "-I", "-c", MISSING]
    done = subprocess.run(words, cwd=project, env=cli.env(), timeout=20, check=False)
    assert done.returncode == 1


def test_blocked_signals_are_not_passed_to_services(
    project: Path, cli: "Cli", spawned: "Spawn"
) -> None:
    write(project, "api: sleep 1000\n", "Procfile")
    blocking = (
        "import os, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    process = spawned(
        [sys.executable, "-c", blocking, *cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "api ready" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    # The grace period is ten seconds.
    assert process.wait(5) == 143


def test_a_stack_runs_with_few_descriptors(project: Path, cli: "Cli") -> None:
    write(project, "".join(f"s{n}: echo one\n" for n in range(40)), "Procfile")
    script = 'ulimit -S -n 64; exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| one") == 40


@pytest.mark.parametrize("limit", [24, 40, 64])
def test_without_descriptors_some_services_fail_and_no_process_is_left(
    project: Path, up: "StartUp", cli: "Cli", limit: int
) -> None:
    write(project, "".join(f"s{n}: sleep 1000\n" for n in range(40)), "Procfile")
    words = list(cli.argv)
    cli.argv[:] = ["/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *words]
    stack = up(project)
    stack.wait_for("Too many open files")
    assert stack.stop() in (1, 130)
    assert "Traceback" not in stack.said
    assert stack.marked() == []


def test_closed_outputs_leave_the_state_files_alone(project: Path, cli: "Cli", home: Path) -> None:
    write(project, "api: echo hello\n", "Procfile")
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&- 2>&-', "sh", *cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        timeout=20,
        check=False,
    )
    assert done.returncode == 0
    locks = list((home / "state/portweave/stacks").glob("*.lock"))
    assert [lock.read_text() for lock in locks] == [""]


def test_an_unusable_state_folder_is_an_error(project: Path, cli: "Cli") -> None:
    write(project, "api: echo hello\n", "Procfile")
    done = cli("up", cwd=project, env={"XDG_STATE_HOME": "/dev/null"})
    assert done.returncode == 1
    assert "/dev/null/portweave/stacks" in done.stderr
    assert "(PW0305)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_for_output_is_reported(project: Path, cli: "Cli") -> None:
    write(project, "api: echo hello\n", "Procfile")
    for words in (["schema"], ["check"], ["up", "--dry-run"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*cli.argv, *words],
                cwd=project,
                env=cli.env(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=20,
                check=False,
            )
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            ("[portweave] error: failed to write the output: No space left on device (PW0613)"),
            "[portweave] hint: the output is incomplete",
        ]


def test_adopted_processes_are_reaped_as_they_end(
    project: Path, up: "StartUp", eventually: Callable[..., None]
) -> None:
    write(project, "api: (sleep 0.2 & sleep 0.2 &) ; (sleep 0.3 &) ; sleep 1000\n", "Procfile")
    stack = up(project)
    stack.wait_for("all ready in")

    def zombies() -> list[psutil.Process]:
        family = psutil.Process(stack.process.pid).children(recursive=True)
        return [process for process in family if process.status() == psutil.STATUS_ZOMBIE]

    eventually(lambda: not zombies())
    assert stack.stop() == 130
