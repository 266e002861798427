"""Programs that do not speak HTTP on their port."""

import pytest

from portweave.planning.other_protocols import known_server


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("postgres -D data -p $PORT", "postgres"),
        ("postgres -c listen_addresses='' -c unix_socket_directories=''", "postgres"),
        ("'' postgres", None),
        ("/usr/lib/postgresql/16/bin/postgres -D data", "postgres"),
        ("exec redis-server --port $PORT", "redis-server"),
        ("A=1 nice -n 5 valkey-server", "valkey-server"),
        ("cd x && mysqld --port=$PORT", "mysqld"),
        ("mariadbd 2>&1 | tee log", "mariadbd"),
        ("test -d data || initdb data; postgres -D data", "postgres"),
        ("nats-server -p $PORT &", "nats-server"),
        ("docker run --rm -it -p $PORT:5432 -e A=b --name db postgres:16", "postgres"),
        ("docker run --init --publish=1:2 docker.io/valkey/valkey:8@sha256:1", "valkey"),
        ("podman container run redis", "redis"),
        ("bash -lc 'cd x && redis-server --port $PORT'", "redis-server"),
        ("sh -c 'node web.js'", None),
        ("redis-server & node web.js", None),
        ("node redis-server.js", None),
        ("docker run --name postgres web", None),
        ("docker compose up", None),
        ("docker run", None),
        ("echo 'un", None),
        ("python3 -m http.server $PORT", None),
        ("", None),
    ],
)
def test_programs_without_http_are_recognised(command: str, program: str | None) -> None:
    assert known_server(command) == program
    if not set("&;|>'$") & set(command):
        assert known_server(command.split()) == program
