"""`portweave export` chooses images, and writes Dockerfiles."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from portweave.errors import ExportFileError

if TYPE_CHECKING:
    from tests.support.commands import Cli

STACK = """
projectName: shop
services:
  install: {command: make, oneshot: true, port: false, image: false}
  db:
    command: postgres -D .data/db -p $PORT
    dependsOn: [install]
    discoveryEnv: {DB_URL: "postgres://me:s3cr3t-pw@127.0.0.1:${db}/shop"}
  api:
    command: python3 api.py
    workingDir: backend/src
    data: [backend/.data, /var/lib/api]
    dependsOn: [db]
    envFile: backend/own.env
    ready: {http: /health}
  front: {command: npm run dev, workingDir: backend}
  tool: {command: ./tool.sh, port: false}
  other: {command: x, image: "registry/other:1", port: false, data: [kept]}
"""


@pytest.fixture
def shop(project: Path) -> Path:
    (project / "portweave.yaml").write_text(STACK)
    backend = project / "backend"
    (backend / "src").mkdir(parents=True)
    for name in ("requirements.txt", "package.json", "package-lock.json"):
        (backend / name).write_text("{}\n" if "json" in name else "")
    (backend / "own.env").write_text("A=1\n")
    return project


def exported(cli: "Cli", root: Path, *words: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    done = cli("export", "compose", *words, "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return yaml.safe_load(found["files"][0]["text"])["services"], found["remarks"]


def test_images_are_named_known_or_built(cli: "Cli", shop: Path) -> None:
    words = ("--dockerfiles", "docker", "--tag", "7", "--image-prefix", "registry/")
    services, remarks = exported(cli, shop, *words)
    assert {name: one["image"] for name, one in services.items()} == {
        "db": "postgres:17.5",
        "api": "registry/shop-backend:7",
        "front": "registry/shop-backend-node:7",
        "tool": "registry/shop-tool:7",
        "other": "registry/other:1",
    }
    api = services["api"]
    assert api["working_dir"] == "/app/src"
    assert api["build"] == {
        "context": "./backend",
        "dockerfile": "../docker/backend.Dockerfile",
    }
    assert [one["target"] for one in api["volumes"]] == ["/app/.data", "/var/lib/api"]
    assert api["healthcheck"]["test"][:2] == ["CMD", "python3"]
    assert "depends_on" not in services["db"]
    lost = {(one["key"], *one["services"]) for one in remarks if one["kind"] == "lost"}
    assert lost == {("image", "tool"), ("data", "other")}
    docker = shop / "docker"
    assert sorted(path.name for path in docker.iterdir()) == [
        "backend-node.Dockerfile",
        "backend-node.Dockerfile.dockerignore",
        "backend.Dockerfile",
        "backend.Dockerfile.dockerignore",
    ]
    assert "npm ci" in (docker / "backend-node.Dockerfile").read_text()
    assert "pip install" in (docker / "backend.Dockerfile").read_text()
    # Nothing of a file of variables gets into an image.
    assert "own.env" in (docker / "backend.Dockerfile.dockerignore").read_text().splitlines()


def test_folders_with_one_label_get_two_images(cli: "Cli", project: Path) -> None:
    services = ""
    for number, folder in enumerate(("a/b", "a-b")):
        (project / folder).mkdir(parents=True)
        services += f"  s{number}: {{command: python3 x.py, workingDir: {folder}}}\n"
    (project / "portweave.yaml").write_text(f"services:\n{services}")
    found, _ = exported(cli, project, "--dockerfiles", "docker")
    assert [one["image"] for one in found.values()] == ["shop-a-b", "shop-a-b-2"]
    assert len(list((project / "docker").iterdir())) == 4


def test_a_server_gets_the_account_of_its_url(cli: "Cli", shop: Path) -> None:
    services, _ = exported(cli, shop)
    database = services["db"]["environment"]
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == ("me", "shop")
    assert database["POSTGRES_PASSWORD"].startswith("${DB_URL_PASSWORD:?")
    assert database["DB_URL"].startswith("postgres://me:${DB_URL_PASSWORD:?")
    assert "POSTGRES_HOST_AUTH_METHOD" not in database


def test_a_server_without_a_password_is_reported(cli: "Cli", project: Path) -> None:
    (project / "portweave.yaml").write_text("services: {db: {command: postgres -p $PORT}}")
    services, remarks = exported(cli, project)
    assert services["db"]["environment"]["POSTGRES_HOST_AUTH_METHOD"] == "trust"
    [remark] = [one for one in remarks if one["key"] == "image"]
    assert "it trusts every client" in remark["text"]


def test_a_dockerfile_of_the_user_is_not_replaced(cli: "Cli", shop: Path) -> None:
    words = ("export", "compose", "-o", "out", "--dockerfiles", "docker")
    (shop / "docker").mkdir()
    own = shop / "docker" / "backend.Dockerfile"
    own.write_text("FROM scratch\n")
    done = cli(*words, cwd=shop)
    assert done.returncode == 1
    assert ExportFileError.code in done.stderr
    assert own.read_text() == "FROM scratch\n"
    own.unlink()
    assert cli(*words, cwd=shop).returncode == 0
    # A second time, all of them are export's own.
    assert cli(*words, cwd=shop).returncode == 0
    (shop / "backend" / "Dockerfile").write_text("FROM x\nWORKDIR /srv\n")
    services, _ = exported(cli, shop, "front")
    assert services["front"]["build"] == {"context": "./backend"}
