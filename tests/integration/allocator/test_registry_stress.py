"""The registry on full disks, without rights, edited by hand, and with thousands of entries."""

import contextlib
import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Cli
from tests.support.ports import Pool

Repo = Callable[[int], list[Path]]

RUN = ("run", "--count", "2", "--", "true")


@pytest.fixture
def folder(home: Path) -> Path:
    """The folder of the registry."""
    path = home / "config" / "portweave"
    path.mkdir(parents=True, mode=0o700)
    return path


def entry(root: Path | str, port: int, **changes: object) -> dict[str, Any]:
    return {
        "key": {"gitCommonDir": None, "namespace": "main", "worktreeRoot": str(root)},
        "lastUsedAt": "2026-01-31T12:34:56.789Z",
        "namespace": "main",
        "ports": {"web": port},
        **changes,
    }


def text_of(*entries: object) -> str:
    return json.dumps({"entries": entries, "version": 1}, indent=2) + "\n"


@pytest.fixture(params=["no space left", "no file may grow"])
def full_disk(
    request: pytest.FixtureRequest, cli: Cli, folder: Path
) -> Iterator[Callable[..., "subprocess.CompletedProcess[str]"]]:
    """Run the command while the registry's folder cannot be written."""
    with contextlib.ExitStack() as stack:
        if request.param == "no space left":
            options = ["-t", "tmpfs", "-o", "size=64k,mode=700", "none", str(folder)]
            mount = ["mount", *options]
            if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
                pytest.skip("only root may mount a small file system, and not everywhere")
            stack.callback(subprocess.run, ["umount", str(folder)], check=True)
            with (
                (folder / "filler").open("wb", buffering=0) as filler,
                contextlib.suppress(OSError),
            ):
                while True:
                    filler.write(b"x" * 512)

        def prepare() -> None:
            if request.param == "no file may grow":
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        def run(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [*cli.argv, *words],
                cwd=cwd,
                env=cli.environ,
                preexec_fn=prepare,
                capture_output=True,
                text=True,
                check=False,
            )

        yield run


def test_a_full_disk_is_reported_and_leaves_no_file(
    full_disk: Callable[..., "subprocess.CompletedProcess[str]"], repo: Repo, folder: Path
) -> None:
    (root,) = repo(0)
    done = full_disk(*RUN, cwd=root)
    assert done.returncode == 1
    assert f"failed to write the registry at {folder}/registry.json: " in done.stderr
    assert "(PW0303)" in done.stderr
    left = {path.name for path in folder.iterdir()}
    assert left <= {"registry.json.lock", "filler"}, "no lock, and no half of a file"


def test_a_full_disk_does_not_damage_existing_files(cli: Cli, repo: Repo, folder: Path) -> None:
    first, second = repo(1)
    assert cli(*RUN, cwd=first).returncode == 0
    before = (folder / "registry.json").read_text()
    limited = ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *cli.argv]
    done = subprocess.run(
        [*limited, *RUN], cwd=second, env=cli.environ, capture_output=True, text=True, check=False
    )
    assert "(PW0303)" in done.stderr
    assert (folder / "registry.json").read_text() == before
    # Commands that need no writing still work.
    shown = [*limited, "show", "--count", "2"]
    subprocess.run(shown, cwd=first, env=cli.environ, check=True, stdout=subprocess.PIPE)
    assert cli(*RUN, cwd=second).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("mode", [0o500, 0o400])
def test_a_read_only_folder_is_reported(mode: int, cli: Cli, repo: Repo, folder: Path) -> None:
    first, second = repo(1)
    assert cli(*RUN, cwd=first).returncode == 0
    folder.chmod(0o500)
    try:
        done = cli(*RUN, cwd=second)
        assert done.returncode == 1
        assert "(PW0303)" in done.stderr
        assert cli(*RUN, cwd=first).returncode == 0, "a warm run writes nothing"
    finally:
        folder.chmod(0o700)
    assert mode


def test_a_read_only_file_is_replaced_nevertheless(cli: Cli, repo: Repo, folder: Path) -> None:
    first, second = repo(1)
    assert cli(*RUN, cwd=first).returncode == 0
    (folder / "registry.json").chmod(0o400)
    assert cli(*RUN, cwd=second).returncode == 0
    assert len(json.loads((folder / "registry.json").read_text())["entries"]) == 2


WRONG = {
    "ports in words": entry("/x", 1, ports={"web": "30000"}),
    "a port that is true": entry("/x", 1, ports={"web": True}),
    "half a port": entry("/x", 1, ports={"web": 1.5}),
    "an infinite port": entry("/x", 1, ports={"web": 1e999}),
    "ports that are null": entry("/x", 1, ports=None),
    "no key": entry("/x", 1, key=None),
    "a number for a root": entry("/x", 1, key={"gitCommonDir": None, "worktreeRoot": 3}),
    "no time": entry("/x", 1, lastUsedAt="soon"),
    "no namespace": entry("/x", 1, namespace=None),
    "no entry at all": 7,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_a_value_of_the_wrong_type_is_named_and_can_be_repaired(
    wrong: object, cli: Cli, repo: Repo, folder: Path, tmp_path: Path
) -> None:
    (root,) = repo(0)
    path = folder / "registry.json"
    good = entry(tmp_path, 1)
    path.write_text(text_of(good, wrong).replace("Infinity", "1e999"))
    before = path.read_text()
    done = cli(*RUN, cwd=root)
    assert done.returncode == 1
    assert "failed schema validation (PW0302)" in done.stderr
    assert "hint: entry 2" in done.stderr
    assert "portweave doctor --fix" in done.stderr
    assert path.read_text() == before
    assert cli("doctor", "--fix", cwd=root).returncode == 0
    assert json.loads(path.read_text())["entries"] == [good]
    assert cli(*RUN, cwd=root).returncode == 0


def test_a_registry_edited_by_hand_is_read_and_normalised(
    cli: Cli, repo: Repo, folder: Path, tmp_path: Path
) -> None:
    (root,) = repo(0)
    fields = entry(tmp_path, 1, ports={"web": 4.0}, lastUsedAt="2026-01-31", note="mine")
    text = json.dumps({"version": 1.0, "more": [], "entries": [fields]}, separators=(",", ":"))
    (folder / "registry.json").write_text(f"\n\t{text}\r\n")
    assert cli(*RUN, cwd=root).returncode == 0
    found = {e["key"]["worktreeRoot"]: e for e in _entries(folder)}
    assert found[str(tmp_path)] == entry(tmp_path, 4, lastUsedAt="2026-01-31")


def test_a_block_beyond_all_ports_is_ignored(
    cli: Cli, repo: Repo, folder: Path, tmp_path: Path, pool: Pool
) -> None:
    (root,) = repo(0)
    odd = entry(tmp_path, 1, ports={"a": -5, "b": 0, "c": 10**20, "d": pool.start})
    (folder / "registry.json").write_text(text_of(odd))
    assert cli(*RUN, cwd=root).returncode == 0
    found = {e["key"]["worktreeRoot"]: e["ports"] for e in _entries(folder)}
    assert found[str(root)] == {"port-1": pool.start + 1, "port-2": pool.start + 2}


@pytest.mark.slow
def test_ten_thousand_entries_work(cli: Cli, repo: Repo, folder: Path, tmp_path: Path) -> None:
    first, second = repo(1)
    homes = tmp_path / "many"
    homes.mkdir()
    entries: list[object] = []
    for number in range(10_000):
        root = homes / str(number)
        root.mkdir()
        entries.append(entry(root, 40000 + number))
    (folder / "registry.json").write_text(text_of(*entries))
    assert cli(*RUN, cwd=first).returncode == 0
    assert len(_entries(folder)) == 10_001
    assert cli("show", "--json", "--count", "2", cwd=first).returncode == 0
    assert cli("doctor", cwd=first).returncode == 0
    # Remove all of them at once.
    for number in range(10_000):
        (homes / str(number)).rmdir()
    assert cli(*RUN, cwd=second).returncode == 0
    assert len(_entries(folder)) == 2


def _entries(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "registry.json").read_text())["entries"]
    return found
