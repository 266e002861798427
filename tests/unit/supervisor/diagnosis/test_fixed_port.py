"""Ports that stand as numbers in a command or program."""

import pytest

from portweave.supervisor.diagnosis.fixed_port import edit_hint
from portweave.supervisor.diagnosis.fixed_port_search import (
    fixed_in_program,
    fixed_ports,
)


@pytest.mark.parametrize(
    ("command", "port", "edit"),
    [
        ("next dev -p 3000", 3000, "write `-p $PORT` for `-p 3000`"),
        ("next dev -p3000", 3000, "write `-p$PORT` for `-p3000`"),
        ("vite --port=3000", 3000, "write `--port=$PORT` for `--port=3000`"),
        ("vite --port 3000 --open", 3000, "write `--port $PORT` for `--port 3000`"),
        ("uvicorn a:app --host 0.0.0.0 --port 8000", 8000, "`--port $PORT`"),
        ("gunicorn -b 127.0.0.1:8000 a", 8000, "write `-b 127.0.0.1:$PORT`"),
        ("gunicorn --bind=:8000 a", 8000, "write `--bind=:$PORT`"),
        ("php -S localhost:8000", 8000, "write `-S localhost:$PORT`"),
        ("python3 -m http.server 8000", 8000, "write `http.server $PORT`"),
        ("python3 -m http.server -b ::1 8000", 8000, "write `http.server -b ::1 $PORT`"),
        ("python3 -m http.server --bind=:: -d . 8000", 8000, "http.server --bind=:: -d . $PORT`"),
        ("manage.py runserver 0.0.0.0:8000", 8000, "write `runserver 0.0.0.0:$PORT`"),
        ("java -Dserver.port=8080 -jar a", 8080, "`-Dserver.port=$PORT`"),
        ("java -jar a --server.port=8080", 8080, "`--server.port=$PORT`"),
        ("node -e 'h.listen(3000)'", 3000, "write `.listen($PORT`"),
        ("PORT=3000 node x", 3000, "leave out `PORT=3000`"),
    ],
)
def test_a_number_in_a_command_is_found(command: str, port: int, edit: str) -> None:
    (fixed,) = fixed_ports(command)
    assert fixed.port == port
    assert edit in fixed.edit


@pytest.mark.parametrize(
    "command",
    [
        "next dev -p $PORT",
        "vite",
        "ssh -p 2222 host",
        "psql -p 5432",
        "mkdir -p 755",
        "node server.js 3000",
        "x --port 70000",
        "x --port 1.5",
        "x --export=3000",
    ],
)
def test_numbers_that_are_no_port_of_the_service_are_left_out(command: str) -> None:
    assert fixed_ports(command) == ()


PROGRAM = """import x from 13000
const port = process.env.PORT || 3000
server.listen(3000)
const database = { port: 5432 }
"""


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        ("a.js", "write process.env.PORT for 3000 at a.js:3"),
        ("a.tsx", "write process.env.PORT for 3000 at a.tsx:3"),
        ("a.py", 'write int(os.environ["PORT"]) for 3000 at a.py:3'),
        ("a.conf", "write the variable PORT for 3000 at a.conf:3"),
    ],
)
def test_a_number_in_a_program_is_found_with_its_edit(path: str, edit: str) -> None:
    found = fixed_in_program(path, PROGRAM)
    assert [(one.port, one.listens) for one in found] == [(3000, True), (5432, False)]
    assert edit_hint(found, (3000, 9), "") == edit
    assert edit_hint(found, (3001,), "node a.js") == ""
    assert edit_hint(found, (3001,), "node a.js 3001") == "write $PORT for 3001 in the command"
