"""The stack ends when supervisor, guardian or both are killed."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from portweave.supervisor.services.readiness_rules import SEARCH_S
from tests.support.stacks import (
    CHAIN,
    ENDS,
    RELUCTANT,
    SERVE,
    STUBBORN,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import Stack, StartUp

# Leaves its session, parents, environment and descriptors, and ignores signals.
ESCAPE = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        with open("escaped", "w") as file:
            file.write(str(os.getpid()))
        os.closerange(0, 100)
        os.execve("/bin/sleep", ["sleep", "1000"], {})
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(1000)
"""

DEFINITIONS = f"""
services:
  nasty: {{command: {sys.executable} escape.py, port: false, stopGracePeriod: 500ms}}
  family: {{command: sh -c 'sleep 1000 & sleep 1001', port: false, stopGracePeriod: 500ms}}
  web: {{command: {SERVE}, stopGracePeriod: 500ms}}
"""


@pytest.fixture
def stack(project: Path, up: "StartUp", eventually: Callable[..., None]) -> "Stack":
    """A stack of three services that are hard to end."""
    (project / "escape.py").write_text(ESCAPE)
    (project / "portweave.yaml").write_text(DEFINITIONS)
    stack = up(project)
    stack.wait_for("all ready in")
    eventually(lambda: escaped(project))
    return stack


def escaped(project: Path) -> bool:
    """Whether the process that leaves everything behind has got there."""
    path = project / "escaped"
    if not path.exists() or not path.read_text():
        return False
    return psutil.Process(int(path.read_text())).cmdline() == ["sleep", "1000"]


def supervisor_of(stack: "Stack") -> psutil.Process:
    [child] = psutil.Process(stack.process.pid).children()
    return child


def everything(stack: "Stack") -> list[psutil.Process]:
    """Supervisor, services, and what has left them."""
    away = psutil.Process(int((stack.root / "escaped").read_text()))
    return [*stack.family(), away]


def wait_until_gone(processes: list[psutil.Process], within_s: float) -> None:
    _, alive = psutil.wait_procs(processes, within_s)
    left = [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert not left


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=["kill", "segv"])
def test_when_the_supervisor_is_killed_its_guardian_ends_the_stack(
    stack: "Stack", number: int
) -> None:
    processes = everything(stack)
    supervisor_of(stack).send_signal(number)
    # The grace of these services, and one second.
    wait_until_gone(processes, 1.5)
    assert stack.wait() == 128 + number
    assert f"the supervisor was ended by signal {number}" in stack.said
    assert "nothing is left" in stack.said


def test_the_guardian_gives_each_service_its_own_grace(project: Path, up: "StartUp") -> None:
    hasty = STUBBORN.replace("20s", "300ms")
    write(project, f"services: {{hasty: {hasty}, patient: {STUBBORN}}}\n")
    stack = up(project)
    stack.wait_for("all ready in")
    supervisor = supervisor_of(stack)
    services = {one.environ()["PORTWEAVE_NAME"]: one for one in supervisor.children()}
    supervisor.kill()
    wait_until_gone([services["hasty"]], 1.3)
    assert services["patient"].is_running()
    services["patient"].kill()
    assert stack.wait() == 128 + signal.SIGKILL


def test_the_guardian_ends_dependents_before_what_they_depend_on(
    project: Path, up: "StartUp"
) -> None:
    (project / "slow.py").write_text(RELUCTANT)
    write(project, CHAIN)
    stack = up(project)
    stack.wait_for("all ready in")
    supervisor_of(stack).kill()
    assert stack.wait() == 128 + signal.SIGKILL
    assert (project / "ends").read_text().splitlines() == ENDS


@pytest.mark.slow
def test_no_terminal_hangs_up_when_the_supervisor_is_killed(
    project: Path, detached: "Detached"
) -> None:
    (project / "slow.py").write_text(RELUCTANT)
    write(project, CHAIN.replace("ready: {", "tty: true, ready: {"))
    detached.up()
    # Whose ends are the guardian's, too, after a restart.
    detached("restart", "api")
    detached("wait", "api")
    (project / "ends").unlink()
    guardian = detached.guardian()
    detached.supervisor().kill()
    guardian.wait(10)
    assert (project / "ends").read_text().splitlines() == ENDS


def test_the_next_command_also_ends_dependents_first_when_both_are_killed(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    (project / "slow.py").write_text(RELUCTANT)
    write(project, CHAIN)
    stack = up(project)
    stack.wait_for("all ready in")
    supervisor = supervisor_of(stack)
    supervisor.suspend()
    stack.process.kill()
    supervisor.kill()
    stack.process.wait()
    supervisor.wait(10)
    assert "ended 3 processes that it left behind" in cli("show", cwd=project).stderr
    told = (project / "ends").read_text().splitlines()
    # No process is left to answer calls.
    assert [line for line in told if not line.endswith("unheard")] == ENDS


def test_a_stubborn_dependent_does_not_shorten_the_grace_of_its_dependency(
    project: Path, up: "StartUp"
) -> None:
    (project / "slow.py").write_text(RELUCTANT)
    hasty = STUBBORN.replace("20s}", "300ms, dependsOn: [db]}")
    write(project, CHAIN.partition("  migrate")[0] + f"  hasty: {hasty}\n")
    stack = up(project)
    stack.wait_for("all ready in")
    supervisor = supervisor_of(stack)
    services = {one.environ()["PORTWEAVE_NAME"]: one for one in supervisor.children()}
    supervisor.kill()
    services["hasty"].wait(2)
    assert services["db"].is_running()
    assert stack.wait() == 128 + signal.SIGKILL
    assert (project / "ends").read_text().splitlines() == ENDS[-2:]


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["alone", "group"])
def test_when_the_guardian_is_killed_the_supervisor_ends_the_stack(
    stack: "Stack", kill: Callable[[int, int], None]
) -> None:
    processes = everything(stack)
    kill(stack.process.pid, signal.SIGKILL)
    wait_until_gone(processes, 2.5)
    stack.process.wait()
    stack.wait_for("the guardian of this stack was killed; the stack stops")


def test_when_both_are_killed_the_next_command_ends_the_stack(
    stack: "Stack", cli: "Cli", project: Path
) -> None:
    processes = everything(stack)
    supervisor = supervisor_of(stack)
    # One that is stopped cannot act between the two signals.
    supervisor.suspend()
    stack.process.kill()
    supervisor.kill()
    stack.process.wait()
    # A busy machine may take a while to end it, and it has the lock until then.
    supervisor.wait(10)
    # The process without session, parents and environment is among them: it was noted in time.
    services = [process for process in processes if process.pid != supervisor.pid]
    assert all(process.is_running() for process in services)
    done = cli("show", cwd=project)
    assert "the stack shop/main" in done.stderr
    assert "that it left behind" in done.stderr
    wait_until_gone(services, 0.5)
    again = cli("show", cwd=project)
    assert again.stderr == ""


def test_a_normal_stop_ends_an_escaped_process(stack: "Stack") -> None:
    processes = everything(stack)
    assert stack.stop() == 130
    wait_until_gone(processes, 0.5)


def test_signals_to_the_guardian_reach_the_supervisor(stack: "Stack") -> None:
    stack.send(signal.SIGQUIT)
    stack.wait_for("web: ready pid ")
    assert stack.stop(signal.SIGTERM) == 143


def test_a_closed_terminal_ends_the_stack(project: Path, cli: "Cli") -> None:
    (project / "Procfile").write_text("one: sleep 1000\nother: sh -c 'sleep 1000 & wait'\n")
    master, slave = os.openpty()
    process = subprocess.Popen(
        # A session of its own, whose terminal this is.
        [sys.executable, "-c", TAKE_TERMINAL, *cli.argv, "up"],
        cwd=project,
        env=cli.env(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    while b"all ready in" not in seen:
        assert select.select([master], [], [], 10)[0], seen
        seen += os.read(master, 65_536)
    family = psutil.Process(process.pid).children(recursive=True)
    os.close(master)
    assert process.wait(10) == 129
    wait_until_gone(family, 1)


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
def test_down_waits_for_a_guardian_as_long_as_the_graces_of_the_services(
    project: Path, detached: "Detached"
) -> None:
    write(project, f"services: {{stubborn: {STUBBORN.replace('20s', '12s')}}}\n")
    detached.up()
    detached.remember_processes()
    supervisor = detached.supervisor()
    down = detached.beside("down")
    assert down.stderr is not None
    # It says so every few seconds.
    assert "stubborn" in down.stderr.readline()
    supervisor.kill()
    assert "shop/main stopped" in down.communicate(timeout=25)[1]
    assert down.returncode == 0


LISTENS = (
    "import os, signal, socket; s = socket.create_server((str(), int(os.environ[str().join("
    "map(chr, (80, 79, 82, 84)))]))); signal.pause()"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "wakes_per_s"),
    [("sleep 1000", 0.5), (f"{sys.executable} -ISc '{LISTENS}'", 1.5)],
    ids=["sleeping", "listening"],
)
def test_an_idle_stack_costs_next_to_nothing(
    project: Path, up: "StartUp", command: str, wakes_per_s: float
) -> None:
    (project / "Procfile").write_text("".join(f"s{n}: {command}\n" for n in range(20)))
    # An interpreter of its own: a forked one has the modules of all commands.
    stack = up(project, env={"PYTHONHASHSEED": "0"})
    stack.wait_for("all ready in")
    both = [psutil.Process(stack.process.pid), supervisor_of(stack)]
    # Until then it looks for orphans and late listeners, and opens its own log.
    time.sleep(SEARCH_S + 1)
    before = [process.num_ctx_switches().voluntary for process in both]
    # The test measures a stack in which nothing happens.
    time.sleep(4)
    after = [process.num_ctx_switches().voluntary for process in both]
    assert sum(after) - sum(before) <= wakes_per_s * 4
    assert sum(process.memory_full_info().pss for process in both) < 40 << 20
    assert stack.stop() == 130
