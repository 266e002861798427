"""Pure. Recognise programs that do not speak HTTP on their port: they get no name in a URL."""

import shlex
from collections.abc import Sequence

from portweave.planning.port_arguments import program_of
from portweave.planning.script_words import (
    SHELLS,
    text_of,
)

_OPERATORS = "();<>|&\n"
# Names of executables, as their packages install them.
_PROGRAMS = frozenset(
    {
        *("postgres", "postmaster", "pg_ctl", "pg_ctlcluster", "pgbouncer", "pgpool"),
        *("redis-server", "redis-sentinel", "valkey-server", "keydb-server", "dragonfly"),
        *("mysqld", "mysqld_safe", "mariadbd", "mariadbd-safe", "mongod", "mongos"),
        *("memcached", "nats-server", "gnatsd", "mosquitto", "beanstalkd", "rabbitmq-server"),
        *("kafka-server-start", "kafka-server-start.sh", "redpanda", "cassandra"),
        *("zookeeper-server-start", "zookeeper-server-start.sh", "zkServer.sh"),
        *("slapd", "sshd", "dnsmasq", "etcd", "tigerbeetle"),
    }
)
# Images of containers, without registry, owner and tag.
_IMAGES = frozenset(
    {
        *("postgres", "postgresql", "postgis", "pgvector", "timescaledb", "pgbouncer", "redis"),
        *("redis-stack-server", "valkey", "keydb", "dragonfly", "mysql", "mysql-server"),
        *("mariadb", "mongo", "mongodb", "mongodb-community-server", "memcached", "nats"),
        *("eclipse-mosquitto", "beanstalkd", "rabbitmq", "kafka", "cp-kafka", "redpanda"),
        *("zookeeper", "cp-zookeeper", "cassandra", "scylla", "openldap", "etcd"),
    }
)
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
# Options of `docker run` without a value: docker-run(1).
_SWITCHES = frozenset(
    {
        *("--rm", "--detach", "--interactive", "--tty", "--init", "--privileged", "--read-only"),
        *("--publish-all", "--no-healthcheck", "--oom-kill-disable", "--quiet", "--sig-proxy"),
        *("--disable-content-trust", "--replace"),
    }
)


def known_server(command: str | Sequence[str]) -> str | None:
    """Find a program of a command that is known not to speak HTTP; None if there is none.

    Args:
        command: A text for a shell, or words.
    """
    if not isinstance(command, str):
        return _known(list(command))
    for words in _commands(command):
        if found := _known(words):
            return found
    return None


def _known(words: list[str]) -> str | None:
    words = program_of(words)
    if not words:
        return None
    name = words[0].rpartition("/")[2]
    if name in _CONTAINERS:
        return _image(words[1:])
    if name in SHELLS and (text := text_of(words[1:])) is not None:
        return known_server(text)
    return name if name in _PROGRAMS else None


def _image(words: list[str]) -> str | None:
    """Return the image of `docker run [options] IMAGE` if it is a known one."""
    if words[:1] == ["container"]:
        words = words[1:]
    if words[:1] != ["run"]:
        return None
    position = 1
    while position < len(words) and words[position].startswith("-"):
        word = words[position]
        is_bundle = not word.startswith("--") and set(word[1:]) <= set("ditPq")
        position += 1 if word in _SWITCHES or "=" in word or is_bundle else 2
    image = words[position] if position < len(words) else ""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return name if name in _IMAGES else None


def _commands(text: str) -> list[list[str]]:
    """Split a shell text into simple commands, without those in the background before another."""
    try:
        lexer = shlex.shlex(text.strip(), posix=True, punctuation_chars=_OPERATORS)
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
        tokens = list(lexer)
    except ValueError:
        return []
    found: list[list[str]] = [[]]
    for index, part in enumerate(tokens):
        # An empty word was quoted.
        if not part or part.strip(_OPERATORS):
            found[-1].append(part)
        elif part == "&" and index + 1 < len(tokens):
            found[-1] = []
        elif part[0] not in "<>":
            found.append([])
    return [words for words in found if words]
