"""The recipes of docs/import-api.md do what they say, as far as that needs no framework."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.ports import Pool
from tests.support.repository import REPOSITORY

Repo = Callable[[int], list[Path]]

TEXT = (REPOSITORY / "docs" / "import-api.md").read_text()
RECIPES = dict(re.findall(r"<!-- recipe: (\S+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL))

# The parts of the frameworks that the recipes touch.
STAND_INS = {
    "django/core/management/__init__.py": "def execute_from_command_line(argv): pass\n",
    "django/core/management/commands/__init__.py": "",
    "django/core/management/commands/runserver.py": "class Command: default_port = '8000'\n",
    "django/core/__init__.py": "",
    "django/__init__.py": "",
    "fastapi.py": """
class FastAPI:
    def __init__(self, lifespan):
        self.lifespan = lifespan
        self.state = type("State", (), {})()
    def get(self, path):
        return lambda function: function
""",
    "uvicorn.py": "def run(app, **options): print(app, options['host'], options['port'])\n",
}


@pytest.fixture
def root(repo: Repo) -> Path:
    (root,) = repo(0)
    (root / "Procfile").write_text("web: a\napi: b\ndb: c\n")
    for name, text in STAND_INS.items():
        path = root / "stand-ins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, text in RECIPES.items():
        path = root / Path(name).name
        path.write_text(text)
    return root


def python(root: Path, cli: Cli, *words: str, stand_ins: bool = True) -> str:
    environ = cli.env({"PYTHONPATH": str(root / "stand-ins") if stand_ins else None})
    done = subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_of_code_is_code() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        compile(block, "docs/import-api.md", "exec")
    assert sorted(RECIPES) == [
        "django/manage.py",
        "django/settings.py",
        "fastapi/main.py",
        "pytest/test_health.py",
        "vite/vite.config.js",
    ]


def test_the_first_block_runs(root: Path, cli: Cli, pool: Pool) -> None:
    block = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    (root / "Procfile").unlink()
    (root / "portweave.yaml").write_text(
        'services: {api: {command: a, discoveryEnv: {DATABASE_URL: "db:${api}"}}}'
    )
    out = python(root, cli, "-c", f"{block}\nimport asyncio; asyncio.run(main())")
    assert out.split() == [str(pool.start), f"db:{pool.start}", str(pool.start)]


def test_django_has_its_ports(root: Path, cli: Cli, pool: Pool) -> None:
    code = """
import json, settings, manage
from django.core.management.commands.runserver import Command
print(json.dumps([
    settings.DATABASES["default"]["PORT"],
    settings.CSRF_TRUSTED_ORIGINS[0],
    settings.SESSION_COOKIE_NAME,
    Command.default_port,
]))
"""
    api, db = pool.start + 1, pool.start + 2
    expected = [db, f"http://127.0.0.1:{api}", "sessionid_main", str(api)]
    assert json.loads(python(root, cli, "-c", code)) == expected


def test_fastapi_and_uvicorn_have_theirs(root: Path, cli: Cli, pool: Pool) -> None:
    assert python(root, cli, "main.py") == f"main:app 127.0.0.1 {pool.start + 1}\n"
    code = """
import asyncio, main
async def ask():
    async with main.app.lifespan(main.app):
        print(await main.health())
asyncio.run(ask())
"""
    assert python(root, cli, "-c", code) == "{'namespace': 'main'}\n"


@pytest.mark.slow
def test_the_pytest_recipe_passes(root: Path, cli: Cli) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_health.py"]
    assert "1 passed" in python(root, cli, *words, stand_ins=False)


def test_vite_listens_on_the_worktree_s_port(
    root: Path, cli: Cli, pool: Pool, need: Callable[..., None]
) -> None:
    need("node")
    package = root / "node_modules" / "vite"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "vite", "type": "module", "main": "index.js"}')
    (package / "index.js").write_text("export const defineConfig = (config) => config;\n")
    (root / "package.json").write_text('{"type": "module"}')
    script = "import('./vite.config.js').then((m) => console.log(JSON.stringify(m.default.server)))"
    server = {
        "host": "127.0.0.1",
        "port": pool.start,
        "strictPort": True,
        "proxy": {"/api": f"http://127.0.0.1:{pool.start + 1}"},
    }
    # By the environment, and without it by the file that is there from now on.
    done = cli("run", "--", "node", "-e", script, cwd=root)
    assert json.loads(done.stdout) == server, done.stderr
    plain = subprocess.run(
        ["node", "-e", script],  # noqa: S607
        cwd=root,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(plain.stdout) == server
