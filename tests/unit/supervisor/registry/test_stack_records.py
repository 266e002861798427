"""Records, locks and sockets of stacks, and which stack a folder belongs to."""

import errno
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portweave.allocator import socket_paths
from portweave.allocator.socket_paths import (
    LONGEST_SOCKET_BYTES,
    all_sockets,
    foreign_folder_warnings,
    socket_path,
    sockets_of,
)
from portweave.cli.main import main
from portweave.client.client import named_as
from portweave.encoding.value import as_dict
from portweave.errors import NoStackError, StackRunningError, StateUnwritableError, UsageError
from portweave.supervisor.processes.nested_stacks import NestedStacks
from portweave.supervisor.processes.process_tree import ProcessInfo
from portweave.supervisor.registry.stack_lock import StackLock
from portweave.supervisor.registry.stack_records import (
    StackRecord,
    check_readable,
    is_held,
    live_stacks,
    read_record,
    records,
    stack_around,
    stack_key,
)
from tests.support.stack_records import make_record

Live = Callable[..., StackRecord]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "stacks")


@pytest.fixture
def live(folder: str) -> Iterator[Live]:
    """Make stacks that this process runs."""
    locks: list[StackLock] = []

    def make(root: Path, project: str = "shop", namespace: str = "main") -> StackRecord:
        record = make_record(
            root,
            project=project,
            namespace=namespace,
            ports={"web": 3000},
            tag="tag",
            socket="/nowhere",
            version="1",
            detached=True,
        )
        lock = StackLock(folder, stack_key(str(root), namespace))
        locks.append(lock)
        lock.write(record)
        return record

    yield make
    for lock in locks:
        lock.close()


def fields(record: StackRecord | None) -> dict[str, object]:
    assert record is not None
    return as_dict(record)


def test_a_record_reads_back(folder: str, live: Live, tmp_path: Path) -> None:
    record = live(tmp_path)
    key = stack_key(str(tmp_path), "main")
    assert fields(read_record(folder, key)) == fields(record)
    with pytest.raises(StackRunningError):
        StackLock(folder, key)
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in Path(folder).iterdir())


def test_folders_that_are_made_on_the_way_are_the_users_own(tmp_path: Path) -> None:
    with StackLock(str(tmp_path / "state" / "portweave" / "stacks"), "key"):
        for folder in ("state", "state/portweave", "state/portweave/stacks"):
            assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "7"}', '{"pid": 7, "ports": []}', "\xff"])
def test_a_damaged_record_has_a_copy(folder: str, live: Live, tmp_path: Path, text: str) -> None:
    record = live(tmp_path)
    [path] = Path(folder).glob("*.json")
    path.write_text(text, encoding="latin-1")
    assert fields(read_record(folder, path.stem)) == fields(record)
    assert len(records(folder)) == len(live_stacks(folder)) == 1
    assert fields(stack_around(folder, str(tmp_path), {})) == fields(record)
    [lock] = Path(folder).glob("*.lock")
    lock.write_text(text, encoding="latin-1")
    assert read_record(folder, path.stem) is None
    assert records(folder) == live_stacks(folder) == []
    assert stack_around(folder, str(tmp_path), {}) is None
    with pytest.raises(StackRunningError, match="its record cannot be read") as refused:
        StackLock(folder, path.stem)
    assert not any("kill" in hint for hint in refused.value.hints)


def test_a_record_that_was_removed_has_a_copy(folder: str, live: Live, tmp_path: Path) -> None:
    record = live(tmp_path)
    [path] = Path(folder).glob("*.json")
    # The journal lies beside it.
    path.rename(path.with_suffix(".journal"))
    assert fields(stack_around(folder, str(tmp_path), {})) == fields(record)
    assert [stack.root for stack in live_stacks(folder)] == [str(tmp_path)]


def test_a_stack_without_its_lock_is_still_found(folder: str, live: Live, tmp_path: Path) -> None:
    record = live(tmp_path)
    [lock] = Path(folder).glob("*.lock")
    lock.unlink()
    assert fields(stack_around(folder, str(tmp_path), {})) == fields(record)
    assert is_held(folder, lock.stem)
    with pytest.raises(StackRunningError):
        StackLock(folder, lock.stem)
    assert not lock.exists()


def test_after_an_end_there_is_no_copy(folder: str, tmp_path: Path) -> None:
    key = stack_key(str(tmp_path), "main")
    with StackLock(folder, key) as lock:
        lock.write(make_record(tmp_path, pid=1, start="1"))
        lock.remove_record()
        assert read_record(folder, key) is None


def test_a_record_that_cannot_be_written_is_reported(
    folder: str, live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        # A disk that is nearly full takes a part.
        if len(data) <= 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[:10])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StateUnwritableError, match="No space left"):
        live(tmp_path)


def test_the_stack_around_is_that_of_the_worktree(folder: str, live: Live, tmp_path: Path) -> None:
    outer, inner = tmp_path / "code", tmp_path / "code" / "vendor" / "lib"
    deep = inner / "src"
    deep.mkdir(parents=True)
    assert stack_around(folder, str(deep), {}) is None
    record = live(outer)
    assert fields(stack_around(folder, str(deep), {})) == fields(record)
    # Above a worktree's root is another worktree's folder.
    (inner / ".git").write_text("gitdir: elsewhere")
    assert stack_around(folder, str(deep), {}) is None
    own = live(inner, namespace="inner-1234")
    assert fields(stack_around(folder, str(deep), {})) == fields(own)
    assert fields(stack_around(folder, str(outer), {})) == fields(record)
    assert stack_around(folder, str(tmp_path), {}) is None
    assert stack_around(folder, "/", {}) is None


def test_a_stack_that_does_not_run_is_not_found(folder: str, tmp_path: Path) -> None:
    assert live_stacks(folder) == records(folder) == []
    record = make_record(tmp_path, pid=1, start="1")
    with StackLock(folder, stack_key(str(tmp_path), "main")) as lock:
        lock.write(record)
    assert stack_around(folder, str(tmp_path), {}) is None
    assert live_stacks(folder) == []
    assert len(records(folder)) == 1


def test_a_stack_is_named_by_any_unique_part(folder: str, live: Live, tmp_path: Path) -> None:
    live(tmp_path / "a")
    live(tmp_path / "b", namespace="fix-login-1a2b")
    live(tmp_path / "c", "toys")
    live(tmp_path / "d", "toys", "fix-1a2b")
    live(tmp_path / "e", "toys", "fix-5e6f")
    live(tmp_path / "f", "@me/lib", "lib-7777")
    found = {
        name: named_as(live_stacks(folder), name).root.rpartition("/")[2]
        for name in (
            *("shop/main", "toys/main", "fix-login", "fix-login-1a2b", "shop/fix-login"),
            *("fix-1a2b", "toys/fix-5e6f", "@me/lib/lib", "lib-7777"),
        )
    }
    assert list(found.values()) == ["a", "c", "b", "b", "b", "d", "e", "f", "f"]
    for name in ("main", "fix", "toys/fix"):
        with pytest.raises(UsageError, match=f"--stack {name} fits several stacks: "):
            named_as(live_stacks(folder), name)
    for name in ("", "/", "shop", "other/main", "fix-", "login-1a2b", "MAIN"):
        with pytest.raises(NoStackError, match="no stack is running as "):
            named_as(live_stacks(folder), name)


def test_a_socket_lies_in_the_runtime_folder() -> None:
    # The path of the test's own folder may be too long.
    with tempfile.TemporaryDirectory(prefix="pw-") as short:
        path = socket_path({"XDG_RUNTIME_DIR": short}, "/state", "main-1234")
        assert Path(path).parent == Path(short, "portweave")
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700


def test_each_stack_has_a_socket_of_its_own(tmp_path: Path) -> None:
    runtime = tmp_path / "r"
    runtime.mkdir()
    others = {
        socket_path({"XDG_RUNTIME_DIR": str(runtime)}, folder, key)
        for folder in ("/state", "/other")
        for key in ("main-1234", "main-5678")
    }
    assert len(others) == 4
    assert all(len(os.fsencode(other)) <= LONGEST_SOCKET_BYTES for other in others)


def test_a_folder_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    monkeypatch.setattr(socket_paths, "_shared", lambda: f"{tmp_path}/shared")
    place = tmp_path / "portweave"
    place.mkdir()
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    found = socket_path(environ, "/state", "main-1234")
    # All folders here belong to another user, so a new one is made.
    assert found.startswith(f"{tmp_path}/shared-")


@pytest.fixture
def short() -> Iterator[str]:
    """A folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="pw-") as name:
        yield name


def test_where_the_shared_folder_is_another_users_it_lies_with_the_state(
    short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    squatted = f"{short}/squatted"
    monkeypatch.setattr(socket_paths, "_shared", lambda: squatted)
    # A file of that name stands for a folder of another user.
    Path(squatted).touch()
    environ = {"XDG_STATE_HOME": short}
    folder = f"{short}/portweave/stacks"
    Path(short, "portweave").mkdir()
    found = socket_path(environ, folder, "main-1234")
    assert Path(found).parent == Path(short, "portweave/sockets")
    assert sockets_of(environ, folder, "main-1234") == []
    Path(found).touch()
    assert sockets_of(environ, folder, "main-1234") == [found]


def test_where_that_path_is_too_long_it_lies_in_a_new_folder_which_is_found_again(
    short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    squatted = f"{short}/squatted"
    monkeypatch.setattr(socket_paths, "_shared", lambda: squatted)
    Path(squatted).touch()
    state = Path(short, "long" * 30)
    (state / "portweave").mkdir(parents=True)
    environ = {"XDG_STATE_HOME": str(state)}
    first = Path(socket_path(environ, "/state", "main-1234"))
    assert first.parent.parent == Path(short)
    assert first.parent.stat().st_mode & 0o777 == 0o700
    # All stacks share one such folder.
    assert Path(socket_path(environ, "/state", "main-5678")).parent == first.parent
    first.touch()
    assert list(all_sockets(environ)) == [str(first)]


def test_the_owner_of_a_foreign_folder_is_named(
    short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, next_best = Path(short, "portweave"), f"{short}/next"
    place.mkdir()
    monkeypatch.setattr(socket_paths, "_shared", lambda: next_best)
    environ = {"XDG_RUNTIME_DIR": short}
    assert foreign_folder_warnings(environ, f"{place}/a.sock") == []
    owner = place.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    user = pwd.getpwuid(owner).pw_name
    [warning] = foreign_folder_warnings(environ, f"{next_best}/a.sock")
    assert warning == (
        f"warning: {place} belongs to {user} (uid {owner}):"
        f" this stack's control socket is {next_best}/a.sock instead"
    )


def test_an_unwritable_folder_is_repaired_or_skipped(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    # A short path, because a long one is skipped, too.
    runtime = Path(tempfile.mkdtemp(dir="/tmp"))
    request.addfinalizer(lambda: shutil.rmtree(runtime))
    place = runtime / "portweave"
    place.mkdir(mode=0o500)
    environ = {"XDG_RUNTIME_DIR": str(runtime)}
    assert socket_path(environ, "/state", "main-1234").startswith(str(place))
    assert place.stat().st_mode & 0o777 == 0o700
    # As if its disk were mounted read-only.

    def access(path: str, _mode: int) -> bool:
        return path != str(place)

    monkeypatch.setattr(os, "access", access)
    assert not socket_path(environ, "/state", "main-1234").startswith(str(place))


def test_an_unreadable_folder_of_records_is_an_error(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def access(_path: str, _mode: int) -> bool:
        return False

    monkeypatch.setattr(os, "access", access)
    # There is no folder yet, so there is no stack.
    assert check_readable(folder) == folder
    (tmp_path / "portweave/stacks").mkdir(parents=True)
    for words in (["ls"], ["ps"], ["ps", "--all"], ["down"], ["down", "--all"]):
        assert main(words) == 1
        assert "stacks: Permission denied (PW0305)" in capsys.readouterr().err

    def lstat(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    # As if the folder around it belonged to another user, after `sudo portweave up`.
    monkeypatch.setattr(os, "lstat", lstat)
    with pytest.raises(StateUnwritableError):
        check_readable(folder)


def test_a_link_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "portweave").symlink_to(tmp_path / "away")
    found = socket_path({"XDG_RUNTIME_DIR": str(tmp_path)}, "/state", "main-1234")
    assert not found.startswith(str(tmp_path))


def seen(pid: int, parent: int, start: float = 5.0) -> ProcessInfo:
    return ProcessInfo(pid, parent, pid, pid, start, zombie=False)


def test_processes_of_nested_stacks_are_left_out(folder: str, tmp_path: Path) -> None:
    def add(pid: int, name: str, *, detached: bool = True, start: str = "5") -> None:
        record = make_record(
            tmp_path / name, pid=pid, start=start, project=name, namespace=name, detached=detached
        )
        with StackLock(folder, stack_key(record.root, name)) as lock:
            lock.write(record)

    # Our guardian is 10 and supervisor 11; below it are a service and three stacks.
    processes = {
        p.pid: p
        for p in (
            *(seen(1, 0), seen(10, 1), seen(11, 10), seen(12, 11)),
            *(seen(20, 11), seen(21, 20), seen(22, 21)),
            *(seen(30, 12), seen(31, 30)),
            *(seen(40, 11), seen(41, 40)),
        )
    }
    ours = NestedStacks(folder, 10)
    assert ours.without(processes) == processes
    add(10, "own")
    add(20, "inner")
    add(30, "foreground", detached=False)
    add(40, "dead", start="4")
    add(50, "gone")
    add(60, "damaged", start="x")
    assert list(ours.without(processes)) == [1, 10, 11, 12, 30, 31, 40, 41]
    # From within, the processes of the outer stack are left out, but our own are not.
    assert list(NestedStacks(folder, 20).without(processes)) == [1, 20, 21, 22]
    assert NestedStacks("", 10).without(processes) == processes


@pytest.mark.parametrize("runtime", ["run", "", "/tmp/" + "long" * 30, "/nowhere/at/all"])  # noqa: S108
def test_an_unusable_runtime_folder_is_skipped(runtime: str) -> None:
    found = socket_path({"XDG_RUNTIME_DIR": runtime}, "/state", "main-1234")
    assert found == socket_path({}, "/state", "main-1234")
    assert found.startswith(f"/tmp/portweave-{os.getuid()}/")  # noqa: S108


def test_files_removed_while_a_stack_runs_are_restored(
    folder: str, live: Live, tmp_path: Path
) -> None:
    record = live(tmp_path)
    key = stack_key(str(tmp_path), "main")
    # A supervisor gets the lock from another process like this.
    lock = StackLock(folder, key, os.open(f"{folder}/{key}.lock", os.O_RDWR))
    assert not lock.restore()
    shutil.rmtree(folder)
    assert lock.restore()
    assert fields(read_record(folder, key)) == fields(record)
    assert is_held(folder, key)
    shutil.rmtree(folder)
    with StackLock(folder, key):
        # Another process has found no stack, and is about to run it.
        assert not lock.restore()
    assert lock.restore()
    lock.close()


def test_files_of_a_newer_stack_are_not_removed(folder: str, tmp_path: Path) -> None:
    key = stack_key(str(tmp_path), "main")
    with StackLock(folder, key) as before:
        before.write(make_record(tmp_path, tag="before"))
        shutil.rmtree(folder)
        with StackLock(folder, key) as after:
            after.write(make_record(tmp_path, tag="after"))
            before.remove_record()
        assert read_record(folder, key) is not None
        before.remove_record()
        assert read_record(folder, key) is not None
