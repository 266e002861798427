"""Files as a whole: written, replaced, and seen to be held."""

import fcntl
import os
from pathlib import Path

import pytest

from portweave.allocator.files import is_locked, replace, write_all, write_new


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
