"""The real npm portweave, in a folder that is kept between test runs."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = ("portweave@0.7.2", "node@24")
# Where it is asked for, a test that cannot run fails.
STRICT = any(
    os.environ.get(name, "").lower() in {"1", "true"} for name in ("CI", "PORTWEAVE_TEST_STRICT")
)


def give_up(reason: str) -> NoReturn:
    if STRICT:
        pytest.fail(f"it cannot be had from npm: {reason}")
    pytest.skip(f"it cannot be had from npm: {reason}")


def install(config: pytest.Config, packages: tuple[str, ...], name: str) -> Path:
    """The command `name` of packages of npm's, which are installed unless they are there."""
    assert config.cache is not None
    folder = config.cache.mkdir(f"npm-{'-'.join(packages).replace('@', '-')}")
    command = folder / "node_modules" / ".bin" / name
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not command.exists():
            npm = shutil.which("npm")
            if npm is None:
                give_up("there is no npm on PATH to install it with")
            argv = [npm, "install", "--force", "--no-audit", "--no-fund"]
            try:
                subprocess.run(
                    [*argv, "--prefix", str(folder), *packages],
                    cwd=folder,
                    capture_output=True,
                    check=True,
                    timeout=240,
                )
            except subprocess.CalledProcessError as error:
                give_up(f"npm install: {error.stderr.decode(errors='replace')[-500:]}")
            except subprocess.TimeoutExpired:
                give_up("npm install takes too long")
    return command


@pytest.fixture(scope="session")
def npm_portweave(pytestconfig: pytest.Config) -> Path:
    """The command of npm's; the node that runs it lies beside it."""
    return install(pytestconfig, PACKAGES, "portweave")
