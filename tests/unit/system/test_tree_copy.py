"""Copies between two trees: what is copied, and what never happens."""

import errno
import os
import stat
from pathlib import Path

import pytest

from portweave.system.tree_copy import copy_file, link_path


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    return tmp_path / "there", tmp_path / "here"


def copy(trees: tuple[Path, Path], path: str) -> bool:
    return copy_file(str(trees[0]), str(trees[1]), path)


def test_a_file_is_copied_with_its_permissions_and_its_time(trees: tuple[Path, Path]) -> None:
    there, here = trees
    (there / "a/b").mkdir(parents=True)
    (there / "a/b/key").write_bytes(b"x" * 3_000_000)
    (there / "a/b/key").chmod(0o4640)
    os.utime(there / "a/b/key", (1000, 2000))
    assert copy(trees, "a/b/key")
    found = (here / "a/b/key").stat()
    assert (here / "a/b/key").read_bytes() == (there / "a/b/key").read_bytes()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, 2000)
    assert os.listdir(here / "a/b") == ["key"]


def test_nothing_is_replaced(trees: tuple[Path, Path]) -> None:
    there, here = trees
    (there / ".env").write_text("new")
    (here / ".env").write_text("mine")
    assert not copy(trees, ".env")
    (here / ".env").unlink()
    (here / ".env").symlink_to("nowhere")
    assert not copy(trees, ".env")
    assert os.listdir(here) == [".env"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_regular_files_are_copied(trees: tuple[Path, Path], kind: str) -> None:
    there, here = trees
    match kind:
        case "link":
            (there / "x").symlink_to("/etc/passwd")
        case "fifo":
            os.mkfifo(there / "x")
        case _:
            (there / "x").mkdir()
    assert not copy(trees, "x")
    assert os.listdir(here) == []


@pytest.mark.parametrize("side", [0, 1])
def test_no_link_in_a_path_is_followed(trees: tuple[Path, Path], tmp_path: Path, side: int) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/key").write_text("secret")
    for number, tree in enumerate(trees):
        if number == side:
            (tree / "a").symlink_to(tmp_path / "outside")
        else:
            (tree / "a").mkdir()
    (trees[0] / "a/new").write_text("new")
    before = sorted(os.listdir(tmp_path / "outside"))
    with pytest.raises(OSError, match="symbolic link") as caught:
        copy(trees, "a/new")
    assert caught.value.errno == errno.ELOOP
    assert sorted(os.listdir(tmp_path / "outside")) == before


def test_no_path_leads_out(trees: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    with pytest.raises(OSError, match="leads out"):
        copy(trees, "../key")


def test_a_failed_copy_leaves_nothing(trees: tuple[Path, Path]) -> None:
    (trees[0] / ".env").write_text("A=1")

    def fail(_: bytes) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        copy_file(str(trees[0]), str(trees[1]), ".env", fail)
    assert os.listdir(trees[1]) == []


def test_an_incomplete_file_lies_in_the_staging_folder(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    there, here = trees
    (there / "key").write_text("x")
    staging = tmp_path / "staging"
    staging.mkdir()
    seen: list[list[str]] = []

    def look(data: bytes) -> bytes:
        seen.append(os.listdir(here))
        assert len(os.listdir(staging)) == 1
        return data

    assert copy_file(str(there), str(here), "key", look, str(staging))
    assert (seen, os.listdir(here), os.listdir(staging)) == ([[]], ["key"], [])


def test_a_copy_tells_that_it_goes_on(
    trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("portweave.system.tree_copy.still", told.append)

    def shares_none(_old: int, _new: int) -> bool:
        return False

    monkeypatch.setattr("portweave.system.tree_copy._has_shared_blocks", shares_none)
    (trees[0] / "key").write_bytes(b"x" * 1_500_000)
    assert copy(trees, "key")
    assert told == ["the copy of key"] * 2


def test_contents_can_be_changed(trees: tuple[Path, Path]) -> None:
    (trees[0] / ".env").write_text("A=1")
    assert copy_file(str(trees[0]), str(trees[1]), ".env", bytes.lower)
    assert (trees[1] / ".env").read_text() == "a=1"


def test_a_link_is_made_once(trees: tuple[Path, Path]) -> None:
    there, here = trees
    (there / "cache/deep").mkdir(parents=True)
    assert link_path(str(there), str(here), "cache/deep")
    assert (here / "cache/deep").readlink() == there / "cache/deep"
    assert not link_path(str(there), str(here), "cache/deep")
