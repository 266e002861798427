"""An engine brings up an exported compose file, with an image that comes from no registry."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.locked_packages import python_packages

if TYPE_CHECKING:
    from tests.support.commands import Cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STACK = """
projectName: engine
services:
  job: {command: touch /kept/done, workingDir: img, oneshot: true, port: false, data: [/kept]}
  web:
    command: httpd -f -p $PORT -h /srv
    workingDir: img
    dependsOn: [job]
    environment: {HTTPD_TOKEN: planted}
"""
DOCKERFILE = """FROM scratch
COPY busybox /bin/sh
COPY busybox /bin/touch
COPY busybox /bin/httpd
COPY page /srv/index.html
ENV PATH=/bin
"""
# Defaults that may be higher than what a container of the test may set.
CONTAINERS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def busybox() -> str | None:
    """A busybox that needs no libraries; None if there is none."""
    found = shutil.which("busybox")
    if found is None:
        return None
    # The name of the program interpreter is near the beginning of a file that needs one.
    return None if b"ld-linux" in Path(found).read_bytes()[:4096] else found


class Engine:
    """podman with storage of its own, and podman-compose."""

    def __init__(self, folder: Path, run_root: str, tools: Path) -> None:
        folder.mkdir()
        (folder / "containers.conf").write_text(CONTAINERS)
        config = folder / "config" / "containers"
        config.mkdir(parents=True)
        (config / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.podman = folder / "podman"
        self.podman.write_text(
            f"#!/bin/sh\nexec {shutil.which('podman')} --root {folder}/root --runroot {run_root}"
            f' --network-config-dir {folder}/networks --storage-driver vfs "$@"\n'
        )
        self.podman.chmod(0o755)
        self.compose = tools / "podman-compose"
        self.env = {
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }

    def run(self, *words: "str | Path", cwd: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words, cwd=cwd, env=self.env, capture_output=True, text=True, check=False, timeout=200
        )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    program = busybox()
    if program is None or shutil.which("podman") is None or shutil.which("runc") is None:
        pytest.skip("there is no podman, runc and static busybox")
    folder = tmp_path / "stack" / "img"
    folder.mkdir(parents=True)
    shutil.copy(program, folder / "busybox")
    (folder / "page").write_text("hello")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


@pytest.fixture
def engine(image: Path, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Engine]:
    tools = python_packages(pytestconfig, "exports")
    # podman refuses a longer path.
    run_root = tempfile.mkdtemp(prefix="podman-")
    made = Engine(tmp_path / "engine", run_root, tools)
    built = made.run(made.podman, "build", "-t", "local/try:1", image, cwd=tmp_path)
    words = ("run", "--rm", "--init", "--network=none", "local/try:1", "touch", "/x")
    tried = made.run(made.podman, *words, cwd=tmp_path)
    if built.returncode or tried.returncode:
        shutil.rmtree(run_root, ignore_errors=True)
        pytest.skip(f"no container can run here: {built.stderr[-200:]}{tried.stderr[-200:]}")
    yield made
    root = image.parent
    if (root / "compose.yaml").exists():
        made.run(made.compose, "down", "-v", "-t", "1", cwd=root)
    made.run(made.podman, "rm", "-af", "-t", "0", cwd=tmp_path)
    # The storage has read-only folders of the engine.
    made.run(made.podman, "rmi", "-af", cwd=tmp_path)
    shutil.rmtree(run_root, ignore_errors=True)


def test_a_compose_file_comes_up_in_order_with_volumes_and_ports(
    cli: "Cli", engine: Engine, image: Path
) -> None:
    root = image.parent
    (root / "portweave.yaml").write_text(STACK)
    done = cli("export", "compose", "-o", ".", "--check", cwd=root)
    assert done.returncode == 0, done.stderr
    assert "planted" not in (root / "compose.yaml").read_text()
    refused = engine.run(engine.compose, "config", cwd=root)
    assert refused.returncode != 0, "a secret without a value is an error"
    engine.env["HTTPD_TOKEN"] = "planted"  # noqa: S105 - a planted secret
    up = engine.run(engine.compose, "up", "-d", cwd=root)
    assert up.returncode == 0, up.stderr
    listed = engine.run(engine.podman, "ps", "-a", "--format", "json", cwd=root)
    states = {one["Names"][0]: (one["State"], one["ExitCode"]) for one in json.loads(listed.stdout)}
    assert states["engine-main_job_1"] == ("exited", 0)
    assert states["engine-main_web_1"][0] == "running"
    services = yaml.safe_load((root / "compose.yaml").read_text())["services"]
    port = int(services["web"]["environment"]["PORT"])
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
    # Data outlasts its container.
    engine.run(engine.compose, "down", "-t", "1", cwd=root)
    volume = engine.run(engine.podman, "volume", "inspect", "engine-main_job-data", cwd=root)
    [found] = json.loads(volume.stdout)
    assert (Path(found["Mountpoint"]) / "done").exists()
