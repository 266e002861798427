"""Kubernetes' own schemas and tools accept the manifests of the examples."""

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.locked_packages import python_packages
from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from tests.support.commands import Cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
VERSIONS = ("1.29", "1.33", "1.37")
# All that an export can have: a server, data, a job, hooks, files of variables, secrets, profiles.
STACK = """
projectName: shop
services:
  db: {command: postgres -p $PORT, discoveryEnv: {DB: "postgres://me:pw@127.0.0.1:${db}/x"}}
  seed: {command: python3 seed.py, oneshot: true, port: false, dependsOn: [db], data: [seeds]}
  first: {command: python3 first.py, oneshot: true, port: false}
  api:
    command: python3 api.py
    data: [files]
    environment: [API_KEY=abc, LANG]
    dependsOn: [seed, first, db]
    ready: {http: /health, tcp: true, exec: "true", timeout: 9s}
    scale: 2
  plain: {command: x, image: "other:1", ready: {http: "https://example.org/up"}, port: false}
  side: {command: python3 side.py, port: false, data: [more], tty: true, restart: always}
hooks: {setup: make}
"""


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config) -> Path:
    """The folder with kubernetes-validate and kubectl."""
    return python_packages(pytestconfig, "exports")


def kubectl(tools: Path) -> str:
    own = tools / "kubectl"
    return str(own) if own.exists() else shutil.which("kubectl") or "kubectl"


def made(name: str, tmp_path: Path) -> Path:
    if name != "all":
        return Path(shutil.copytree(REPOSITORY / "examples" / name, tmp_path / name))
    root = tmp_path / "all"
    root.mkdir()
    (root / "portweave.yaml").write_text(STACK)
    (root / ".env").write_text("A=1\n")
    return root


@pytest.mark.parametrize("name", ["all", "shop", "calls", "quickstart"])
def test_strict_schemas_of_three_versions_accept_the_manifests(
    cli: "Cli", tools: Path, tmp_path: Path, name: str
) -> None:
    root = made(name, tmp_path)
    words = ("--dockerfiles", tmp_path / "docker", "--ingress-class", "nginx")
    plain, base = tmp_path / "plain", tmp_path / "base"
    for folder, more in ((plain, ()), (base, ("--kustomize",))):
        done = cli("export", "kubernetes", *words, *more, "-o", folder, cwd=root)
        assert done.returncode == 0, done.stderr
    [overlay] = (base / "overlays").iterdir()
    built = subprocess.run(
        [kubectl(tools), "kustomize", overlay], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    together = tmp_path / "together.yaml"
    together.write_text(built.stdout)
    for version in VERSIONS:
        checked = subprocess.run(
            [
                tools / "kubernetes-validate",
                *("--strict", "--quiet", "-k", version),
                *sorted(plain.iterdir()),
                together,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
