"""Packages that tests install from lock files, into folders that are kept between test runs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.repository import REPOSITORY

NPM_LOCK = REPOSITORY / "tests" / "npm" / "packages"
WATCHERS_LOCK = REPOSITORY / "tests" / "npm" / "watchers"
# In CI, or on demand, a test that cannot run fails.
STRICT = any(
    os.environ.get(name, "").lower() in {"1", "true"} for name in ("CI", "PORTWEAVE_TEST_STRICT")
)


def give_up(reason: str) -> NoReturn:
    """Fail or skip a test whose packages cannot be installed."""
    if STRICT:
        pytest.fail(f"the packages cannot be installed: {reason}")
    pytest.skip(f"the packages cannot be installed: {reason}")


def npm_packages(config: pytest.Config, lock: Path = NPM_LOCK) -> Path:
    """Install the npm packages of a lock; return the folder that has `node_modules`."""

    def install(folder: Path) -> list[list[str]]:
        npm = shutil.which("npm")
        if npm is None:
            give_up("there is no npm on PATH")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(lock / name, folder)
        # npm portweave names Node versions that its own dependencies exclude.
        return [[npm, "ci", "--force", "--no-audit", "--no-fund", "--prefix", str(folder)]]

    name = "npm" if lock == NPM_LOCK else f"npm-{lock.name}"
    return _installed(config, name, lock / "package-lock.json", install)


def python_packages(config: pytest.Config, name: str) -> Path:
    """Install `requirements/NAME.txt` into an environment; return its `bin` folder."""
    requirements = REPOSITORY / "requirements" / f"{name}.txt"

    def install(folder: Path) -> list[list[str]]:
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        return [
            [sys.executable, "-m", "venv", str(folder)],
            [*pip, "--require-hashes", "-r", str(requirements)],
        ]

    return _installed(config, f"python-{name}", requirements, install) / "bin"


def _installed(
    config: pytest.Config, name: str, lock: Path, install: Callable[[Path], list[list[str]]]
) -> Path:
    """Run the commands of `install` in a folder for `lock`, unless it is complete already."""
    assert config.cache is not None
    version = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = config.cache.mkdir(f"{name}-{version}")
    done = folder / "installed"
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not done.exists():
            try:
                for argv in install(folder):
                    subprocess.run(argv, cwd=folder, capture_output=True, check=True, timeout=240)
            except subprocess.CalledProcessError as error:
                give_up(error.stderr.decode(errors="replace")[-500:])
            except subprocess.TimeoutExpired as error:
                give_up(str(error))
            done.touch()
    return folder
