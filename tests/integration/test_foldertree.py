"""Folders of whose changes the kernel tells."""

import os
import select
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portweave.supervisor.core.inotify import IN_Q_OVERFLOW
from portweave.supervisor.foldertree import FolderTree, is_told_by_kernel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify(7) is Linux's")
Start = Callable[..., FolderTree]
PATIENCE_MS = 10_000


@pytest.fixture
def watch() -> Iterator[Start]:
    """Watch folders: `watch(deep, flat=[…])`."""
    made: list[FolderTree] = []

    def start(*deep: Path, flat: list[Path] | None = None) -> FolderTree:
        names = frozenset({"node_modules"})
        tree = FolderTree(map(str, deep), map(str, flat or []), names)
        made.append(tree)
        tree.fill()
        return tree

    yield start
    for tree in made:
        tree.close()


def told(tree: FolderTree, root: Path, *, until: str) -> list[str]:
    """What is told until some path is, as paths below `root`."""
    poll = select.poll()
    poll.register(tree.descriptor, select.POLLIN)
    found: set[str] = set()
    while str(root / until) not in found:
        assert poll.poll(PATIENCE_MS), found
        found |= tree.read()
    return sorted(os.path.relpath(path, root) for path in found)


def test_changes_are_told_at_any_depth_but_not_where_nobody_looks(
    tmp_path: Path, watch: Start
) -> None:
    for name in ("a/b/c", "node_modules/x"):
        (tmp_path / name).mkdir(parents=True)
    tree = watch(tmp_path)
    (tmp_path / "node_modules/x/index.js").touch()
    (tmp_path / "a/b/c/one.py").write_text("1")
    assert told(tree, tmp_path, until="a/b/c/one.py") == ["a/b/c/one.py"]
    os.utime(tmp_path / "a/b/c/one.py")
    assert told(tree, tmp_path, until="a/b/c/one.py") == ["a/b/c/one.py"]
    # An editor puts a new file in its place.
    (tmp_path / "a/b/new").write_text("2")
    (tmp_path / "a/b/new").rename(tmp_path / "a/b/c/one.py")
    assert told(tree, tmp_path, until="a/b/c/one.py") == ["a/b/c/one.py", "a/b/new"]
    # What is being written is told when it is.
    with (tmp_path / "a/two.py").open("w") as file:
        assert told(tree, tmp_path, until="a/two.py") == ["a/two.py"]
        file.write("half")
        file.flush()
        (tmp_path / "mark").touch()
        assert told(tree, tmp_path, until="mark") == ["mark"]
    assert told(tree, tmp_path, until="a/two.py") == ["a/two.py"]
    (tmp_path / "a/two.py").unlink()
    assert told(tree, tmp_path, until="a/two.py") == ["a/two.py"]
    assert tree.read() == set()


def test_new_folders_are_watched_with_what_is_in_them(tmp_path: Path, watch: Start) -> None:
    (tmp_path / "in").mkdir()
    tree = watch(tmp_path / "in")
    (tmp_path / "out/deep/deeper").mkdir(parents=True)
    (tmp_path / "out/deep/deeper/one.py").touch()
    (tmp_path / "out/node_modules/x").mkdir(parents=True)
    (tmp_path / "out").rename(tmp_path / "in/moved")
    assert told(tree, tmp_path / "in", until="moved/deep/deeper/one.py") == [
        "moved",
        "moved/deep",
        "moved/deep/deeper",
        "moved/deep/deeper/one.py",
        "moved/node_modules",
    ]
    (tmp_path / "in/moved").rename(tmp_path / "in/again")
    told(tree, tmp_path / "in", until="again/deep/deeper/one.py")
    (tmp_path / "in/again/deep/deeper/two.py").touch()
    assert told(tree, tmp_path / "in", until="again/deep/deeper/two.py") == [
        "again/deep/deeper/two.py"
    ]
    # What has been moved away is nobody's business any more.
    (tmp_path / "in/again").rename(tmp_path / "away")
    told(tree, tmp_path / "in", until="again")
    (tmp_path / "away/deep/three.py").touch()
    (tmp_path / "in/mark").touch()
    assert told(tree, tmp_path / "in", until="mark") == ["mark"]


def test_files_are_watched_by_their_folder_alone_and_links_are_followed_once(
    tmp_path: Path, watch: Start
) -> None:
    for name in ("src", "other", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "src/loop").symlink_to(tmp_path / "src")
    (tmp_path / "src/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "src/broken").symlink_to("nowhere")
    tree = watch(tmp_path / "src", tmp_path / "gone", flat=[tmp_path, tmp_path / "src"])
    (tmp_path / "other/unseen").touch()
    (tmp_path / "elsewhere/seen").touch()
    (tmp_path / "src/new").mkdir()
    (tmp_path / "mark").touch()
    found = told(tree, tmp_path, until="mark")
    assert found == ["mark", "src/linked/seen", "src/new"]
    (tmp_path / "src/new/one").touch()
    assert told(tree, tmp_path, until="src/new/one") == ["src/new/one"]


def test_when_the_kernel_has_lost_count_anything_may_have_changed(
    tmp_path: Path, watch: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src/deep").mkdir(parents=True)
    (tmp_path / "src/deep/one").touch()
    tree = watch(tmp_path / "src", flat=[tmp_path])
    lost = struct.pack("iIII", -1, IN_Q_OVERFLOW, 0, 0)

    def read(_descriptor: int, _size: int) -> bytes:
        return lost

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", read)
        found = tree.read()
    assert str(tmp_path / "src/deep/one") in found
    (tmp_path / "src/deep/two").touch()
    assert told(tree, tmp_path, until="src/deep/two") == ["src/deep/two"]


def test_who_asks_for_looking_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHFILES_FORCE_POLLING", raising=False)
    found = is_told_by_kernel()
    assert found == ("microsoft" not in os.uname().release.lower())
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "false")
    assert is_told_by_kernel() == found
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    assert not is_told_by_kernel()
