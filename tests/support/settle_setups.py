"""Real development set-ups that settle is tried on: their files, commands, edits and errors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HTTP_PY = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
HTTP_JS = """
require("node:http").createServer((q, a) => a.end("ok")).listen(
  process.env.PORT, () => console.log("listening on " + process.env.PORT));
"""


@dataclass(frozen=True)
class Setup:
    """A project with one service.

    Attributes:
        name: What the table calls it.
        command: The service's command.
        edited: The file that is edited.
        good: Its content in a version, given the number of the version.
        bad: Its content with an error, given the number of the version. None where nothing reacts.
        error: A text that the answer must contain for the error, given the number.
        files: The other files.
        needs: `npm`, `python` or nothing: what has to be installed.
        keys: Further keys of the service.
        replaces: Whether an edit puts a new file in place of the old one. Vite reads its
            configuration so soon that it may find a file that is being written empty.
    """

    name: str
    command: str
    edited: str
    good: Callable[[int], str]
    bad: Callable[[int], str] | None
    error: Callable[[int], str] = lambda number: f"missing_{number}"
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    needs: str = ""
    keys: Mapping[str, object] = field(default_factory=dict[str, object])
    replaces: bool = False

    def write(self, root: Path) -> None:
        """Write the project into a folder, at version 0."""
        for name, text in {**self.files, ".gitignore": "dist\n__pycache__\nnode_modules\n"}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.edit(root, self.good(0))
        service = {"command": self.command, **self.keys}
        definition = {"services": {"app": service}}
        (root / "portweave.config.json").write_text(json.dumps(definition))

    def edit(self, root: Path, text: str) -> None:
        """Edit the file as editors do: by one write, or by a new file in its place."""
        path = root / self.edited
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.replaces:
            new = path.with_name(f".{path.name}.tmp")
            new.write_text(text)
            new.replace(path)
        else:
            path.write_text(text)


def _py(number: int) -> str:
    return f'print("version {number}", flush=True)\n'


def _bad_py(number: int) -> str:
    return _py(number) + f"missing_{number}\n"


def _js(number: int) -> str:
    return f'console.log("version {number}");\n'


def _bad_js(number: int) -> str:
    return _js(number) + f"missing_{number}();\n"


def _ts(number: int) -> str:
    return f"const version: number = {number};\nconsole.log(version);\nexport {{}};\n"


def _bad_ts(number: int) -> str:
    return f"const version: number = missing_{number};\nconsole.log(version);\nexport {{}};\n"


def _import(number: int) -> str:
    return f'import "./missing_{number}";\nconsole.log({number});\n'


WSGI = """
from flask import Flask
app = Flask(__name__)
"""
ASGI = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""
MANAGE = """
import sys, types
from django.conf import settings
settings.configure(DEBUG=True, ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
NO_PORT = {"port": False}

SETUPS = (
    Setup(
        "a plain script",
        "python3 -u job.py",
        "job.py",
        lambda n: f'print("version {n}")\nimport time\ntime.sleep(3600)\n',
        None,
        keys=NO_PORT,
    ),
    Setup(
        "a service with `watch`",
        "python3 -u server.py",
        "server.py",
        lambda n: _py(n) + HTTP_PY,
        lambda n: _bad_py(n) + HTTP_PY,
        keys={"watch": ["server.py"]},
    ),
    Setup(
        "node --watch",
        "node --watch server.js",
        "server.js",
        lambda n: _js(n) + HTTP_JS,
        lambda n: _bad_js(n) + HTTP_JS,
    ),
    Setup(
        "nodemon",
        "nodemon server.js",
        "server.js",
        lambda n: _js(n) + HTTP_JS,
        lambda n: _bad_js(n) + HTTP_JS,
        needs="npm",
    ),
    Setup(
        "uvicorn --reload",
        "uvicorn --reload --port $PORT server:app",
        "server.py",
        lambda n: _py(n) + ASGI,
        lambda n: _bad_py(n) + ASGI,
        needs="python",
    ),
    Setup(
        "flask --debug",
        "flask --app server run --debug --port $PORT",
        "server.py",
        lambda n: _py(n) + WSGI,
        lambda n: _bad_py(n) + WSGI,
        needs="python",
    ),
    Setup(
        "Django runserver",
        "python manage.py runserver $PORT",
        "urls.py",
        lambda n: _py(n) + "urlpatterns = []\n",
        lambda n: _bad_py(n) + "urlpatterns = []\n",
        files={"manage.py": MANAGE},
        needs="python",
    ),
    Setup(
        "tsc --watch",
        "tsc --watch",
        "src/app.ts",
        _ts,
        _bad_ts,
        files={
            "tsconfig.json": json.dumps(
                {"compilerOptions": {"outDir": "dist", "types": []}, "include": ["src"]}
            )
        },
        needs="npm",
        keys=NO_PORT,
    ),
    Setup(
        "esbuild --watch",
        "esbuild src/app.ts --bundle --outfile=dist/app.js --watch=forever",
        "src/app.ts",
        _ts,
        _import,
        needs="npm",
        keys=NO_PORT,
    ),
    Setup(
        "Vite's server",
        "vite",
        "vite.config.js",
        lambda n: f"export default {{ define: {{ VERSION: {n} }} }};\n",
        lambda n: f"export default {{ define: {{ VERSION: missing_{n} }} }};\n",
        files={"index.html": "<h1>shop</h1>", "package.json": '{"type": "module"}'},
        needs="npm",
        replaces=True,
    ),
    Setup(
        "vite build --watch",
        "vite build --watch",
        "src/app.ts",
        _ts,
        _import,
        files={"index.html": '<script type="module" src="/src/app.ts"></script>'},
        needs="npm",
        keys=NO_PORT,
    ),
    Setup(
        "webpack --watch",
        "webpack --watch --mode development --entry ./src/app.js",
        "src/app.js",
        _js,
        _import,
        needs="npm",
        keys=NO_PORT,
    ),
)
