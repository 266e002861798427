"""How services end: with their grace, wholly, and without what is not theirs."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.running_stacks import Stack
from tests.support.stacks import write
from tests.support.torture import (
    MISBEHAVING,
    is_alive,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a subreaper")

# Takes a moment to save on SIGTERM, and says so where that is asked by its own name.
SAVES = """
import os, signal, sys, time
def end(*_):
    print("saving", flush=True)
    time.sleep(0.3)
    open(f"{os.environ['PORTWEAVE_NAME']}.saved", "w").close()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True:
    time.sleep(100)
"""
# Passes SIGTERM on to the shell that it runs, and ends with it, as npm does.
RUNNER = """
import signal, subprocess, sys
child = subprocess.Popen(["sh", "-c", sys.argv[1]])
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
child.wait()
"""
APP = f"{sys.executable} -IS saves.py"
NEXT = "touch $PORTWEAVE_NAME.next"
BEHIND_SHELLS = {
    "list": f"cd . && {APP} && {NEXT}",
    "sequence": f"{APP}; {NEXT}",
    "nested": f"sh -c '{APP}; {NEXT}'; {NEXT}",
    "subshell": f"(cd . && {APP}; {NEXT}); {NEXT}",
    "pipeline": f"{APP} | cat; {NEXT}",
    "filters": f"{APP} | while read line; do echo $line; done | cat; {NEXT}",
    "runner": f"{sys.executable} -IS runner.py '{APP}; {NEXT}'",
    "background": f"{APP} & wait; {NEXT}",
}


@pytest.fixture
def shells(project: Path) -> Path:
    """A project of services that save when they end, each behind shells of another kind."""
    (project / "saves.py").write_text(SAVES)
    (project / "runner.py").write_text(RUNNER)
    keys = {"port": False, "tty": True, "ready": {"log": "up"}}
    services = {name: {"command": words, **keys} for name, words in BEHIND_SHELLS.items()}
    write(project, json.dumps({"services": services}))
    return project


def see_saved(project: Path) -> None:
    """See that all have saved, and no shell has gone on to its next command."""
    saved = {path.stem for path in project.glob("*.saved")}
    assert saved == BEHIND_SHELLS.keys()
    assert not list(project.glob("*.next"))


def test_a_program_behind_a_shell_has_its_grace_on_a_terminal(
    shells: Path, detached: "Detached"
) -> None:
    detached.up()
    detached.down()
    see_saved(shells)


@needs_proc
@pytest.mark.slow
def test_a_program_behind_a_shell_has_its_grace_when_the_supervisor_is_killed(
    shells: Path, detached: "Detached"
) -> None:
    detached.up()
    guardian = detached.guardian()
    detached.supervisor().kill()
    guardian.wait(10)
    see_saved(shells)


@needs_proc
@pytest.mark.slow
def test_a_program_behind_a_shell_has_its_grace_at_a_restart(
    shells: Path, detached: "Detached", eventually: Callable[..., None]
) -> None:
    detached.up()
    detached("restart")
    eventually(lambda: {p.stem for p in shells.glob("*.saved")} == BEHIND_SHELLS.keys())
    see_saved(shells)


# Services that are hard to find, each with what `tests/support/misbehaving_services.py` does.
HARD = {
    "hops": ["hop", "ignore"],
    "hops-too": ["hop", "ignore"],
    "threadless": ["threadless", "ignore"],
    "subreaper": ["ignore", "subreaper", "bare", "daemon"],
    "user": ["user", "ignore"],
}


@pytest.fixture
def hard(project: Path) -> Path:
    """A project of services that are hard to find."""
    roll = project / "roll"
    roll.write_bytes(b"")
    services = {
        name: {
            "command": [sys.executable, "-I", "-S", str(MISBEHAVING), str(roll), *flags],
            "port": False,
            "stopGracePeriod": "300ms",
        }
        for name, flags in HARD.items()
    }
    write(project, json.dumps({"services": services}))
    return project


def living(project: Path) -> list[int]:
    """Processes of the roll that are alive."""
    lines = (project / "roll").read_text().splitlines()
    pairs = [line.partition(" ") for line in lines]
    return [int(pid) for pid, _, start in pairs if is_alive(int(pid), start)]


def stays(project: Path) -> list[int]:
    """The same, when one that goes on in another process has had the time to."""
    found = living(project)
    time.sleep(0.1)
    return found + living(project)


@needs_proc
def test_nothing_is_left_of_what_is_hard_to_find(hard: Path, detached: "Detached") -> None:
    detached.up()
    detached("down")
    assert not stays(hard)


@needs_proc
@pytest.mark.slow
def test_a_stop_leaves_nothing_of_one_service_beside_others(
    hard: Path, detached: "Detached"
) -> None:
    detached.up()
    before = set(living(hard))
    detached("stop", "hops", "threadless", "user")
    detached("wait", "--for", "exit", "hops", "threadless", "user")
    # One goes on in other processes; the other service stands still.
    kept = {row["pid"] for row in detached.ps().values() if row["pid"]}
    assert len(kept) == 2
    names = {psutil.Process(pid).environ().get("PORTWEAVE_NAME") for pid in living(hard)}
    assert names <= {"hops-too", "subreaper", None}
    assert before & kept == kept
    detached("down")
    assert not stays(hard)


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("victim", ["supervisor", "guardian"])
def test_nothing_is_left_of_it_when_one_of_ours_is_killed(
    hard: Path, detached: "Detached", victim: str
) -> None:
    detached.up()
    both = {"supervisor": detached.supervisor(), "guardian": detached.guardian()}
    both.pop(victim).kill()
    [other] = both.values()
    other.wait(20)
    assert not stays(hard)


# A daemon without any mark is handed to the service, which is hung up on as its terminal closes.
TAKES_IN = """
import ctypes, os, signal, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    code = "import os, signal, time; signal.signal(15, 1); os.rename('new', 'daemon')"
    code += "; time.sleep(1000)"
    open("new", "w").write(str(os.getpid()))
    os.execve(sys.executable, [sys.executable, "-S", "-E", "-c", code], {})
os.wait()
print("up", flush=True)
time.sleep(1000)
"""


@needs_proc
def test_the_next_command_ends_what_a_dead_service_had_taken_in(
    project: Path, cli: "Cli", detached: "Detached", eventually: Callable[..., None]
) -> None:
    (project / "takes.py").write_text(TAKES_IN)
    keys = f"command: {sys.executable} takes.py, port: false, tty: true, ready: {{log: up}}"
    write(project, f"services: {{a: {{{keys}}}}}\n")
    detached.up()
    eventually((project / "daemon").exists)
    daemon = psutil.Process(int((project / "daemon").read_text()))
    leader = psutil.Process(detached.ps()["a"]["pid"])
    # From then on it is noted.
    eventually(lambda: f"+ {daemon.pid} " in journal_of(cli))
    detached.kill_both()
    psutil.wait_procs([leader], 5)
    assert daemon.is_running()
    assert "ended 1 process that it left behind" in detached("ls").stderr
    assert not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE


def journal_of(cli: "Cli") -> str:
    """What the journal of a stack says."""
    folder = Path(cli.environ["XDG_STATE_HOME"], "portweave", "stacks")
    return "".join(path.read_text() for path in folder.glob("*.journal"))


@pytest.fixture
def beside(project: Path, cli: "Cli") -> Iterator[Stack]:
    """A stack whose guardian had children before it began: a sleeper, and the reader of a pipe."""
    write(project, "a: exec sleep 1000\n", "Procfile")
    (project / "reader.sh").write_text("cat > log\necho over > over\n")
    script = (
        "exec 3>&2 2> /dev/null; sleep 1000 > /dev/null 3>&- & echo $! > other;"
        " mkfifo pipe; sh reader.sh < pipe > /dev/null 3>&- & "
        'exec "$@" > pipe 2>&3 3>&-'
    )
    stack = Stack(
        ["/bin/sh", "-c", script, "sh", *cli.argv, "up"], cwd=project, root=project, env=cli.env()
    )
    yield stack
    stack.end()
    other = project / "other"
    if other.exists():
        psutil.Process(int(other.read_text())).kill()


@needs_proc
@pytest.mark.parametrize("victim", ["nothing", pytest.param("supervisor", marks=pytest.mark.slow)])
def test_what_was_there_before_is_neither_ended_nor_waited_for(
    project: Path, beside: Stack, victim: str, eventually: Callable[..., None]
) -> None:
    beside.wait_for("all ready in")
    other = psutil.Process(int((project / "other").read_text()))
    if victim == "supervisor":
        found = psutil.Process(beside.process.pid).children()
        [supervisor] = [one for one in found if os.getsid(one.pid) == one.pid]
        supervisor.kill()
    else:
        beside.send(signal.SIGTERM)
    assert beside.wait() == (137 if victim == "supervisor" else 143)
    assert other.is_running()
    # The reader has had the last lines, and the end of its input.
    eventually((project / "over").exists)
