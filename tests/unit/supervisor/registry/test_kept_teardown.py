from pathlib import Path

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.registry.kept_teardown import (
    Failures,
    KeptTeardown,
    all_kept,
    forget_kept,
    kept_folder,
    new_files,
    note_failure,
    read_failures,
    read_kept,
    write_kept,
)


def kept_in(state: Path, root: str = "/code/red") -> KeptTeardown:
    folder = kept_folder({"XDG_STATE_HOME": str(state)}, root, "red")
    return KeptTeardown(
        folder,
        *("shop", "red", root, "/code/shop/.git", "/code/shop/.git/worktrees/red", 7),
        ("dropdb x", "rm y"),
        {"DB_PORT": "30001", "BYTES": "\udcff"},
        60.0,
        new_files(folder),
    )


def test_what_is_kept_reads_back_and_replaces_the_files_before(tmp_path: Path) -> None:
    first = kept_in(tmp_path)
    Path(first.working_dir, "a").write_text("1")
    write_kept(first)
    assert read_kept(first.folder) == first
    assert Path(first.folder).stat().st_mode & 0o777 == 0o700
    second = replace(first, files=new_files(first.folder))
    write_kept(second)
    assert read_kept(first.folder) == second
    assert not Path(first.working_dir).exists()
    forget_kept(first.folder)
    assert read_kept(first.folder) is None
    forget_kept(first.folder)


def test_all_are_found_but_damaged_ones(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    assert all_kept(environ) == []
    kept = [kept_in(tmp_path, root) for root in ("/code/a", "/code/b")]
    for one in kept:
        write_kept(one)
    assert sorted(one.root for one in all_kept(environ)) == ["/code/a", "/code/b"]
    Path(kept[0].folder, "teardown.json").write_text("{")
    assert [one.root for one in all_kept(environ)] == ["/code/b"]


def test_failures_are_counted_until_it_is_kept_anew(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    write_kept(kept)
    assert read_failures(kept.folder) == Failures()
    note_failure(kept.folder, "exited with status 3")
    note_failure(kept.folder, "exited with status 4")
    assert read_failures(kept.folder) == Failures(2, "exited with status 4")
    write_kept(kept)
    assert read_failures(kept.folder) == Failures()


@pytest.mark.parametrize("files", ["../x", "a/b", "", "other"])
def test_the_folder_of_files_is_one_of_its_own(tmp_path: Path, files: str) -> None:
    kept = kept_in(tmp_path)
    write_kept(kept)
    path = Path(kept.folder, "teardown.json")
    path.write_bytes(path.read_bytes().replace(kept.files.encode(), files.encode()))
    assert read_kept(kept.folder) is None
