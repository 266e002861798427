"""Real frameworks listen on the port that portweave gives them, behind their usual scripts."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.locked_packages import (
    npm_packages,
    python_packages,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def vite(pytestconfig: pytest.Config) -> Path:
    """The folder with Vite and its node."""
    return npm_packages(pytestconfig)


@pytest.fixture(scope="session")
def pythons(pytestconfig: pytest.Config) -> Path:
    """The folder with the commands of Python frameworks."""
    return python_packages(pytestconfig, "frameworks")


# The fixture `up` of tests/integration is not available here.
class Up:
    """Run `portweave up` until the test ends."""

    def __init__(self, cli: "Cli", spawned: Callable[..., "subprocess.Popen[bytes]"]) -> None:
        self.cli = cli
        self.spawned = spawned

    def __call__(self, root: Path, folders: str) -> bytes:
        """Wait until the service is ready; return what was printed so far."""
        process = self.spawned(
            [*self.cli.argv, "up", "--timeout", "60"],
            cwd=root,
            env=self.cli.env({"PATH": f"{folders}:{os.environ['PATH']}", "CI": "1"}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = b""
        while line := process.stderr.readline():
            said += line
            if b"all ready in" in line or b"failed" in line or b"unhealthy" in line:
                break
        process.terminate()
        process.stderr.read()
        process.wait(20)
        return said


@pytest.fixture
def up(cli: "Cli", spawned: Callable[..., "subprocess.Popen[bytes]"]) -> Up:
    return Up(cli, spawned)


@pytest.mark.parametrize("command", ["vite", "npx vite", "npm run dev", "npm run again"])
def test_vite(vite: Path, tmp_path: Path, up: Up, command: str) -> None:
    (tmp_path / "index.html").write_text("<h1>shop</h1>")
    (tmp_path / "node_modules").symlink_to(vite / "node_modules")
    scripts = {"dev": "vite", "again": "npm run dev"}
    (tmp_path / "package.json").write_text(json.dumps({"scripts": scripts}))
    (tmp_path / "Procfile").write_text(f"site: {command}\n")
    folders = f"{vite}/node_modules/.bin:{vite}/node_modules/node/bin"
    assert b"site ready on" in up(tmp_path, folders)


APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""
MANAGE = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
settings.configure(DEBUG=True, ROOT_URLCONF="urls", SECRET_KEY="x", ALLOWED_HOSTS=["*"])
execute_from_command_line(sys.argv)
"""
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
WSGI = "def app(environ, start):\n    start('200 OK', [])\n    return [b'ok']\n"


@pytest.mark.parametrize(
    "command",
    [
        *("uvicorn asgi:app", "python -m uvicorn asgi:app --reload", "gunicorn wsgi:app"),
        *("python manage.py runserver", "python manage.py runserver --noreload"),
        *("flask --app shop run", "flask --app shop run --debug"),
    ],
)
def test_python(pythons: Path, tmp_path: Path, up: Up, command: str) -> None:
    (tmp_path / "asgi.py").write_text(APP)
    (tmp_path / "wsgi.py").write_text(WSGI)
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "urls.py").write_text("urlpatterns = []\n")
    (tmp_path / "shop.py").write_text(FLASK)
    (tmp_path / "Procfile").write_text(f"site: {command}\n")
    assert b"site ready on" in up(tmp_path, str(pythons))
