"""Which programs reload themselves, by their command lines."""

import pytest

from portweave.settling.reload_words import reloads


@pytest.mark.parametrize(
    "command",
    [
        "node --watch server.js",
        "node --watch-path=src server.js",
        "/usr/bin/node /app/node_modules/.bin/nodemon server.js",
        "node /app/node_modules/vite/bin/vite.js",
        "vite --port 3000",
        "vite dev",
        "npx next dev",
        "tsc --watch",
        "tsc -w",
        "esbuild app.ts --watch=forever",
        "webpack serve --mode development",
        "python -m uvicorn --reload app:app",
        "python manage.py runserver 8000",
        "flask --app app run --debug",
        "/opt/venv/bin/python /opt/venv/bin/fastapi dev main.py",
        "watchexec -r cargo run",
        "air",
        "tsx watch src/index.ts",
    ],
)
def test_these_reload(command: str) -> None:
    assert reloads(command.split())


@pytest.mark.parametrize(
    "command",
    [
        "node server.js",
        "python3 -u app.py",
        "vite build",
        "next start",
        "flask run",
        "python manage.py runserver --noreload",
        "python manage.py migrate",
        "webpack --mode production",
        "postgres -D data",
        "esbuild app.ts --watch=false",
        "",
    ],
)
def test_these_do_not(command: str) -> None:
    assert not reloads(command.split())
