"""`prune` of a worktree whose stack is running."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.supervisor.registry.stack_records import live_stacks, stack_key
from portweave.system.processes import started_at
from tests.support.stacks import SERVE

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp

Repo = Callable[[int], list[Path]]

PROCFILE = f"web: {SERVE}\n"

# Holds the lock of a stack and writes its record, but ignores SIGTERM.
DEAF = """
import fcntl, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print(flush=True)
input()
"""


def write_record(stacks: Path, root: Path, pid: int, start: str) -> Path:
    stacks.mkdir(parents=True, exist_ok=True)
    path = stacks / f"{stack_key(str(root), 'main')}.json"
    record: dict[str, object] = {
        "schemaVersion": 1,
        "pid": pid,
        "start": start,
        "project": "shop",
        "namespace": "main",
        "worktreeRoot": str(root),
        "ports": {},
        "tag": "abc",
    }
    path.write_text(json.dumps(record))
    return path


@pytest.fixture
def deaf(home: Path, repo: Repo, cli: "Cli") -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """A worktree with a block, whose supervisor ignores SIGTERM."""
    (root,) = repo(0)
    assert cli("run", "--count", "1", "--", "true", cwd=root).returncode == 0
    stacks = home / "state" / "portweave" / "stacks"
    path = write_record(stacks, root, 0, "")
    argv = [sys.executable, "-c", DEAF, str(path.with_suffix(".lock"))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        write_record(stacks, root, process.pid, started_at(process.pid) or "")
        yield root, process
        process.kill()


def blocks(home: Path) -> int:
    text = (home / "config" / "portweave" / "registry.json").read_text()
    return len(json.loads(text)["entries"])


@pytest.mark.slow
def test_a_running_stack_keeps_its_ports_until_it_is_stopped_by_force(
    cli: "Cli", repo: Repo, home: Path, up: "StartUp"
) -> None:
    root, other = repo(1)
    for folder in (root, other):
        (folder / "Procfile").write_text(PROCFILE)
    stack = up(root)
    stack.wait_for("all ready in ")
    refused = cli("prune", cwd=root)
    assert refused.returncode == 1
    assert f"the stack main of {root} is running (pid {stack.process.pid})" in refused.stderr
    assert "(PW0951)" in refused.stderr
    assert "portweave prune --force stops it first" in refused.stderr
    assert cli("prune", "--path", root, cwd=other).returncode == 1
    # The stack of another worktree does not matter.
    assert cli("run", "--", "true", cwd=other).returncode == 0
    assert cli("prune", cwd=other).returncode == 0
    family = stack.family()
    forced = cli("prune", "--force", cwd=root)
    assert forced.returncode == 0, forced.stderr
    assert forced.stderr.splitlines() == [
        f"[portweave] stopped the stack main of {root}",
        f"[portweave] pruned allocation for {root}",
    ]
    assert stack.wait() == 128 + signal.SIGTERM
    assert not any(process.is_running() for process in family)
    assert blocks(home) == 0
    assert live_stacks(str(home / "state" / "portweave" / "stacks")) == []


def test_a_stack_that_does_not_end_keeps_its_ports(
    deaf: tuple[Path, "subprocess.Popen[bytes]"], cli: "Cli", home: Path
) -> None:
    root, process = deaf
    done = cli("prune", "--force", "--timeout", "100ms", cwd=root)
    assert done.returncode == 1
    assert f"of {root} (pid {process.pid}) has not ended within 0.1 s (PW0952)" in done.stderr
    assert blocks(home) == 1


def test_a_number_that_is_used_again_is_not_signalled(
    deaf: tuple[Path, "subprocess.Popen[bytes]"],
    cli: "Cli",
    home: Path,
    spawned: Callable[..., "subprocess.Popen[bytes]"],
) -> None:
    root, process = deaf
    bystander = spawned([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_record(home / "state" / "portweave" / "stacks", root, bystander.pid, "1")
    done = cli("prune", "--force", "--timeout", "100ms", cwd=root)
    assert done.returncode == 1
    assert "is held by a process that its record does not name (PW0952)" in done.stderr
    assert (process.poll(), bystander.poll()) == (None, None)


def test_the_record_of_a_dead_stack_is_not_in_the_way(cli: "Cli", repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    assert cli("run", "--count", "1", "--", "true", cwd=root).returncode == 0
    stacks = home / "state" / "portweave" / "stacks"
    path = write_record(stacks, root, os.getpid(), started_at(os.getpid()) or "")
    path.with_suffix(".lock").touch()
    with path.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert cli("prune", cwd=root).returncode == 0


def test_the_timeout_is_a_time(cli: "Cli", tmp_path: Path) -> None:
    done = cli("prune", "--timeout", "soon", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "--timeout takes a time such as 90, 90s or 1m30s, received 'soon' (PW0601)" in done.stderr
    )
