"""The registry under damage, locks, and several writers."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.allocator.ports.blocks import has_moved
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import store
from portweave.errors import RegistryLockedError
from portweave.system.processes import started_at
from portweave.system.registry_lock import Lock
from tests.support.commands import Cli
from tests.support.ports import Pool, reserve_ports

Repo = Callable[[int], list[Path]]
Spawned = Callable[..., "subprocess.Popen[bytes]"]

RUN = ("run", "--count", "2", "--", "true")


@pytest.fixture
def folder(home: Path) -> Path:
    """The folder of the registry."""
    path = home / "config" / "portweave"
    path.mkdir(parents=True)
    return path


def ports_of(folder: Path) -> list[int]:
    value = json.loads((folder / "registry.json").read_text())
    return [port for entry in value["entries"] for port in entry["ports"].values()]


def test_only_the_owner_can_read_the_files(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    argv = ["/bin/sh", "-c", 'umask 777; exec "$@"', "sh", *cli.argv, *RUN]
    assert subprocess.run(argv, cwd=root, env=cli.environ, check=False).returncode != 0 or (
        os.geteuid() == 0
    )
    argv[2] = 'umask 000; exec "$@"'
    subprocess.run(argv, cwd=root, env=cli.environ, check=True)
    folder = home / "config" / "portweave"
    assert (folder / "registry.json").stat().st_mode & 0o777 == 0o600


def test_no_temporary_file_is_left_beside_the_registry(cli: Cli, repo: Repo, folder: Path) -> None:
    for root in repo(2):
        assert cli(*RUN, cwd=root).returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "registry.json",
        "registry.json.bak",
        "registry.json.lock",
    ]
    assert len(json.loads((folder / "registry.json.bak").read_text())["entries"]) == 2


def test_files_of_killed_writers_are_removed_after_a_minute(
    cli: Cli, repo: Repo, folder: Path
) -> None:
    (root,) = repo(0)
    old, new = folder / "registry.json.tmp.1.2", folder / "registry.json.tmp.1.3"
    aside = folder / "registry.lock.1.2"
    for path in (old, new):
        path.write_text("{")
    aside.mkdir()
    (aside / "owner").write_text("1 2\n")
    for path in (old, aside):
        os.utime(path, (time.time() - 61, time.time() - 61))
    cli(*RUN, cwd=root)
    assert (old.exists(), aside.exists(), new.exists()) == (False, False, True)


def test_worktrees_that_are_gone_are_dropped(cli: Cli, repo: Repo, folder: Path) -> None:
    main, linked, later = repo(2)
    for root in (main, linked):
        cli(*RUN, cwd=root)
    linked.rename(linked.with_name("elsewhere"))
    cli(*RUN, cwd=later)
    assert len(ports_of(folder)) == 4


def test_a_link_stays_a_link(cli: Cli, repo: Repo, folder: Path, tmp_path: Path) -> None:
    (root,) = repo(0)
    target = tmp_path / "kept.json"
    (folder / "registry.json").symlink_to(target)
    cli(*RUN, cwd=root)
    assert (folder / "registry.json").is_symlink()
    assert "entries" in json.loads(target.read_text())


def test_an_old_use_is_renewed_and_a_fresh_one_is_not(cli: Cli, repo: Repo, folder: Path) -> None:
    (root,) = repo(0)
    path = folder / "registry.json"
    cli(*RUN, cwd=root)
    text = path.read_text()
    used = json.loads(text)["entries"][0]["lastUsedAt"]
    path.write_text(text.replace(used, "2020-01-31T12:34:56.789Z"))
    cli("show", "--count", "2", cwd=root)
    renewed = json.loads(path.read_text())["entries"][0]["lastUsedAt"]
    assert renewed >= used
    cli(*RUN, cwd=root)
    assert json.loads(path.read_text())["entries"][0]["lastUsedAt"] == renewed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not valid JSON: "),
        ("{", "is not valid JSON: "),
        ('{"entries": [], "version": 1, "x": NaN}', "is not valid JSON: "),
        ("[]", "failed schema validation"),
        ('{"entries": [], "version": 2}', "failed schema validation"),
        ('{"entries": [{"key": {"worktreeRoot": "/x"}}], "version": 1}', "entry 1 (of /x): "),
    ],
)
@pytest.mark.parametrize("args", [RUN, ("show", "--count", "2"), ("prune",)])
def test_damage_is_named_and_nothing_is_lost(
    text: str, message: str, args: tuple[str, ...], cli: Cli, repo: Repo, folder: Path
) -> None:
    (root,) = repo(0)
    path = folder / "registry.json"
    path.write_text(text)
    done = cli(*args, cwd=root)
    assert done.returncode == 1
    assert done.stderr.startswith(f"[portweave] error: registry file at {path} ")
    assert done.stderr.splitlines()[0].endswith("(PW0302)")
    assert message in done.stderr
    assert path.read_text() == text


def test_a_registry_that_cannot_be_read_is_named(cli: Cli, repo: Repo, folder: Path) -> None:
    (root,) = repo(0)
    (folder / "registry.json").mkdir()
    done = cli(*RUN, cwd=root)
    assert f"failed to read registry file at {folder}/registry.json: " in done.stderr
    assert "(PW0302)" in done.stderr


def test_a_registry_that_cannot_be_written_is_named(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    (home / "config").write_text("in the way")
    done = cli(*RUN, cwd=root)
    assert done.returncode == 1
    assert "(PW0303)" in done.stderr


def test_without_home_the_password_database_gives_the_folder(
    cli: Cli, repo: Repo, tmp_path: Path
) -> None:
    (root,) = repo(0)
    relative = {"XDG_CONFIG_HOME": "relative", "HOME": str(tmp_path / "h")}
    assert cli(*RUN, cwd=root, env=relative).returncode == 0
    assert (tmp_path / "h" / ".config" / "portweave" / "registry.json").exists()
    done = cli("show", "--count", "2", cwd=root, env={"XDG_CONFIG_HOME": None, "HOME": None})
    assert "(PW0603)" in done.stderr, "there is a home, and no allocation in it"


def test_a_run_waits_for_a_living_holder_and_names_it(
    cli: Cli, repo: Repo, folder: Path, spawned: Spawned
) -> None:
    (root,) = repo(0)
    holder = spawned([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock = folder / "registry.lock"
    lock.mkdir()
    (lock / "owner").write_text(f"{holder.pid} {started_at(holder.pid)}\n")
    done = cli(*RUN, cwd=root, env={"PORTWEAVE_LOCK_TIMEOUT_MS": "60"})
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == (
        f"[portweave] error: timed out acquiring registry lock at {lock} after 3 retries (PW0301)"
    )
    assert f"it is held by pid {holder.pid} ({sys.executable}" in second
    assert (lock / "owner").exists()


def test_a_run_waits_for_another_process_of_portweave(cli: Cli, repo: Repo, folder: Path) -> None:
    (root,) = repo(0)
    with (folder / "registry.json.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = cli(*RUN, cwd=root, env={"PORTWEAVE_LOCK_TIMEOUT_MS": "60"})
        assert done.returncode == 1
        assert "(PW0301)" in done.stderr
        waiting = subprocess.Popen([*cli.argv, *RUN], cwd=root, env=cli.environ)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.3)
    assert waiting.wait(10) == 0


@pytest.mark.parametrize("text", ["{pid} 1\n", "999999999 1\n"])
def test_a_dead_holder_is_taken_over_at_once(text: str, cli: Cli, repo: Repo, folder: Path) -> None:
    (root,) = repo(0)
    lock = folder / "registry.lock"
    lock.mkdir()
    (lock / "owner").write_text(text.format(pid=os.getpid()))
    done = cli(*RUN, cwd=root, env={"PORTWEAVE_LOCK_TIMEOUT_MS": "1"})
    assert done.returncode == 0, done.stderr
    assert not lock.exists()


def test_a_holder_that_died_before_it_wrote_its_name_is_taken_over(
    cli: Cli, repo: Repo, folder: Path
) -> None:
    (root,) = repo(0)
    lock = folder / "registry.lock"
    lock.mkdir()
    lock.chmod(0o1700)
    assert cli(*RUN, cwd=root, env={"PORTWEAVE_LOCK_TIMEOUT_MS": "1"}).returncode == 0


@pytest.mark.parametrize(("age_s", "status"), [(0, 1), (31, 0), (-3600, 1)])
def test_a_lock_without_an_owner_belongs_to_npm_portweave(
    age_s: int, status: int, cli: Cli, repo: Repo, folder: Path
) -> None:
    (root,) = repo(0)
    lock = folder / "registry.lock"
    lock.mkdir()
    os.utime(lock, (time.time() - age_s, time.time() - age_s))
    done = cli(*RUN, cwd=root, env={"PORTWEAVE_LOCK_TIMEOUT_MS": "60"})
    assert done.returncode == status
    assert lock.exists() is bool(status)


def test_a_lock_that_was_removed_is_not_released(folder: Path) -> None:
    path, lock_dir = folder / "registry.json", folder / "registry.lock"
    with Lock(str(path), {}) as lock:
        lock.check()
        # npm portweave does so after half a minute, if its own holder was stopped.
        shutil.rmtree(lock_dir)
        lock_dir.mkdir()
        with pytest.raises(RegistryLockedError):
            store(str(path), [], still_locked=lock.check)
    assert lock_dir.exists(), "it is somebody else's"
    assert sorted(item.name for item in folder.iterdir()) == ["registry.json.lock", "registry.lock"]


def test_a_lock_acquired_too_late_is_released(folder: Path) -> None:
    path = str(folder / "registry.json")
    with Lock(path, {}), pytest.raises(RegistryLockedError):
        Lock(path, {"PORTWEAVE_LOCK_TIMEOUT_MS": "50"}).__enter__()
    with Lock(path, {"PORTWEAVE_LOCK_TIMEOUT_MS": "5000"}) as lock:
        lock.check()


def test_has_moved_waits_for_writers_at_work(folder: Path) -> None:
    path = str(folder / "registry.json")
    entry = Entry(Key(None, "main", str(folder)), "2026-01-31T12:34:56.789Z", "main", {"web": 4000})
    other = Entry(entry.key, entry.last_used_at, "main", {"web": 4000, "api": 4002})
    with Lock(path, {}) as lock:
        store(path, [other], still_locked=lock.check)
        # The writer may change the ports until it releases the lock.
        with pytest.raises(RegistryLockedError):
            has_moved(path, entry, ["web"], {"PORTWEAVE_LOCK_TIMEOUT_MS": "25"})
    assert not has_moved(path, entry, ["web"], {})
    assert has_moved(path, Entry(entry.key, "", "main", {"web": 4001}), ["web"], {})
    assert has_moved(path, Entry(Key(None, "x", "/x"), "", "x", {"web": 4000}), ["web"], {})


def test_a_warm_run_takes_no_lock(cli: Cli, repo: Repo, folder: Path) -> None:
    (root,) = repo(0)
    cli(*RUN, cwd=root)
    (folder / "registry.lock").mkdir()
    with (folder / "registry.json.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert cli(*RUN, cwd=root).returncode == 0
        assert cli("show", "--count", "2", cwd=root).returncode == 0


@pytest.mark.slow
def test_many_worktrees_at_once_have_ports_of_their_own(cli: Cli, repo: Repo, folder: Path) -> None:
    roots = repo(29)
    pool: Pool = reserve_ports(100)
    environ = cli.env({"PORTWEAVE_POOL_RANGE": str(pool)})
    processes = [
        subprocess.Popen([*cli.argv, *RUN], cwd=root, env=environ, stderr=subprocess.PIPE)
        for root in roots
    ]
    for process in processes:
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors.decode()
    ports = ports_of(folder)
    assert len(ports) == len(set(ports)) == 60
    assert sorted(ports) == list(range(pool.start, pool.start + 60)), "first fit leaves no gap"
