"""Which script file a command runs, and whether that mentions a variable."""

from posixpath import normpath

import pytest

from portweave.planning.script_words import mentions

FILES = {
    "app.py": b'port = int(os.environ["PORT"])\n',
    "api/server.js": b"listen(process.env.API_PORT)\n",
    "worker.py": b"EXPORT = 1; SUPPORT_PORTS = PORT_RANGE\n",
    "bin/dev": b"#!/bin/sh\nexec serve $PORT\n",
    ".env": b"PORT=1\n",
    "trace.js": b"// PORT\n",
    "bun.ts": b"serve(Bun.env.PORT)\n",
}
SCRIPTS = {
    ("", "start"): "node --enable-source-maps api/server.js",
    ("", "dev"): "npm run start",
    ("", "loop"): "npm run loop",
    ("", "said"): "server --listen $PORT",
    ("api", "start"): "node server.js",
}


@pytest.mark.parametrize(
    "command",
    [
        "python3 app.py",
        "python3 -u -W error app.py --verbose",
        ("python3", "app.py"),
        "exec python3 app.py",
        "cd api && node server.js",
        "cd api; node server.js",
        "FOO=1 node --watch api/server.js",
        "node -r trace.js api/server.js",
        "node --env-file .env api/server.js",
        "npx nodemon api/server.js",
        "npx tsx api/server.js",
        "uv run app.py",
        "poetry run python app.py",
        "sh -c 'python3 app.py'",
        "bash -lc 'cd api && exec node server.js'",
        "python3 app.py 2>&1 | tee log",
        "./bin/dev",
        "sh bin/dev",
        "bun bun.ts",
        "bun run bun.ts",
        "bun --watch bun.ts",
        "npm start",
        "npm run dev",
        "pnpm dev",
        "yarn start",
        "npm --prefix api start",
        "npm run said",
        "watchexec -r -- python3 app.py",
        "python3 migrate.py && python3 app.py",
    ],
)
def test_a_script_that_mentions_the_variable_is_found(command: str | tuple[str, ...]) -> None:
    assert is_found(command)


@pytest.mark.parametrize(
    "command",
    [
        "python3 worker.py",
        "python3 worker.py app.py",
        "python3 -m app",
        "node --env-file .env worker.py",
        "node -r trace.js worker.py",
        "sleep 1000",
        "python3 missing.py",
        "npm run missing",
        "npm run loop",
        "npm install",
        "cd elsewhere && python3 app.py",
        "echo 'not closed",
        "",
        (),
    ],
)
def test_a_command_that_does_not_read_its_port_is_not_mistaken(
    command: str | tuple[str, ...],
) -> None:
    assert not is_found(command)


def is_found(command: str | tuple[str, ...]) -> bool:
    def read(path: str) -> bytes | None:
        return FILES.get(normpath(path))

    return mentions(
        command, ("PORT", "API_PORT"), read, lambda place, name: SCRIPTS.get((place, name))
    )
