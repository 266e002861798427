"""Each way of building gives one package, which works beside others."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def build(kind: str, source: Path, target: Path) -> Path:
    """Build `source` as a wheel or an sdist."""
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target, cwd=source)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", REPOSITORY, tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_holds_one_package(wheel: Path) -> None:
    names = list(contents(wheel))
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"portweave"}
    pages = [name for name in names if ".data/" in name]
    assert pages
    assert all("/share/man/man1/portweave" in name for name in pages)
    assert "portweave/supervisor/stack.py" in names
    assert "portweave/allocator/ports/assign.py" in names
    assert "portweave/procfiles/load.py" in names
    assert len(names) == len(set(names))
    assert "portweave/py.typed" in names
    (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
    assert b"[pytest11]\nportweave = portweave.pytest_plugin\n" in contents(wheel)[entry_points]


def test_a_wheel_built_from_the_source_archive_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", REPOSITORY, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path / "again")
    assert contents(again) == contents(wheel)


def test_it_lives_beside_a_package_called_supervisor(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    bin_dir = tmp_path / "venv" / "bin"
    pip = (bin_dir / "python", "-m", "pip", "install", "--quiet")
    for name in ("runtime", "supervisor"):
        locked = REPOSITORY / "requirements" / f"{name}.txt"
        run(*pip, "--require-hashes", "-r", locked, cwd=tmp_path)
    run(*pip, "--no-deps", wheel, cwd=tmp_path)
    (tmp_path / "Procfile").write_text("web: echo hello from $PORTWEAVE_SERVICE\n")
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PORTWEAVE_POOL_RANGE": "20000-30000",
    }
    up = subprocess.run(
        [bin_dir / "portweave", "up"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (up.returncode, up.stdout) == (0, "web | hello from web-main\n"), up.stderr
    theirs = run(bin_dir / "python", "-c", "import supervisor; print(supervisor)", cwd=tmp_path)
    assert "portweave" not in theirs.replace(str(tmp_path), "")
    assert (
        run(bin_dir / "supervisord", "--version", cwd=tmp_path)
        .strip()
        .endswith(
            run(
                bin_dir / "python",
                "-c",
                "from importlib.metadata import version; print(version('supervisor'))",
                cwd=tmp_path,
            ).strip()
        )
    )
