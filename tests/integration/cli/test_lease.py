"""Leases: how commands take, list and release them, and when they expire."""

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

from portweave.allocator import lease_folders as folders
from portweave.errors import LeaseUnknownError, PoolExhaustedError, UsageError
from portweave.leases import holding, release, take_lease
from tests.support.commands import Cli
from tests.support.ports import Pool, reserve_ports

Repo = Callable[[int], list[Path]]
Spawned = Callable[..., "subprocess.Popen[bytes]"]


def registered_ports(home: Path) -> dict[str, dict[str, int]]:
    text = (home / "config" / "portweave" / "registry.json").read_text()
    return {entry["key"]["worktreeRoot"]: entry["ports"] for entry in json.loads(text)["entries"]}


def take_by_command(cli: Cli, cwd: Path, *args: str) -> dict[str, Any]:
    done = cli("lease", *args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def listed_leases(cli: Cli, cwd: Path) -> list[dict[str, Any]]:
    value = json.loads(cli("lease", "--list", "--json", cwd=cwd).stdout)
    assert value["schemaVersion"] == 1
    found: list[dict[str, Any]] = value["leases"]
    return found


def test_a_lease_is_an_entry_of_the_registry(
    cli: Cli, tmp_path: Path, home: Path, pool: Pool
) -> None:
    cli.may_fork = False
    lease = take_by_command(cli, tmp_path, "--count", "3", "--ttl", "10m")
    assert list(lease) == ["schemaVersion", "id", "ports", "start", "expiresAt", "owner"]
    assert lease["ports"] == list(range(pool.start, pool.start + 3))
    assert lease["start"] == pool.start
    assert lease["owner"]["pid"] == os.getpid(), "the calling process is the owner"
    folder = home / "state" / "portweave" / "leases" / lease["id"]
    assert registered_ports(home) == {
        str(folder): {f"port-{n + 1}": pool.start + n for n in range(3)}
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "lease.json").stat().st_mode & 0o777 == 0o600
    ends_s = time.mktime(time.strptime(lease["expiresAt"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 590 < ends_s - time.time() <= 600


def test_released_ports_are_free_at_once(cli: Cli, tmp_path: Path, home: Path) -> None:
    first, second = (take_by_command(cli, tmp_path) for _ in range(2))
    assert first["ports"] != second["ports"]
    done = cli("lease", "--release", first["id"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(registered_ports(home)) == 1
    again = cli("lease", "--release", first["id"], cwd=tmp_path)
    assert again.returncode == 1
    assert "(PW0304)" in again.stderr
    assert take_by_command(cli, tmp_path)["ports"] == first["ports"]


def test_all_leases_are_listed_as_text_and_as_json(cli: Cli, tmp_path: Path) -> None:
    assert listed_leases(cli, tmp_path) == []
    late = take_by_command(cli, tmp_path, "--count", "2", "--ttl", "1h")
    soon = take_by_command(cli, tmp_path, "--ttl", "1m")
    del late["schemaVersion"], soon["schemaVersion"]
    assert listed_leases(cli, tmp_path) == [soon, late]
    head, first, second = cli("lease", "--list", cwd=tmp_path).stdout.splitlines()
    assert head.split() == ["ID", "PORTS", "EXPIRES", "OWNER"]
    assert first.startswith(f"{soon['id']}  {soon['start']} ")
    assert f"  {late['ports'][0]}-{late['ports'][1]}  " in second


def test_the_end_of_its_owner_releases_a_lease(
    cli: Cli, repo: Repo, home: Path, pool: Pool, spawned: Spawned
) -> None:
    (root,) = repo(0)
    owner = spawned([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease = take_by_command(cli, root, "--owner", str(owner.pid))
    assert lease["owner"]["pid"] == owner.pid
    owner.kill()
    owner.wait()
    done = cli("run", "--count", "1", "--", "true", cwd=root)
    assert done.returncode == 0, done.stderr
    assert registered_ports(home) == {str(root): {"port-1": pool.start}}
    assert list((home / "state" / "portweave" / "leases").iterdir()) == []


def test_the_owner_of_a_lease_in_a_subshell_is_the_shell(cli: Cli, tmp_path: Path) -> None:
    words = " ".join(cli.argv)
    script = f'lease=$({words} lease | cat); echo "$$ $lease"; {words} lease --list --json; true'
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env=cli.environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    first, _, rest = done.stdout.partition("\n")
    shell, _, lease = first.partition(" ")
    assert json.loads(lease)["owner"]["pid"] == int(shell)
    assert len(json.loads(rest)["leases"]) == 1, "it outlives the pipeline that asked"
    assert listed_leases(cli, tmp_path) == [], "and ends with the script"


def test_an_expired_lease_is_released(environ: dict[str, str], home: Path, pool: Pool) -> None:
    lease = take_lease(2, ttl_s=0.05, environ=environ)
    assert lease.ports == (pool.start, pool.start + 1)
    time.sleep(max(0.0, lease.expires_s - time.time()) + 0.01)
    assert holding(environ) == []
    assert take_lease(1, environ=environ).ports == (pool.start,)
    assert len(registered_ports(home)) == 1


def test_removing_its_folder_releases_a_lease(
    environ: dict[str, str], home: Path, pool: Pool
) -> None:
    lease = take_lease(1, environ=environ)
    shutil.rmtree(home / "state" / "portweave" / "leases" / lease.id)
    with pytest.raises(LeaseUnknownError):
        release(lease.id, environ)
    assert take_lease(1, environ=environ).ports == (pool.start,)


def test_a_lease_without_a_record_expires_and_one_of_a_later_version_does_not(
    environ: dict[str, str], home: Path
) -> None:
    empty, later, old = (take_lease(1, environ=environ) for _ in range(3))
    folder = home / "state" / "portweave" / "leases"
    (folder / empty.id / folders.RECORD).unlink()
    (folder / later.id / folders.RECORD).write_text('{"schemaVersion": 2}')
    half = folder / ".new.1.lease-00"
    half.mkdir()
    os.utime(half, (0, 0))
    assert folders.remove_expired(environ) == [str(half), str(folder / empty.id)]
    assert {lease.id for lease in holding(environ)} == {old.id}
    assert (folder / later.id).exists()


def test_a_failed_lease_leaves_no_folder(environ: dict[str, str], home: Path) -> None:
    tiny = reserve_ports(1)
    with pytest.raises(PoolExhaustedError):
        take_lease(2, environ={**environ, "PORTWEAVE_POOL_RANGE": str(tiny)})
    with pytest.raises(UsageError):
        take_lease(2, owner_pid=2**22 + 1, environ=environ)
    assert list((home / "state" / "portweave" / "leases").iterdir()) == []


def test_a_warm_run_does_not_look_at_leases(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    run = ("run", "--count", "1", "--", "true")
    assert cli(*run, cwd=root).returncode == 0
    lease = take_by_command(cli, root)
    record = home / "state" / "portweave" / "leases" / lease["id"] / folders.RECORD
    record.unlink()
    assert cli(*run, cwd=root).returncode == 0
    assert record.parent.exists()
    assert cli(*run, cwd=root, env={"PORTWEAVE_NAMESPACE": "cold"}).returncode == 0
    assert not record.parent.exists()


@pytest.mark.slow
def test_many_leases_at_once_share_no_port(cli: Cli, tmp_path: Path) -> None:
    environ = cli.env({"PORTWEAVE_POOL_RANGE": str(reserve_ports(100))})
    argv = [*cli.argv, "lease", "--count", "4"]
    processes = [
        subprocess.Popen(argv, env=environ, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(20)
    ]
    ports: list[int] = []
    for process in processes:
        output, _ = process.communicate(timeout=20)
        ports += json.loads(output)["ports"]
    assert len(set(ports)) == 80


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--ttl", "soon"), "--ttl takes a time such as 90, 90s or 30m, received 'soon' (PW0601)"),
        (("--ttl", "0"), "--ttl takes a time"),
        (("--owner", "me"), "--owner takes the number of a process, received 'me' (PW0601)"),
        (
            ("--owner", "999999999"),
            "process 999999999 does not exist, so it cannot own a lease (PW0601)",
        ),
        (("--count", "0"), "--count must be a positive integer, received 0 (PW0601)"),
        (("--count", "101"), "count must be an integer in [1, 100], received 101 (PW0102)"),
        (("--config", "x"), "a lease has no definition file (PW0601)"),
        (("--release", "../x"), "there is no lease ../x (PW0304)"),
        (("--release", "lease-../x"), "there is no lease lease-../x (PW0304)"),
        (("--release", "x", "--list"), "--release takes no other option (PW0601)"),
        (("--list", "--ttl", "1m"), "--list and --ttl are mutually exclusive (PW0601)"),
        (("more",), "unexpected argument 'more' (PW0601)"),
    ],
)
def test_invalid_leases_have_an_explanation(
    args: tuple[str, ...], message: str, cli: Cli, tmp_path: Path
) -> None:
    done = cli("lease", *args, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr


def test_an_unwritable_state_folder_is_an_error(cli: Cli, tmp_path: Path, home: Path) -> None:
    (home / "state").write_text("in the way")
    done = cli("lease", cwd=tmp_path)
    assert done.returncode == 1
    assert "failed to write " in done.stderr
    assert "(PW0305)" in done.stderr
