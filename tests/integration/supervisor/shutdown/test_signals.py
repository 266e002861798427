"""Signals to `portweave up`, from its first moment on: each reaches the supervisor once."""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.running_stacks import (
    PATIENCE_S,
    has_ended,
)
from tests.support.stacks import (
    IDLE,
    PAIR,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp

COUNTS = "trap 'echo got one' USR1; trap 'echo got two' USR2; echo up; while :; do sleep 0.05; done"
TICKS = "i=0; while :; do echo tick $i; echo $i > ticks; i=$((i+1)); sleep 0.05; done"


class Job:
    """`portweave up` in a group of its own in our session, as a shell starts a job."""

    def __init__(self, cli: "Cli", root: Path, stderr: int = subprocess.STDOUT) -> None:
        self.seen = b""
        self.process = subprocess.Popen(
            [*cli.argv, "up", "--no-color"],
            cwd=root,
            env=cli.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            process_group=0,
        )
        assert self.process.stdout is not None
        self._output = self.process.stdout.fileno()
        os.set_blocking(self._output, False)

    def read(self) -> bytes:
        """What has been printed since."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._output, 65_536):
                self.seen += data
        return self.seen

    def wait_until_stopped(self) -> None:
        """Wait until it stands still, as a shell sees it."""
        pid, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert pid == self.process.pid
        assert os.WIFSTOPPED(status), status

    def supervisor(self) -> psutil.Process:
        [child] = psutil.Process(self.process.pid).children()
        return child

    def end(self) -> None:
        """End it, whatever has happened."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start_job(cli: "Cli", project: Path) -> Iterator[Callable[..., Job]]:
    """Start `up` as a job of ours."""
    jobs: list[Job] = []

    def start(stderr: int = subprocess.STDOUT) -> Job:
        jobs.append(Job(cli, project, stderr))
        return jobs[-1]

    yield start
    for job in jobs:
        job.end()


def test_ctrl_z_holds_the_view_and_the_services_go_on(
    project: Path, start_job: Callable[[], Job], eventually: Callable[..., None]
) -> None:
    write(project, f"a: {TICKS}\n", "Procfile")
    job = start_job()
    eventually(lambda: b"tick 1\n" in job.read())
    job.process.send_signal(signal.SIGTSTP)
    job.wait_until_stopped()
    shown = job.read()
    assert shown.endswith(b"the services go on in the background; fg comes back to them\n")
    last = int((project / "ticks").read_text() or 0)
    eventually(lambda: int((project / "ticks").read_text() or 0) > last + 5)
    assert job.read() == shown
    job.process.send_signal(signal.SIGCONT)
    eventually(lambda: b"a | tick %d\n" % (last + 5) in job.read()[len(shown) :])
    job.process.send_signal(signal.SIGINT)
    assert job.process.wait(PATIENCE_S) == 130


def test_ctrl_z_holds_what_portweave_says_on_another_output(
    project: Path, start_job: Callable[..., Job], cli: "Cli", eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{a: {IDLE}}}\n")
    said = project / "said"
    with said.open("wb") as file:
        job = start_job(file.fileno())
    eventually(lambda: "all ready in" in said.read_text())
    job.process.send_signal(signal.SIGTSTP)
    job.wait_until_stopped()
    eventually(lambda: "fg comes back to them" in said.read_text())
    shown = said.read_text()
    assert cli("restart", "--wait", cwd=project).returncode == 0
    assert said.read_text() == shown
    job.process.send_signal(signal.SIGCONT)
    eventually(lambda: "a ready" in said.read_text()[len(shown) :])


def test_down_ends_a_stack_that_ctrl_z_has_stopped(
    project: Path, start_job: Callable[[], Job], cli: "Cli", eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {IDLE}}}\n")
    job = start_job()
    eventually(lambda: b"all ready in" in job.read())
    job.process.send_signal(signal.SIGTSTP)
    job.wait_until_stopped()
    assert cli("down", cwd=project).returncode == 0
    assert job.process.wait(PATIENCE_S) == 0
    assert b"portweave down was called; the stack stops" in job.read()


def test_a_signal_to_the_group_reaches_each_service_once(project: Path, up: "StartUp") -> None:
    (project / "count.sh").write_text(COUNTS)
    write(project, "services: {a: {command: sh count.sh, port: false, ready: {log: up}}}\n")
    stack = up(project)
    stack.wait_for("all ready in")
    # As from a terminal: guardian and supervisor would both get it, were they one group.
    os.killpg(stack.process.pid, signal.SIGUSR1)
    stack.wait_for("got one")
    os.killpg(stack.process.pid, signal.SIGUSR2)
    stack.wait_for("got two")
    os.killpg(stack.process.pid, signal.SIGQUIT)
    stack.wait_for("a: ready pid")
    assert stack.lines_of("a") == ["up", "got one", "got two"]
    assert stack.said.count("a: ready pid") == 1
    assert stack.stop() == 130


def test_the_supervisor_has_a_session_of_its_own_and_the_guardian_that_of_its_caller(
    project: Path, start_job: Callable[[], Job], eventually: Callable[..., None]
) -> None:
    write(project, PAIR)
    job = start_job()
    eventually(lambda: b"all ready in" in job.read())
    supervisor = job.supervisor()
    assert os.getsid(supervisor.pid) == supervisor.pid
    assert os.getsid(job.process.pid) == os.getsid(0)
    assert os.getpgid(job.process.pid) == job.process.pid
    # Whatever it says from the background is to be written.
    assert blocked_by(job.process.pid) & 1 << signal.SIGTTOU - 1
    # What is blocked at the start is blocked in no service.
    assert not any(blocked_by(one.pid) for one in (supervisor, *supervisor.children()))


def test_signals_that_go_on_do_not_disturb_the_end(project: Path, up: "StartUp") -> None:
    write(project, PAIR)
    stack = up(project)
    stack.wait_for("all ready in")
    supervisor = psutil.Process(stack.process.pid).children()[0]
    while stack.process.poll() is None:
        stack.send(signal.SIGTERM)
        with contextlib.suppress(psutil.NoSuchProcess):
            # Also past the guardian, which no longer passes on at the very end.
            supervisor.terminate()
        time.sleep(0.001)
    assert stack.wait() == 143
    assert "Exception" not in stack.said
    assert "ended by signal" not in stack.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_is_planned_ends_it_in_silence(
    project: Path, cli: "Cli", number: int, eventually: Callable[..., None]
) -> None:
    write(project, PAIR)
    config = Path(cli.environ["XDG_CONFIG_HOME"], "portweave")
    config.mkdir(parents=True)
    with (config / "registry.json.lock").open("w") as lock:
        # It forks its supervisor, and waits for us before it gives out ports.
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [*cli.argv, "up"],
            cwd=project,
            env=cli.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        eventually(lambda: psutil.Process(process.pid).children())
        [child] = psutil.Process(process.pid).children()
        process.send_signal(number)
        said = process.communicate(timeout=10)[1]
    assert (process.returncode, said) == (128 + number, "")
    eventually(lambda: has_ended(child))
    assert not list(Path(cli.environ["XDG_STATE_HOME"]).rglob("stacks/*.json"))


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whenever_a_signal_comes_nothing_is_left_and_no_traceback_is_told(
    project: Path, up: "StartUp", number: int
) -> None:
    write(project, "one: sleep 1000\ntwo: sleep 1000\n", "Procfile")
    first = up(project)
    first.wait_for("all ready in")
    first.stop()
    for moment in range(30):
        stack = up(project)
        # The time before is the interpreter's own.
        while not blocked_by(stack.process.pid):
            assert stack.process.poll() is None
        time.sleep(moment * 0.015)
        assert stack.stop(number) == 128 + number, stack
        assert "Traceback" not in stack.said
        assert "ignored" not in stack.said


def blocked_by(pid: int) -> int:
    """The signals that a process blocks, as a mask (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("SigBlk:")[2].split()[0], 16)
