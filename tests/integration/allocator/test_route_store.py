"""The store of routes: the file, the lock, owners, and changes by other programs."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.allocator.names import route_store as store_module
from portweave.allocator.ports.registry import sweep
from portweave.routes import RouteConflictError, RouteLockError, RouteMapping, RouteStore

ME = os.getpid()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def ended() -> int:
    """The pid of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-Ic", ""])
    process.wait()
    return process.pid


def test_reading_makes_no_file(folder: Path) -> None:
    assert RouteStore(folder).load_routes() == []
    assert not folder.exists()


def test_a_route_is_there_until_it_is_removed(folder: Path) -> None:
    store = RouteStore(str(folder))
    store.add_route("a.localhost", 3000, ME)
    store.add_route("b.localhost", 3001, 0)
    store.add_route("a.localhost", 3002, ME)
    assert store.load_routes() == [
        RouteMapping("b.localhost", 3001, 0),
        RouteMapping("a.localhost", 3002, ME),
    ]
    store.remove_route("a.localhost", owner_pid=ME + 1)
    store.remove_route("b.localhost")
    store.remove_route("nobody.localhost")
    assert [route.hostname for route in store.load_routes()] == ["a.localhost"]
    assert folder.stat().st_mode & 0o777 == 0o755
    assert not (folder / "routes.lock").exists()


def test_paths_are_normalised_and_the_folder_is_kept_as_it_is() -> None:
    store = RouteStore("x/../state")
    assert store.dir == "x/../state"
    assert store.get_routes_path() == "state/routes.json"
    assert (store.pid_path, store.port_file_path) == ("state/proxy.pid", "state/proxy.port")


def test_the_folder_is_made_where_its_files_lie(tmp_path: Path) -> None:
    store = RouteStore(f"{tmp_path}/missing/../state")
    store.add_route("a.localhost", 3000, 0)
    assert sorted(os.listdir(tmp_path)) == ["state"]
    assert len(store.load_routes()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_files_made_under_sudo_belong_to_the_calling_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "65534")
    store = RouteStore(folder)
    store.add_route("a.localhost", 3000, ME)
    (folder / "routes.json").write_text("no JSON")
    os.utime(folder / "routes.json", (0, 0))
    store.add_route("b.localhost", 3001, ME)
    (folder / "proxy.pid").write_text(str(ME))
    store.add_route("c.localhost", 3002, ME)
    for path in (folder, *folder.glob("routes.*")):
        assert (path.name, path.stat().st_uid) == (path.name, 65534)
    assert len(list(folder.glob("routes.*"))) == 5


def test_a_living_owner_is_not_replaced(folder: Path) -> None:
    store = RouteStore(folder)
    store.add_route("a", 1, os.getppid())
    with pytest.raises(RouteConflictError) as caught:
        store.add_route("a", 2, ME)
    assert (caught.value.hostname, caught.value.existing_pid) == ("a", os.getppid())
    assert caught.value.message == (
        f'"a" is already registered by a running process (PID {os.getppid()}).'
        " Use --force to override."
    )
    store.add_route("b", 1, 0)
    with pytest.raises(RouteConflictError):
        store.add_route("b", 2, ME)
    store.add_route("b", 3, 0)


def test_force_sends_no_signal(
    folder: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    owner = spawned(["sleep", "60"])
    store = RouteStore(folder)
    store.add_route("a", 1, owner.pid)
    store.add_route("b", 1, 0)
    assert store.add_route("a", 2, ME, force=True) == owner.pid
    # For a route without an owner, portless would signal its own process group.
    assert store.add_route("b", 2, ME, force=True) == 0
    assert owner.poll() is None
    assert [route.port for route in store.load_routes()] == [2, 2]


def test_routes_of_dead_owners_go(folder: Path, ended: int) -> None:
    store = RouteStore(folder)
    folder.mkdir()
    text = f'[{{"hostname": "a", "port": 1, "pid": {ended}}}, {{"hostname": 1}}]'
    (folder / "routes.json").write_text(text)
    assert store.load_routes() == []
    assert (folder / "routes.json").read_text() == text
    assert store.load_routes_raw() == [RouteMapping("a", 1, ended)]
    assert store.load_routes(persist_cleanup=True) == []
    assert (folder / "routes.json").read_text() == "[]"
    (folder / "routes.json").write_text(text)
    assert store.prune_stale_routes() == [RouteMapping("a", 1, ended)]


@pytest.mark.parametrize("pid", ["1.5", "4294967296", "1e99"])
def test_an_invalid_pid_counts_as_dead(folder: Path, pid: str) -> None:
    folder.mkdir()
    (folder / "routes.json").write_text(f'[{{"hostname": "a", "port": 1, "pid": {pid}}}]')
    assert RouteStore(folder).load_routes() == []


def test_the_owner_may_have_another_user(folder: Path) -> None:
    folder.mkdir()
    (folder / "routes.json").write_text('[{"hostname": "a", "port": 1, "pid": 1}]')
    assert len(RouteStore(folder).load_routes()) == 1


def test_a_zombie_owns_nothing(
    folder: Path,
    spawned: Callable[..., subprocess.Popen[bytes]],
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    store = RouteStore(folder)
    owner = spawned(["sleep", "60"])
    store.add_route("a", 1, owner.pid)
    owner.kill()  # it stays a zombie
    eventually(lambda: store.load_routes() == [])


def test_a_pid_that_is_used_again_owns_nothing(folder: Path) -> None:
    store = RouteStore(folder)
    store.add_route("a", 1, ME)
    owners = folder / "routes.owners"
    owners.write_text(f"{ME} 1 a\n")
    assert store.load_routes() == []
    store.add_route("a", 2, ME)
    assert store.load_routes() == [RouteMapping("a", 2, ME)]
    owners.write_bytes(b"\xff\nx\n")
    assert store.load_routes() == [RouteMapping("a", 2, ME)]


@pytest.mark.parametrize(
    ("text", "what"), [("junk", "invalid JSON"), ("", "invalid JSON"), ("{}", "expected array")]
)
def test_a_damaged_file_is_reported_and_set_aside(folder: Path, text: str, what: str) -> None:
    warnings: list[str] = []
    store = RouteStore(folder, on_warning=warnings.append)
    folder.mkdir()
    path = folder / "routes.json"
    path.write_text(text)
    for _ in range(2):
        assert store.load_routes() == []
    assert warnings == [f"Corrupted routes file ({what}): {path}"] * 2
    store.add_route("a", 1, ME)
    assert store.load_routes() == [RouteMapping("a", 1, ME)]
    aside = [other.read_text() for other in folder.glob("routes.json.damaged-*")]
    assert aside == ([text] if text else [])


def test_complete_entries_of_a_damaged_file_are_kept(folder: Path) -> None:
    store = RouteStore(folder)
    for name in "abc":
        store.add_route(name, 1, 0)
    path = folder / "routes.json"
    path.write_bytes(path.read_bytes()[:-20])
    (folder / "routes.json.copy").unlink()
    assert [route.hostname for route in store.load_routes()] == ["a", "b"]
    store.add_route("d", 1, 0)
    assert [route.hostname for route in store.load_routes()] == ["a", "b", "d"]


@pytest.mark.parametrize("size", [0, 1, 30, 150])
def test_a_half_written_file_loses_no_route(folder: Path, size: int) -> None:
    store = RouteStore(folder)
    for name in "abc":
        store.add_route(name, 1, ME)
    path = folder / "routes.json"
    path.write_bytes(path.read_bytes()[:size])
    os.utime(path, (0, 0))
    assert {route.hostname for route in store.load_routes()} == set("abc")
    store.add_route("d", 1, ME)
    assert {route.hostname for route in store.load_routes()} == set("abcd")


def test_a_dead_entry_of_a_damaged_file_does_not_hide_a_living_one(
    folder: Path, ended: int
) -> None:
    store = RouteStore(folder)
    store.add_route("a", 1, ME)
    (folder / "routes.json").write_text(f'[{{"hostname": "a", "port": 2, "pid": {ended}}}')
    assert store.load_routes() == [RouteMapping("a", 1, ME)]


@pytest.mark.parametrize("first", ["living", "dead"])
def test_a_dead_duplicate_is_removed(folder: Path, ended: int, first: str) -> None:
    store = RouteStore(folder)
    folder.mkdir()
    entries = [f'{{"hostname": "a", "port": 1, "pid": {pid}}}' for pid in (ME, ended)]
    if first == "dead":
        entries.reverse()
    text = f"[{', '.join(entries)}]"
    (folder / "routes.json").write_text(text)
    assert store.load_routes(persist_cleanup=True) == [RouteMapping("a", 1, ME)]
    assert store.load_routes_raw() == [RouteMapping("a", 1, ME)]
    (folder / "routes.json").write_text(text)
    assert store.prune_stale_routes() == [RouteMapping("a", 1, ended)]


@pytest.mark.parametrize("kind", ["routes.lock", "routes.flock"])
def test_a_held_lock_does_not_keep_a_reader_waiting(folder: Path, ended: int, kind: str) -> None:
    store = RouteStore(folder)
    store.add_route("a", 1, ME)
    text = (
        f'[{{"hostname": "b", "port": 1, "pid": {ended}}},{{"hostname":"a","port":1,"pid":{ME}}}]'
    )
    (folder / "routes.json").write_text(text)
    began_s = time.monotonic()
    with (folder / "routes.flock").open() as flock:
        if kind == "routes.lock":
            (folder / kind).mkdir()
        else:
            fcntl.flock(flock, fcntl.LOCK_EX)
        assert store.load_routes(persist_cleanup=True) == [RouteMapping("a", 1, ME)]
    assert time.monotonic() - began_s < 2
    assert (folder / "routes.json").read_text() == text


@pytest.mark.parametrize("mask", [0o000, 0o027])
@pytest.mark.parametrize("private", [False, True])
def test_folders_are_never_wider_than_they_should_be(
    folder: Path, *, mask: int, private: bool
) -> None:
    code = (
        "import os, sys; from portweave.routes import RouteStore\n"
        "os.umask(int(sys.argv[2]))\n"
        f"RouteStore(sys.argv[1], private={private}).add_route('a', 1, 0)\n"
    )
    inner = folder / "x/y"
    subprocess.run([sys.executable, "-Ic", code, str(inner), str(mask)], check=True)
    most = 0o700 if private else 0o755
    for path in (folder, folder / "x", inner):
        assert path.stat().st_mode & 0o777 & ~most == 0, path
    for path in inner.iterdir():
        assert path.stat().st_mode & 0o777 & ~0o644 == 0, path


def test_a_reader_waits_for_a_file_that_is_being_written(folder: Path) -> None:
    store = RouteStore(folder)
    store.add_route("a", 1, 0)
    path = folder / "routes.json"
    whole = path.read_bytes()
    path.write_bytes(b"")
    writer = threading.Timer(0.01, lambda: path.write_bytes(whole))
    writer.start()
    assert store.load_routes() == [RouteMapping("a", 1, 0)]
    writer.join()


def test_an_unreadable_file_is_not_replaced(folder: Path) -> None:
    store = RouteStore(folder)
    (folder / "routes.json").mkdir(parents=True)
    assert store.load_routes() == []
    with pytest.raises(IsADirectoryError):
        store.add_route("a", 1, 0)


def test_modes_and_links_stay(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(mode=0o700)
    target = tmp_path / "elsewhere.json"
    target.write_text("[]")
    target.chmod(0o640)
    path = folder / "routes.json"
    path.symlink_to(target)
    RouteStore(folder).add_route("a", 1, 0)
    assert path.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "a" in target.read_text()


def test_only_the_owner_can_read_a_private_store(folder: Path) -> None:
    folder = folder / "state" / "routes"
    store = RouteStore(folder, private=True)
    store.add_route("a", 1, 0)
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    assert (folder / "routes.json").stat().st_mode & 0o777 == 0o600


def test_extra_fields_stay(folder: Path) -> None:
    folder.mkdir()
    path = folder / "routes.json"
    path.write_text('[{"hostname": "a", "port": 1e3, "pid": 0, "x": {"y": [1.0, null, true]}}]')
    store = RouteStore(folder)
    store.add_route("b", 1, 0)
    assert '"port": 1000' in path.read_text()
    assert store.load_routes()[0].extra == {"x": {"y": [1, None, True]}}


def test_under_a_proxy_of_another_program_the_file_is_written_in_place(
    folder: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    store = RouteStore(folder)
    store.add_route("a", 1, 0)
    path = folder / "routes.json"
    before = path.stat().st_ino
    store.add_route("b", 1, 0)
    assert path.stat().st_ino != before
    proxy = spawned(["sleep", "60"])
    (folder / "proxy.pid").write_text(str(proxy.pid))
    before = path.stat().st_ino
    store.remove_route("b")
    assert path.stat().st_ino == before
    assert [route.hostname for route in store.load_routes()] == ["a"]
    # The writer was killed half-way; the copy is complete.
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert [route.hostname for route in store.load_routes()] == ["a"]
    store.add_route("c", 1, 0)
    assert [route.hostname for route in store.load_routes()] == ["a", "c"]
    assert whole in path.read_bytes() or path.read_bytes().startswith(whole[:-2])


def test_a_writer_waits_for_a_held_lock(folder: Path) -> None:
    store = RouteStore(folder)
    lock = folder / "routes.lock"
    lock.mkdir(parents=True)
    adding = threading.Thread(target=store.add_route, args=("a", 1, 0))
    adding.start()
    adding.join(0.1)
    assert adding.is_alive()
    assert not (folder / "routes.json").exists()
    lock.rmdir()
    adding.join(10)
    assert [route.hostname for route in store.load_routes()] == ["a"]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_stale_lock_is_taken_over(folder: Path, kind: str) -> None:
    lock = folder / "routes.lock"
    folder.mkdir()
    if kind == "folder":
        lock.mkdir()
        (lock / "x").write_text("")
    elif kind == "file":
        lock.write_text("")
    else:
        lock.symlink_to("nowhere")
    old_s = time.time() - 11
    os.utime(lock, (old_s, old_s), follow_symlinks=False)
    RouteStore(folder).add_route("a", 1, 0)
    assert not os.path.lexists(lock)


def test_the_holder_of_the_lock_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_ATTEMPTS", 2)
    (folder / "routes.lock").mkdir(parents=True)
    with pytest.raises(RouteLockError) as caught:
        RouteStore(folder).add_route("a", 1, 0)
    assert caught.value.message == "Failed to acquire route lock"
    assert "routes.lock" in caught.value.hints[0]


def test_an_unwritable_folder_is_reported(folder: Path) -> None:
    folder.mkdir()
    (folder / "routes.flock").mkdir()
    with pytest.raises(RouteLockError) as caught:
        RouteStore(folder).add_route("a", 1, 0)
    assert "directory" in caught.value.hints[0]


def test_a_lock_that_was_removed_is_acquired_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remove a lock that is held for more than ten seconds, as portless does."""
    store = RouteStore(folder)
    stolen: list[str] = []

    def steal(path: str, now_s: float) -> None:
        if not stolen:
            stolen.append(path)
            (folder / "routes.lock/owner").unlink()
            (folder / "routes.lock").rmdir()
            RouteStore(folder)._save([RouteMapping("theirs", 1, 0)], _NoLock())  # type: ignore[arg-type]  # pyright: ignore
        sweep(path, now_s)

    monkeypatch.setattr(store_module, "sweep", steal)
    store.add_route("ours", 1, 0)
    assert [route.hostname for route in store.load_routes()] == ["theirs", "ours"]


class _NoLock:
    def check(self) -> None:
        """Always get the lock."""


def test_many_at_once_lose_nothing(folder: Path) -> None:
    code = (
        "import sys; from portweave.routes import RouteStore\n"
        "store = RouteStore(sys.argv[1])\n"
        "for n in range(10): store.add_route(f'{sys.argv[2]}-{n}', n, 0)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-Ic", code, str(folder), str(n)]) for n in range(6)
    ]
    while any(process.poll() is None for process in processes):
        # A reader never sees half a file.
        RouteStore(folder, on_warning=pytest.fail).load_routes()
    assert [process.returncode for process in processes] == [0] * 6
    assert len(RouteStore(folder).load_routes()) == 60
