"""`doctor`: its findings, its text, and the repairs of `--fix`."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portweave.allocator.lease_folders import RECORD
from portweave.leases import take_lease
from portweave.supervisor.registry.stack_records import stack_key
from portweave.system.processes import started_at
from tests.support.commands import Cli, Git
from tests.support.ports import Pool

Repo = Callable[[int], list[Path]]
Spawned = Callable[..., "subprocess.Popen[bytes]"]

RUN = ("run", "--count", "2", "--", "true")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


@pytest.fixture
def folder(home: Path) -> Path:
    """The folder of the registry."""
    path = home / "config" / "portweave"
    path.mkdir(parents=True, mode=0o700)
    return path


def test_another_program_on_a_port_of_the_worktree_is_named(
    cli: Cli, repo: Repo, tmp_path: Path
) -> None:
    (root,) = repo(0)
    cli(*RUN, cwd=root)
    port = json.loads(cli("show", "--json", "--count", "2", cwd=root).stdout)["ports"]["port-1"]
    code = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(flush=True)"
    argv = [sys.executable, "-c", f"{code}; input()"]
    with subprocess.Popen(
        argv, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        found = find(cli, root)["PW0920"]
        stranger.communicate(b"\n")
    assert found["severity"] == "warning"
    assert f"port {port} of port-1 is held by pid {stranger.pid} (" in found["message"]
    assert f"kill {stranger.pid}" in found["remedy"]
    assert "PW0920" not in find(cli, root)


def find(
    cli: Cli, cwd: Path, *args: str, env: dict[str, str | None] | None = None
) -> dict[str, dict[str, Any]]:
    """Return doctor's findings by code; its exit status must say whether one is an error."""
    done = cli("doctor", "--json", *args, cwd=cwd, env=env)
    value = json.loads(done.stdout)
    assert value["schemaVersion"] == 1
    errors = [f for f in value["findings"] if f["severity"] == "error" and not f["fixed"]]
    assert done.returncode == (1 if errors else 0)
    assert value["ok"] is not errors
    assert all(finding["remedy"] for finding in value["findings"])
    return {finding["code"]: finding for finding in value["findings"]}


def ports_of(folder: Path) -> dict[str, dict[str, int]]:
    value = json.loads((folder / "registry.json").read_text())
    return {entry["key"]["worktreeRoot"]: entry["ports"] for entry in value["entries"]}


def test_where_nothing_is_wrong_it_says_so(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    done = cli("doctor", cwd=root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing is wrong\n", "")
    assert cli(*RUN, cwd=root).returncode == 0
    assert find(cli, root) == {}


DAMAGES: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "half": lambda text: text[: len(text) // 2],
    "without its end": lambda text: text[:-20],
    "nonsense": lambda _: "\0\0\0",
    "another version": lambda text: text.replace('"version": 1', '"version": 2'),
    "a wrong port": lambda text: text.replace(": 2", ': "2', 1).replace(",", '",', 1),
    "a bad entry": lambda text: text.replace('"entries": [', '"entries": [{"key": 1},', 1),
    "a text": lambda _: '"hello"',
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("has_backup", [True, False])
def test_a_damaged_registry_is_rebuilt_from_what_is_left(
    damage: Callable[[str], str], has_backup: bool, cli: Cli, repo: Repo, folder: Path
) -> None:
    roots = repo(2)
    for number, root in enumerate(roots):
        if number == 1:
            (root / "Procfile").write_text("web: a\napi: b\n")
            assert cli("run", "--", "true", cwd=root).returncode == 0
        else:
            assert cli(*RUN, cwd=root).returncode == 0
    before = ports_of(folder)
    path = folder / "registry.json"
    damaged = damage(path.read_text())
    path.write_text(damaged)
    if not has_backup:
        (folder / "registry.json.bak").unlink()
    assert find(cli, roots[0])["PW0302"]["fixable"] is True
    assert path.read_text() == damaged, "without --fix nothing is changed"
    done = cli("doctor", "--fix", cwd=roots[0])
    assert done.returncode == 0, done.stdout
    assert "repaired PW0302: " in done.stdout
    assert ports_of(folder) == before, "the backup, and each worktree, still know"
    (aside,) = folder.glob("registry.json.damaged.*")
    assert aside.read_text() == damaged
    backup = folder / "registry.json.bak"
    assert backup.exists() is has_backup, "a damaged one is no last good version"
    assert not has_backup or backup.read_text() != damaged
    for root in (roots[0], roots[2]):
        again = cli(*RUN, cwd=root)
        assert "reusing existing allocation" in again.stderr
    assert "PW0302" not in find(cli, roots[0])


def test_a_folder_in_the_place_of_the_registry_is_set_aside(
    cli: Cli, repo: Repo, folder: Path
) -> None:
    (root,) = repo(0)
    assert cli(*RUN, cwd=root).returncode == 0
    before = ports_of(folder)
    (folder / "registry.json").unlink()
    (folder / "registry.json").mkdir()
    assert find(cli, root, "--fix")["PW0302"]["fixed"] is True
    assert ports_of(folder) == before


def test_a_rebuilt_registry_has_no_port_twice(cli: Cli, repo: Repo, folder: Path) -> None:
    first, second = repo(1)
    for root in (first, second):
        assert cli(*RUN, cwd=root).returncode == 0
    current = first / ".portweave" / "current.env"
    (second / ".portweave" / "current.env").write_text(current.read_text())
    (folder / "registry.json").write_text("{")
    (folder / "registry.json.bak").unlink()
    assert find(cli, first, "--fix")["PW0302"]["fixed"] is True
    assert len(ports_of(folder)) == 1


def test_blocks_that_share_a_port_are_parted(cli: Cli, repo: Repo, folder: Path) -> None:
    first, second = repo(1)
    for root in (first, second):
        assert cli(*RUN, cwd=root).returncode == 0
    path = folder / "registry.json"
    value = json.loads(path.read_text())
    value["entries"][0]["ports"] = value["entries"][1]["ports"]
    value["entries"][0]["lastUsedAt"] = "2020-01-31T12:34:56.789Z"
    path.write_text(json.dumps(value))
    found = find(cli, first)["PW0312"]
    assert str(first) in found["message"]
    assert str(second) in found["message"]
    assert find(cli, first, "--fix")["PW0312"]["fixed"] is True
    assert list(ports_of(folder)) == [str(second)]


def test_blocks_of_worktrees_that_are_gone_are_dropped(cli: Cli, repo: Repo, folder: Path) -> None:
    first, second = repo(1)
    for root in (first, second):
        assert cli(*RUN, cwd=root).returncode == 0
    shutil.rmtree(second)
    assert find(cli, first)["PW0311"]["severity"] == "warning"
    assert find(cli, first, "--fix")["PW0311"]["fixed"] is True
    assert list(ports_of(folder)) == [str(first)]


def test_rights_of_others_are_removed(cli: Cli, repo: Repo, folder: Path) -> None:
    (root,) = repo(0)
    assert cli(*RUN, cwd=root).returncode == 0
    path = folder / "registry.json"
    path.chmod(0o644)
    assert find(cli, root)["PW0310"]["message"].endswith("(mode 644)")
    assert find(cli, root, "--fix")["PW0310"]["fixed"] is True
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["{pid} 1\n", "999999999 1\n", ""])
def test_a_lock_that_was_left_is_removed(text: str, cli: Cli, repo: Repo, folder: Path) -> None:
    (root,) = repo(0)
    lock = folder / "registry.lock"
    lock.mkdir()
    if text:
        (lock / "owner").write_text(text.format(pid=os.getpid()))
    else:
        os.utime(lock, (time.time() - 31, time.time() - 31))
    assert find(cli, root)["PW0313"]["severity"] == "warning"
    assert find(cli, root, "--fix")["PW0313"]["fixed"] is True
    assert not lock.exists()


@pytest.mark.parametrize(("age_s", "found"), [(0, False), (10, True)])
def test_a_lock_that_is_held_stays(
    age_s: int, found: bool, cli: Cli, repo: Repo, folder: Path
) -> None:
    (root,) = repo(0)
    lock = folder / "registry.lock"
    lock.mkdir()
    (lock / "owner").write_text(f"{os.getpid()} {started_at(os.getpid())}\n")
    os.utime(lock, (time.time() - age_s, time.time() - age_s))
    assert ("PW0301" in find(cli, root, "--fix")) is found
    assert lock.exists()


def test_leases_that_have_ended_are_removed(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    kept, over = (take_lease(1, environ=cli.environ) for _ in range(2))
    leases = home / "state" / "portweave" / "leases"
    (leases / over.id / RECORD).unlink()
    assert over.id in find(cli, root)["PW0314"]["message"]
    assert find(cli, root, "--fix")["PW0314"]["fixed"] is True
    assert [path.name for path in leases.iterdir()] == [kept.id]


def test_the_record_of_a_dead_stack_is_removed(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    stacks = home / "state" / "portweave" / "stacks"
    stacks.mkdir(parents=True)
    path = stacks / f"{stack_key(str(root), 'main')}.json"
    fields = {"pid": 999999999, "start": "1", "project": "shop", "namespace": "main"}
    path.write_text(
        json.dumps({**fields, "worktreeRoot": str(root), "ports": {}, "tag": "nobodys-tag"})
    )
    assert find(cli, root)["PW0953"]["severity"] == "warning"
    assert find(cli, root, "--fix")["PW0953"]["fixed"] is True
    assert not path.exists()


def test_the_pool_is_looked_at(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    found = find(cli, root, env={"PORTWEAVE_POOL_RANGE": "80-90"})
    assert found["PW0404"]["severity"] == "error"
    assert "PW0403" in find(cli, root, env={"PORTWEAVE_POOL_RANGE": "6000-6001"})


def test_two_programs_of_one_name_are_reported(cli: Cli, repo: Repo, tmp_path: Path) -> None:
    (root,) = repo(0)
    folders = [tmp_path / "npm", tmp_path / "pip", tmp_path / "copy"]
    for place, first in zip(folders, ("node", "python3", "python3"), strict=True):
        place.mkdir()
        (place / "portweave").write_text(f"#!/usr/bin/env {first}\n")
        (place / "portweave").chmod(0o755)
    rest = cli.environ["PATH"]
    path = ":".join([*map(str, folders[:2]), "/usr/bin", "/bin"])
    found = find(cli, root, env={"PATH": path})["PW0610"]
    assert f"{folders[0]}/portweave (npm's) runs" in found["message"]
    assert f"{folders[1]}/portweave (this one)" in found["message"]
    only = ":".join([*map(str, folders[1:]), "/usr/bin", "/bin"])
    assert "PW0610" not in find(cli, root, env={"PATH": only})
    assert rest


def test_without_git_it_says_so(cli: Cli, tmp_path: Path) -> None:
    assert find(cli, tmp_path, env={"PATH": str(tmp_path)})["PW0210"]["severity"] == "warning"


@needs_root
def test_a_refusal_by_git_is_reported_with_a_remedy(cli: Cli, repo: Repo, git: Git) -> None:
    (root,) = repo(0)
    os.chown(root, 12345, 12345)
    try:
        found = find(cli, root)["PW0211"]
        assert "dubious ownership" in found["message"]
        assert found["remedy"].endswith(f"--add safe.directory {root}")
        # The remedy works.
        git("config", "--global", "--add", "safe.directory", root, cwd=root)
        assert find(cli, root) == {}
    finally:
        os.chown(root, os.geteuid(), os.getegid())


def test_a_broken_repository_is_told(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    shutil.rmtree(root / ".git" / "objects")
    assert find(cli, root)["PW0211"]["severity"] == "error"
    assert find(cli, root / ".git") == {}, "inside of it there is no worktree to miss"


@pytest.mark.parametrize(
    ("name", "code"),
    [("config/portweave", "PW0303"), ("state/portweave", "PW0305"), ("", "PW0505")],
)
def test_a_place_that_cannot_be_written_is_named(
    name: str, code: str, cli: Cli, repo: Repo, home: Path
) -> None:
    (root,) = repo(0)
    place = home / name if name else root / ".portweave"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    found = find(cli, root)[code]
    assert found["severity"] == "error"
    assert str(place) in found["message"]


@not_as_root
def test_a_folder_that_is_not_writable_is_named(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    place = home / "state" / "portweave"
    place.mkdir(parents=True)
    place.chmod(0o500)
    assert "not writable" in find(cli, root)["PW0305"]["message"]
    place.chmod(0o700)


def test_without_a_home_there_is_no_place(cli: Cli, tmp_path: Path) -> None:
    found = find(cli, tmp_path, env={"XDG_CONFIG_HOME": None, "HOME": "relative"})
    assert found["PW0303"]["severity"] == "error"


def test_it_takes_no_operand(cli: Cli, tmp_path: Path) -> None:
    done = cli("doctor", "now", cwd=tmp_path)
    assert done.returncode == 1
    assert "unexpected argument 'now' (PW0601)" in done.stderr


@pytest.mark.slow
def test_it_repairs_while_others_allocate(
    cli: Cli, repo: Repo, folder: Path, pool: Pool, spawned: Spawned
) -> None:
    roots = repo(3)
    for root in roots:
        assert cli(*RUN, cwd=root).returncode == 0
    before = ports_of(folder)
    (folder / "registry.json").write_text("{")
    argv = [sys.executable, "-Im", "portweave", "doctor", "--fix"]
    doctors = [
        spawned(argv, cwd=root, env=cli.environ, stdout=subprocess.DEVNULL) for root in roots
    ]
    assert [doctor.wait(20) for doctor in doctors] == [0, 0, 0, 0]
    assert ports_of(folder) == before
    assert len(list(folder.glob("*.damaged.*"))) == 1
    assert pool.start in before[str(roots[0])].values()
