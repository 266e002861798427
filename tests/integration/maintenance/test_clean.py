"""`portweave clean` finds what is left on a machine, and keeps what is in use."""

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.allocator.names.hosts_file import with_block
from portweave.allocator.names.route_names import AssignedNames
from portweave.allocator.names_file import NamesFile
from portweave.allocator.socket_paths import socket_path
from portweave.errors import NotRemovedError, RemovalUnaskedError, StacksRunningError
from portweave.maintenance.trust import read_trust
from portweave.supervisor.registry.stack_lock import StackLock
from portweave.supervisor.registry.stack_records import is_held, stack_key
from portweave.system.processes import started_at
from tests.support.stack_records import make_record

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

STACK = "services: {site: {command: sleep 300}, api: {command: sleep 300}}"


@pytest.fixture
def folder(project: Path, cli: "Cli") -> Path:
    """A worktree that has ports, and a log."""
    (project / "portweave.yaml").write_text(STACK)
    assert cli("env", cwd=project).returncode == 0
    logs = project / ".portweave" / "logs"
    logs.mkdir(exist_ok=True)
    for name in ("web.log", "web.log.1", "web.idx.1", "web.idx.2", "portweave.log"):
        (logs / name).write_text("said\n" * 300)
    return project


def answered(cli: "Cli", folder: Path, hosts: Path, answers: str) -> tuple[int, str]:
    """Run `clean --all` on a terminal, type these answers, and return exit status and output."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answers.encode())
        done = subprocess.run(
            [*cli.argv, "clean", "--all", "--hosts-file", hosts],
            cwd=folder,
            env=cli.env(),
            stdin=theirs,
            stderr=subprocess.PIPE,
            timeout=20,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stderr.decode()


def tree(path: Path) -> dict[Path, bytes]:
    return {found: found.read_bytes() for found in path.rglob("*") if found.is_file()}


def test_it_removes_what_this_worktree_has(folder: Path, home: Path, cli: "Cli") -> None:
    before = tree(home)
    done = cli("clean", "--yes", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "to be removed:" in done.stderr
    assert (
        f"{folder}/.portweave: .gitignore, current.env, 5 files of logs (7.3 KiB)\n" in done.stderr
    )
    assert [path.name for path in folder.iterdir()] == ["portweave.yaml"]
    # It still has its ports.
    assert tree(home) == before
    again = cli("clean", "--yes", cwd=folder)
    assert (again.returncode, again.stderr) == (0, "[portweave] there is nothing to remove\n")


def test_files_of_chosen_namespaces_are_removed_too(folder: Path, cli: "Cli") -> None:
    chosen = folder / ".portweave/namespaces/second"
    for name in ("current.env", "logs/web.log", "runs/web.json", "runs/web.2/7.json"):
        (chosen / name).parent.mkdir(parents=True, exist_ok=True)
        (chosen / name).write_text("X=1\n")
    (chosen / "mine.txt").write_text("not portweave's")
    done = cli("clean", "--yes", cwd=folder)
    assert "mine.txt" in done.stderr
    left = [path for path in (folder / ".portweave").rglob("*") if path.is_file()]
    assert left == [chosen / "mine.txt"]
    (chosen / "mine.txt").unlink()
    assert cli("clean", "--yes", cwd=folder).returncode == 0
    assert [path.name for path in folder.iterdir()] == ["portweave.yaml"]


def test_a_dry_run_and_a_missing_terminal_change_nothing(
    folder: Path, home: Path, cli: "Cli", git: object
) -> None:
    del git
    before = tree(folder), tree(home)
    dry = cli("clean", "--all", "--ports", "--dry-run", "--json", cwd=folder)
    found = json.loads(dry.stdout)
    assert (dry.returncode, found["schemaVersion"], found["dryRun"]) == (0, 1, True)
    names = home / "state/portweave/names.json"
    expected = [("worktree", f"{folder}/.portweave"), ("block", str(folder))]
    assert [(one["kind"], one["path"]) for one in found["removed"]] == expected
    with NamesFile(str(names.parent)) as book:
        book.write(AssignedNames())
    before = tree(folder), tree(home)
    dry = cli("clean", "--all", "--ports", "--dry-run", "--json", cwd=folder)
    found = json.loads(dry.stdout)["removed"]
    assert ("names", str(names)) in [(one["kind"], one["path"]) for one in found]
    unasked = cli("clean", cwd=folder)
    assert unasked.returncode == 1
    assert RemovalUnaskedError.code in unasked.stderr
    assert "to be removed" in unasked.stderr
    assert (tree(folder), tree(home)) == before


def test_files_of_others_stay(folder: Path, cli: "Cli", tmp_path: Path) -> None:
    (folder / ".portweave" / "notes.txt").write_text("mine")
    (folder / ".portweave" / "logs" / "core.dump").write_text("mine")
    done = cli("clean", "--yes", "--json", cwd=folder)
    assert [Path(one["path"]).name for one in json.loads(done.stdout)["kept"]] == [
        "notes.txt",
        "core.dump",
    ]
    left = [path.name for path in (folder / ".portweave").rglob("*") if path.is_file()]
    assert sorted(left) == ["core.dump", "notes.txt"]
    # Nor is the target of a link.
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "web.json").write_text("{}")
    (folder / ".portweave" / "runs").symlink_to(mine)
    assert "runs: not portweave's" in cli("clean", "--yes", cwd=folder).stderr
    assert (mine / "web.json").exists()
    elsewhere = tmp_path / "elsewhere"
    (folder / ".portweave").rename(elsewhere)
    (elsewhere / "current.env").write_text("")
    (folder / ".portweave").symlink_to(elsewhere)
    assert "it is a link" in cli("clean", "--yes", cwd=folder).stderr
    assert (elsewhere / "current.env").exists()


def test_failed_removals_are_reported(folder: Path, cli: "Cli") -> None:
    (folder / ".portweave" / "logs" / "odd.log").mkdir()
    done = cli("clean", "--yes", cwd=folder)
    assert done.returncode == 1
    assert NotRemovedError.code in done.stderr
    assert f"{folder}/.portweave: " in done.stderr


@pytest.mark.slow
def test_a_running_stack_is_not_touched(
    folder: Path, home: Path, cli: "Cli", detached: "Detached", tmp_path: Path
) -> None:
    detached.up()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for words, cwd in ((["clean"], folder), (["clean", "--all", "--ports"], elsewhere)):
        done = cli(*words, "--yes", cwd=cwd)
        assert done.returncode == 1
        assert StacksRunningError.code in done.stderr
        pid = detached.record()["pid"]
        assert f"a stack is running: shop/main ({folder}, pid {pid})" in done.stderr
        assert "portweave down" in done.stderr
    assert detached.ps()["site"]["state"] == "ready"
    # Data of another worktree does not matter here.
    assert cli("clean", "--yes", cwd=elsewhere).returncode == 0
    assert (folder / ".portweave" / "logs" / "web.log").exists()
    detached.down()
    assert cli("clean", "--all", "--ports", "--yes", cwd=elsewhere).returncode == 0
    assert not (folder / ".portweave").exists()
    # Only the shared registry is left, without entries.
    left = {path.name for path in tree(home)}
    assert left <= {"registry.json", "registry.json.bak", "registry.json.lock"}
    assert json.loads((home / "config/portweave/registry.json").read_text())["entries"] == []


def test_all_that_is_left_on_the_machine(
    folder: Path, home: Path, cli: "Cli", tmp_path: Path
) -> None:
    state = home / "state" / "portweave"
    gone = tmp_path / "gone"
    gone.mkdir()
    (gone / "portweave.yaml").write_text(STACK)
    cli("env", cwd=gone)
    (gone / "portweave.yaml").unlink()
    for path in (gone / ".portweave").iterdir():
        path.unlink()
    (gone / ".portweave").rmdir()
    gone.rmdir()
    cli("alias", "db", "5432", cwd=folder)
    cli("trust", cwd=folder)
    assert (state / "proxy" / "ca-key.pem").exists()
    (state / "stacks").mkdir()
    (state / "settle").mkdir()
    (state / "settle" / "0123.json").write_text("{}")
    (state / "stacks" / "old-0123456789ab.lock").touch()
    stale_path = socket_path(cli.environ, str(state / "stacks"), "old-0123456789ab")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(stale_path)
    # Any other next command would clean it up.
    key = stack_key(str(folder), "main")
    with StackLock(str(state / "stacks"), key) as lock:
        lock.write(make_record(folder, pid=2**22 + 1, start="never", tag="0" * 32))
    hosts = tmp_path / "hosts"
    hosts.write_text(with_block("127.0.0.1 localhost\n", ["db.localhost"]))
    damaged = home / "config/portweave/registry.json.damaged.20260101T000000Z.7"
    damaged.write_text("{")

    done = cli("clean", "--all", "--yes", "--hosts-file", hosts, cwd=folder)
    assert done.returncode == 0, done.stderr
    for told in (
        f"{folder}/.portweave: ",
        f"{key}.json: the stack shop/main ({folder}) was killed",
        "old-0123456789ab.lock: the lock of a stack that has ended",
        f"{stale_path}: a socket without a listener",
        f"{state}/settle: what is known of commands (1)",
        f"{gone}: the ports of a deleted worktree",
        "a damaged registry that was set aside",
        "the CA: ca-bundle.pem, ca-key.pem, ca.pem",
        "names of db.localhost",
        f"outside portweave's own folders:\n[portweave]   {hosts}: 3 lines",
    ):
        assert told.replace("ca-bundle.pem, ", "") in done.stderr.replace("ca-bundle.pem, ", "")
    assert not state.exists()
    assert not Path(stale_path).exists()
    assert not damaged.exists()
    assert hosts.read_text() == "127.0.0.1 localhost\n"
    registry = json.loads((home / "config/portweave/registry.json").read_text())
    assert [entry["key"]["worktreeRoot"] for entry in registry["entries"]] == [str(folder)]


def test_things_in_use_stay(folder: Path, home: Path, cli: "Cli") -> None:
    lease = json.loads(cli("lease", "--owner", str(os.getpid()), cwd=folder).stdout)
    proxy = home / "state/portweave/proxy"
    proxy.mkdir(mode=0o700)
    # portless signs a folder this way.
    (proxy / "proxy.pid").write_text(str(os.getpid()))
    (proxy / "proxy.port").write_text("1355")
    port = int(cli("port", "site", cwd=folder).stdout)
    with socket.create_server(("127.0.0.1", port)):
        done = cli("clean", "--all", "--ports", "--yes", "--json", cwd=folder)
    kept = {one["path"]: one["why"] for one in json.loads(done.stdout)["kept"]}
    assert f"--release {lease['id']}" in kept[lease["id"]]
    assert "another program's" in kept[str(proxy)]
    assert f"a program listens on {port}" in kept[str(folder)]
    assert (proxy / "proxy.pid").exists()
    registry = json.loads((home / "config/portweave/registry.json").read_text())
    assert len(registry["entries"]) == 2


def test_routes_of_running_programs_stay(folder: Path, home: Path, cli: "Cli") -> None:
    from portweave.allocator.names.route_store import RouteStore

    proxy = home / "state/portweave/proxy"
    store = RouteStore(proxy, private=True)
    store.add_route("mine.localhost", 8000, os.getpid())
    assert started_at(os.getpid())
    done = cli("clean", "--all", "--yes", cwd=folder)
    assert f"it has routes of running programs: mine.localhost of pid {os.getpid()}" in done.stderr
    assert [route.hostname for route in store.load_routes()] == ["mine.localhost"]


@pytest.mark.slow
def test_its_own_proxy_is_ended(folder: Path, home: Path, cli: "Cli", pool: object) -> None:
    started = cli("proxy", "start", "--port", str(pool).partition("-")[0], cwd=folder)
    assert started.returncode == 0, started.stderr
    pid = int((home / "state/portweave/proxy/proxy.pid").read_text())
    assert cli("clean", "--yes", cwd=folder).returncode == 0
    assert started_at(pid) is not None
    done = cli("clean", "--all", "--yes", cwd=folder)
    assert f"the running proxy (pid {pid}" in done.stderr
    assert started_at(pid) is None
    assert not (home / "state/portweave").exists()


@pytest.mark.parametrize(
    ("answers", "status", "worktree", "hosts"),
    [("n\n", 1, True, True), ("y\nn\n", 1, False, True), ("y\nyes\n", 0, False, False)],
)
def test_changes_of_the_system_need_their_own_confirmation(
    folder: Path,
    cli: "Cli",
    tmp_path: Path,
    answers: str,
    status: int,
    worktree: bool,
    hosts: bool,
) -> None:
    path = tmp_path / "hosts"
    path.write_text(with_block("", ["db.localhost"]))
    returned, said = answered(cli, folder, path, answers)
    assert returned == status, said
    assert said.count("go on? [y/N]") == answers.count("\n")
    assert ((folder / ".portweave").exists(), path.read_text() != "") == (worktree, hosts)


@pytest.mark.slow
def test_the_ca_stays_while_it_is_trusted(
    folder: Path, home: Path, cli: "Cli", tmp_path: Path, need: Callable[[str], None]
) -> None:
    need("certutil")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    store = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*store, "-N", "--empty-password"], check=True)
    cli("trust", cwd=folder)
    proxy = home / "state/portweave/proxy"
    name = read_trust(str(proxy), cli.environ).name
    authority = str(proxy / "ca.pem")
    subprocess.run([*store, "-A", "-n", name, "-t", "C,,", "-i", authority], check=True)

    def clean(answers: str) -> str:
        return answered(cli, folder, tmp_path / "none", answers)[1]

    said = clean("y\nn\n")
    assert "trust in the CA" in said
    assert f"stays: {authority}: it is trusted still" in said
    assert sorted(path.name for path in proxy.iterdir()) == ["ca-key.pem", "ca.pem"]
    assert f"removed {authority}" in clean("y\ny\n")
    assert not proxy.exists()
    listed = subprocess.run([*store, "-L", "-n", name], capture_output=True, check=False)
    assert listed.returncode != 0


def test_a_process_that_waits_for_a_dropped_lock_takes_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = StackLock(str(tmp_path), "main-0")
    module = sys.modules["portweave.supervisor.registry.stack_lock"]
    acquire: Callable[[int], bool] = vars(module)["_acquire"]

    def acquire_late(lock: int) -> bool:
        # It opened the file before the removal, and locks it after.
        if (tmp_path / "main-0.lock").exists() and not first_is_removed:
            first.remove()
            first.close()
            first_is_removed.append(True)
        return acquire(lock)

    first_is_removed: list[bool] = []
    monkeypatch.setattr(module, "_acquire", acquire_late)
    with StackLock(str(tmp_path), "main-0"):
        assert is_held(str(tmp_path), "main-0")
    assert first_is_removed


def test_every_file_of_a_proxy_is_known(folder: Path, home: Path, cli: "Cli") -> None:
    proxy = home / "state/portweave/proxy"
    proxy.mkdir(mode=0o700, parents=True)
    for name in ("pid", "port", "owner", "tls", "any-user", "lock", "turn", "log"):
        (proxy / f"proxy.{name}").touch()
    done = cli("clean", "--all", "--yes", "--json", cwd=folder)
    kept = [one["path"] for one in json.loads(done.stdout)["kept"]]
    assert not [path for path in kept if path.startswith(str(proxy))]
    assert not proxy.exists()
