"""Pure. Known servers: their images, and how a container of one is started and probed."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from portweave.encoding.value import value

PORT = "{port}"


@value
class Server:
    """A server whose image is known.

    Attributes:
        name: The program.
        image: Its image, with a version.
        data: The folder of its data in the image; empty for none.
        user: The numeric user that the image is made for.
        arguments: How the image is started; `PORT` stands for the port.
        probe: A command of the image that exits with 0 when the server answers.
        dropped: Options of the original command that hold only outside of the image.
        keeps_options: Whether other options of the original command are kept.
        environment: Variables of the image.
    """

    name: str
    image: str
    data: str
    user: int
    arguments: tuple[str, ...]
    probe: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    keeps_options: bool = False
    environment: tuple[tuple[str, str], ...] = ()


_REDIS = ("--port", "--bind", "--dir", "--daemonize", "--unixsocket", "--logfile", "--pidfile")
SERVERS = (
    Server(
        "postgres",
        "postgres:17.5",
        "/var/lib/postgresql/data",
        999,
        ("postgres", "-p", PORT),
        ("pg_isready", "-h", "127.0.0.1", "-p", PORT),
        environment=(("PGDATA", "/var/lib/postgresql/data/pgdata"),),
    ),
    Server(
        "redis-server",
        "redis:7.4.4",
        "/data",
        999,
        ("redis-server", "--port", PORT),
        ("redis-cli", "-p", PORT, "ping"),
        _REDIS,
        keeps_options=True,
    ),
    Server(
        "valkey-server",
        "valkey/valkey:8.1.1",
        "/data",
        999,
        ("valkey-server", "--port", PORT),
        ("valkey-cli", "-p", PORT, "ping"),
        _REDIS,
        keeps_options=True,
    ),
    Server(
        "mysqld",
        "mysql:8.4.5",
        "/var/lib/mysql",
        999,
        ("mysqld", f"--port={PORT}"),
        ("mysqladmin", "ping", "-h", "127.0.0.1", "-P", PORT),
    ),
    Server(
        "mariadbd",
        "mariadb:11.4.7",
        "/var/lib/mysql",
        999,
        ("mariadbd", f"--port={PORT}"),
        ("mariadb-admin", "ping", "-h", "127.0.0.1", "-P", PORT),
    ),
    Server(
        "nats-server",
        "nats:2.11.4-alpine",
        "/data",
        1000,
        ("nats-server", "-p", PORT, "-sd", "/data"),
        ("nc", "-z", "127.0.0.1", PORT),
        ("-p", "--port", "-a", "--addr", "--net", "-sd", "--store_dir", "-c", "--config"),
        keeps_options=True,
    ),
    Server(
        "mongod",
        "mongo:8.0.10",
        "/data/db",
        999,
        ("mongod", "--port", PORT, "--bind_ip_all"),
        (
            "mongosh",
            "--quiet",
            "--port",
            PORT,
            "--eval",
            "quit(db.adminCommand('ping').ok ? 0 : 1)",
        ),
    ),
    Server(
        "rabbitmq-server",
        "rabbitmq:4.1.1",
        "/var/lib/rabbitmq",
        999,
        ("rabbitmq-server",),
        ("rabbitmq-diagnostics", "-q", "ping"),
        environment=(("RABBITMQ_NODE_PORT", PORT),),
    ),
    Server(
        "memcached",
        "memcached:1.6.38",
        "",
        11211,
        ("memcached", "-p", PORT),
        dropped=("-p", "--port", "-l", "--listen", "-d", "-u"),
        keeps_options=True,
    ),
)
# The server for calls between services.
BUS = next(server for server in SERVERS if server.name == "nats-server")
_OTHER_NAMES = {"mysqld_safe": "mysqld", "postmaster": "postgres", "pg_ctl": "postgres"}
_BY_NAME = {server.name: server for server in SERVERS}
_BY_REPOSITORY = {re.sub(r":.*", "", server.image): server for server in SERVERS}
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")


def server_of(argv: tuple[str, ...], image: str) -> Server | None:
    """Return the server that a command starts, or whose image is given; None for others.

    Args:
        argv: The command, as words or as `/bin/sh -c TEXT`.
        image: The image that the user named; empty for none.
    """
    if image:
        repository = re.sub(r"(?<=[^/])[:@][^/]*$", "", image)
        return _BY_REPOSITORY.get(repository.removeprefix("docker.io/").removeprefix("library/"))
    words = words_of(argv)
    name = posixpath.basename(words[0]) if words else ""
    return _BY_NAME.get(_OTHER_NAMES.get(name, name))


def words_of(argv: tuple[str, ...]) -> list[str]:
    """Return the words of a simple command, without `exec` and variables before it."""
    if len(argv) != 3 or argv[1] != "-c":
        return list(argv)
    if re.search(r"[;|&`\n]|\$\(", argv[2]):
        return []
    words = [word.strip("\"'") if word[:1] in "\"'" else word for word in _WORD.findall(argv[2])]
    while words and (words[0] == "exec" or re.match(r"\w+=", words[0])):
        del words[0]
    return words


def arguments_of(server: Server, argv: tuple[str, ...], port: int) -> tuple[str, ...]:
    """Return the arguments for the server's image.

    Args:
        server: The server.
        argv: The command of the definition file, which may have options.
        port: The port to listen on.
    """
    found = [word.replace(PORT, str(port)) for word in server.arguments]
    words = words_of(argv)
    if not server.keeps_options or not words or posixpath.basename(words[0]) != server.name:
        return tuple(found)
    index = 1
    while index < len(words):
        word = words[index]
        option, equals, _ = word.partition("=")
        end = index + 1
        if not equals:
            while end < len(words) and not re.match(r"-{1,2}[A-Za-z]", words[end]):
                end += 1
        # Other words name files of this machine.
        own = words[index:end]
        if (
            option.startswith("-")
            and option not in server.dropped
            and not any("$" in one for one in own)
        ):
            found += own
        index = end
    return tuple(found)


def probe_of(server: Server, port: int) -> tuple[str, ...]:
    """Return the command that probes a server; empty if its image has none."""
    return tuple(word.replace(PORT, str(port)) for word in server.probe)


def accounts_of(server: Server, urls: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which the image makes the account and database of its URLs.

    Args:
        server: The server.
        urls: URLs of the server in the variables of the stack, without passwords.
        known: Variables of the service; they stay as they are.

    Returns:
        Names to values. Without a password the server trusts every client, as on this machine.
    """
    found = dict(server.environment)
    if server.name == "postgres":
        found["POSTGRES_HOST_AUTH_METHOD"] = "trust"
        for url in urls:
            parts = urlsplit(url)
            if parts.username:
                found["POSTGRES_USER"] = parts.username
            if name := parts.path.strip("/"):
                found["POSTGRES_DB"] = name
    elif server.name in ("mysqld", "mariadbd"):
        prefix = "MYSQL" if server.name == "mysqld" else "MARIADB"
        found[f"{prefix}_ALLOW_EMPTY_{'' if prefix == 'MYSQL' else 'ROOT_'}PASSWORD"] = "yes"
        for url in urls:
            if name := urlsplit(url).path.strip("/"):
                found[f"{prefix}_DATABASE"] = name
    return {name: text for name, text in found.items() if name not in known}
