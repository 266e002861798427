"""Servers whose images are known."""

import re

import pytest

from portweave.exports.servers import (
    SERVERS,
    accounts_of,
    arguments_of,
    probe_of,
    server_of,
    words_of,
)


def shell(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


@pytest.mark.parametrize(
    ("argv", "image", "name"),
    [
        (shell("exec postgres -D data -p $PORT"), "", "postgres"),
        (shell("LC_ALL=C exec /usr/lib/postgresql/17/bin/postgres"), "", "postgres"),
        (("redis-server", "--port", "1"), "", "redis-server"),
        (shell("python3 postgres.py run"), "", None),
        (shell("postgres -D x; echo"), "", None),
        (shell("run"), "postgres:16-alpine", "postgres"),
        (shell("run"), "docker.io/library/redis", "redis-server"),
        (shell("run"), "localhost:5000/postgres:16", None),
        (("postgres",), "my/postgres:1", None),
        (("mysqld_safe",), "", "mysqld"),
        ((), "", None),
    ],
)
def test_a_server_is_found_by_its_program_or_its_image(
    argv: tuple[str, ...], image: str, name: str | None
) -> None:
    found = server_of(argv, image)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (shell("postgres -D data -p $PORT"), "postgres -p 7"),
        (
            shell('redis-server --bind 127.0.0.1 --port $PORT --save "" --appendonly no'),
            "redis-server --port 7 --save  --appendonly no",
        ),
        (shell("redis-server redis.conf --maxmemory $MAX"), "redis-server --port 7"),
        (("nats-server", "-js", "-p", "1", "-sd", "x"), "nats-server -p 7 -sd /data -js"),
        (("nats-server", "--store_dir=x", "-DV"), "nats-server -p 7 -sd /data -DV"),
        (shell("python3 run.py --save"), "redis-server --port 7"),
    ],
)
def test_options_that_hold_in_the_image_are_kept(command: tuple[str, ...], arguments: str) -> None:
    server = next(one for one in SERVERS if one.name == arguments.split()[0])
    assert " ".join(arguments_of(server, command, 7)) == arguments


def test_every_image_is_pinned_and_every_probe_has_its_port() -> None:
    for server in SERVERS:
        assert re.fullmatch(r"[a-z/]+:\d[\w.-]+", server.image)
        assert not any("{" in word for word in probe_of(server, 7))
        assert server.user > 0


def test_accounts_come_from_the_urls_of_the_stack() -> None:
    postgres = SERVERS[0]
    found = accounts_of(postgres, ["postgres://me@db:1/shop", "postgres://db:1"], {"PGDATA": "x"})
    assert found == {
        "POSTGRES_HOST_AUTH_METHOD": "trust",
        "POSTGRES_USER": "me",
        "POSTGRES_DB": "shop",
    }
    mysql = next(one for one in SERVERS if one.name == "mysqld")
    assert accounts_of(mysql, ["mysql://root@db:1/shop"], {})["MYSQL_DATABASE"] == "shop"


def test_words_of_a_shell_command() -> None:
    assert words_of(shell("A=1 exec x 'a b' \"\"")) == ["x", "a b", ""]
    assert words_of(("x", "y z")) == ["x", "y z"]
