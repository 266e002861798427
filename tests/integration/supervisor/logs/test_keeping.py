"""Logs on disk: segments, kills, slow readers and full disks."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from portweave.supervisor.logs.writer import LogFolder

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.running_stacks import StartUp
from tests.support.log_files import (
    PATIENCE_S,
    Follower,
    Spawn,
    logs_of,
    write_services,
)


def test_after_portweave_was_killed_the_log_has_all_that_was_read(
    project: Path, up: "StartUp", cli: "Cli", eventually: Callable[[Callable[[], object]], None]
) -> None:
    write_services(
        project, api="import time\nfor n in range(10**9):\n    print(n)\n    time.sleep(0.0005)"
    )
    stack = up(project)
    log = logs_of(project) / "api.log"
    eventually(lambda: log.exists() and log.stat().st_size > 2000)
    command = psutil.Process(stack.process.pid)
    supervisors = [p for p in command.children() if "portweave" in " ".join(p.cmdline())]
    services = [p for p in command.children(recursive=True) if p not in supervisors]
    for process in (command, *supervisors):
        process.suspend()
    for process in (command, *supervisors, *services):
        # A service may have ended of a write to a pipe without a reader.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    stack.wait()
    kept = log.read_text()
    numbers = kept.split("\n")
    assert numbers[:-1] == [str(n) for n in range(len(numbers) - 1)]
    shown = cli("logs", "--no-prefix", cwd=project).stdout
    assert shown.rstrip("\n") == kept.rstrip("\n")
    # And the next stack continues the log.
    write_services(project, api="print('again')")
    assert up(project).wait() == 0
    assert cli("logs", "--no-prefix", "-n", "1", cwd=project).stdout == "again\n"
    assert log.read_text() == kept + "again\n"


@pytest.mark.slow
def test_logs_that_git_clean_removed_come_back_hidden_from_git(
    repo: Callable[[int], list[Path]],
    git: "Git",
    up: "StartUp",
    cli: "Cli",
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    [root] = repo(0)
    write_services(root, api="import time\nwhile True:\n    print(1)\n    time.sleep(0.02)")
    git("add", "-A", cwd=root)
    stack = up(root)
    stack.wait_for("all ready")
    git("clean", "-fdxq", cwd=root)
    # A process that runs may have made a file at this very moment.
    eventually((logs_of(root) / "api.log").exists)
    assert (root / ".portweave/.gitignore").read_text() == "*\n"
    assert ".portweave" not in git("status", "--porcelain", cwd=root)
    assert cli("run", "--", "true", cwd=root).returncode == 0
    assert stack.stop() == 130


@pytest.mark.slow
def test_following_survives_rotation_restarts_and_the_wait_for_a_stack(
    project: Path, up: "StartUp", follow: Callable[..., Follower]
) -> None:
    write_services(
        project,
        api="for n in range(300_000): print(f'{n:099d}')\nprint('done 1')",
    )
    (project / "Procfile").write_text(f"api: {sys.executable} api.py\n")
    follower = follow(project, "--no-prefix")
    assert up(project).wait() == 0
    follower.wait_for("done 1")
    assert follower.lines == [*(f"{n:099d}" for n in range(300_000)), "done 1"]
    assert len(list(logs_of(project).glob("api.log*"))) == 3
    write_services(project, api="print('done 2')", web="print('new')")
    assert up(project).wait() == 0
    follower.wait_for("done 2")
    follower.wait_for("new")
    follower.process.send_signal(signal.SIGINT)
    assert follower.process.wait(PATIENCE_S) == 130


@pytest.mark.slow
def test_following_goes_on_after_the_folder_was_removed(
    project: Path, up: "StartUp", follow: Callable[..., Follower]
) -> None:
    write_services(
        project,
        api="import pathlib, time\nprint('one')\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "time.sleep(1.1)\nprint('two')\ntime.sleep(1000)",
    )
    stack = up(project)
    follower = follow(project, "--no-prefix", "-n", "1")
    follower.wait_for("one")
    for path in logs_of(project).iterdir():
        path.unlink()
    logs_of(project).rmdir()
    (project / "go").touch()
    follower.wait_for("two")
    assert follower.lines == ["one", "two"]
    assert (logs_of(project) / "api.log").read_text() == "two\n"
    assert stack.stop() == 130


@pytest.mark.slow
def test_old_segments_are_removed(project: Path, up: "StartUp", cli: "Cli") -> None:
    (project / "big.py").write_text(
        "line = b'x' * 99 + b'\\n'\nimport os\nfor n in range(1100):\n    rest = line * 600\n"
        "    while rest: rest = rest[os.write(1, rest):]\n"
    )
    (project / "Procfile").write_text(f"api: {sys.executable} big.py\n")
    old = logs_of(project) / "gone.log"
    old.parent.mkdir(parents=True)
    old.write_text("of a service that there is no more\n")
    os.utime(old, (0, time.time() - 15 * 86_400))
    assert up(project).wait() == 0
    sizes = [path.stat().st_size for path in logs_of(project).glob("api.log*")]
    assert len(sizes) == 5
    assert all(size < (10 << 20) + 65_536 for size in sizes)
    assert len(list(logs_of(project).glob("api.idx.*"))) == 5
    assert not old.exists()
    shown = cli("logs", "--no-prefix", cwd=project).stdout
    assert set(shown.splitlines()[1:]) == {"x" * 99}
    assert len(shown) > 40 << 20


def test_a_stopped_reader_does_not_make_a_log_incomplete(
    project: Path, cli: "Cli", spawned: Spawn, eventually: Callable[[Callable[[], object]], None]
) -> None:
    count = 60_000
    (project / "flood.py").write_text(
        f"import time\nfor n in range({count}): print(f'{{n:099d}}')\n"
        "print('the end', flush=True)\ntime.sleep(1000)"
    )
    (project / "Procfile").write_text(f"api: {sys.executable} flood.py\n")
    argv = [*cli.argv, "up"]
    process = spawned(
        argv, cwd=project, env=cli.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    log = logs_of(project) / "api.log"
    eventually(lambda: log.exists() and log.read_bytes().endswith(b"the end\n"))
    lines = log.read_text().splitlines()
    assert lines == [*(f"{n:099d}" for n in range(count)), "the end"]
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    seen = process.stdout.read()
    assert process.wait(PATIENCE_S) == 130
    assert b"lines skipped" in seen


def test_a_file_that_cannot_grow_stops_no_service_and_is_reported_once(
    project: Path, cli: "Cli", spawned: Spawn
) -> None:
    (project / "api.py").write_text(
        "import time\nfor n in range(3000): print(f'{n:099d}')\n"
        "print('end of the flood', flush=True)\ntime.sleep(1000)"
    )
    (project / "Procfile").write_text(f"api: {sys.executable} api.py\n")
    limit = 100_000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        process = spawned(
            [*cli.argv, "up"],
            cwd=project,
            env=cli.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert process.stdout is not None
    seen = b""
    while b"end of the flood" not in seen:
        seen += os.read(process.stdout.fileno(), 65_536)
    process.send_signal(signal.SIGINT)
    seen += process.stdout.read()
    assert process.wait(PATIENCE_S) == 130
    assert seen.count(b"logs are not kept for now") == 1
    kept = (logs_of(project) / "api.log").read_bytes()
    assert len(kept) <= limit
    assert kept == b"".join(b"%099d\n" % n for n in range(3000))[: len(kept)]


def test_bytes_lost_to_a_full_disk_are_counted_and_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: "Cli"
) -> None:
    told: list[str] = []
    folder = tmp_path / ".portweave/logs"
    (tmp_path / "Procfile").write_text("api: true\n")
    logs = LogFolder(str(folder), told.append)
    log = logs.log("api")
    log.begin()
    log.write(0, b"before\n")
    real = os.write
    room = 3

    def write(descriptor: int, data: bytes) -> int:
        nonlocal room
        if len(data) == 32:  # a record of the index
            return real(descriptor, data)
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size, room = min(room, len(data)), max(0, room - len(data))
        return real(descriptor, data[:size])

    monkeypatch.setattr(os, "write", write)
    log.write(0, b"0123456789\n")
    log.write(1, b"more\n")
    assert told == [f"logs are not kept for now: No space left on device ({folder})"]
    room = 10**9
    later_ns = time.time_ns() + 2_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    log.write(0, b"after\n")
    logs.close()
    monkeypatch.undo()
    assert told[1:] == ["logs are kept again; 13 bytes are missing in them"]
    mark = "[portweave] 13 bytes are missing here: No space left on device"
    shown = cli("logs", "--no-prefix", cwd=tmp_path).stdout.splitlines()
    assert shown == ["before", "012", mark, "after"]
    assert (folder / "api.log").read_text() == f"before\n012\n{mark}\nafter\n"


def test_a_removed_worktree_is_not_made_again_for_its_logs(tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "gone/.portweave/logs"
    logs = LogFolder(str(folder), told.append)
    logs.log("api").write(0, b"lost\n")
    logs.close()
    assert told == [f"logs are not kept for now: No such file or directory ({folder})"]
    assert not (tmp_path / "gone").exists()
