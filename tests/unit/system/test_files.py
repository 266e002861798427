"""Whole files: written, replaced, and checked for locks."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from portweave.system.files import (
    is_locked,
    make_own_folder,
    read_all,
    replace,
    write_all,
    write_new,
)


def test_all_is_written_however_little_the_system_takes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    write = os.write

    def write_a_bit(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:3])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_a_bit)
        write_new(str(path), b"ten bytes!")
    assert path.read_bytes() == b"ten bytes!"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_replaced_is_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    replace(str(path), b"old")
    with path.open("rb") as reader:
        replace(str(path), b"new")
        assert reader.read() == b"old"

    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="No space"):
            replace(str(path), b"newest")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["x"]


def test_nothing_is_written_of_nothing() -> None:
    write_all(-1, b"")


def test_a_lock_is_seen_while_somebody_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(FileNotFoundError):
        is_locked(str(path))
    with path.open("w") as holder:
        assert not is_locked(str(path))
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert is_locked(str(path))
    assert not is_locked(str(path))


@pytest.mark.parametrize("below", ["", "/logs", "/namespaces/other/logs"])
def test_a_folder_of_portweave_is_made_with_what_hides_it_from_git(
    tmp_path: Path, below: str
) -> None:
    make_own_folder(f"{tmp_path}/.portweave{below}")
    assert Path(f"{tmp_path}/.portweave{below}").is_dir()
    ignore = tmp_path / ".portweave/.gitignore"
    assert ignore.read_text() == "*\n"
    assert stat.S_IMODE(ignore.stat().st_mode) == 0o600
    ignore.unlink()
    make_own_folder(f"{tmp_path}/.portweave{below}")
    assert ignore.exists()
    ignore.write_text("mine\n")
    make_own_folder(f"{tmp_path}/.portweave{below}")
    assert ignore.read_text() == "mine\n"


def test_a_worktree_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_own_folder(f"{tmp_path}/gone/.portweave/logs")
    assert list(tmp_path.iterdir()) == []


def test_folders_elsewhere_get_no_file(tmp_path: Path) -> None:
    make_own_folder(f"{tmp_path}/.portweave-state/listened")
    assert [path.name for path in tmp_path.rglob("*")] == [".portweave-state", "listened"]


def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is not a file"):
        read_all(str(tmp_path / "pipe"))
