"""`portweave port` prints the port of a service."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.ports import Pool

Repo = Callable[[int], list[Path]]


@pytest.fixture
def root(repo: Repo) -> Path:
    (root,) = repo(0)
    (root / "portweave.yaml").write_text(
        "services: {web: {command: a, scale: 2}, api: {command: b}, job: {command: c, port: false}}"
    )
    return root


def test_port_prints_only_the_port_of_each_instance(cli: Cli, root: Path, pool: Pool) -> None:
    for index, name in enumerate(["web", "web.2", "api"]):
        done = cli("port", name, cwd=root)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{pool.start + index}\n", "")
    assert json.loads(cli("port", "api", "--json", cwd=root).stdout) == {
        "schemaVersion": 1,
        "service": "api",
        "port": pool.start + 2,
    }


def test_port_prints_an_override(cli: Cli, root: Path) -> None:
    (root / ".env").write_text("WEB_PORT=4000\n")
    assert cli("port", "web", cwd=root).stdout == "4000\n"
    assert cli("port", "web", cwd=root, env={"WEB_PORT": "5000"}).stdout == "5000\n"
    # A value that an outer portweave has set is not an override.
    inside: dict[str, str | None] = {"WEB_PORT": "5000", "PORTWEAVE_WORKTREE": "/elsewhere"}
    assert cli("port", "web", cwd=root, env=inside).stdout == "4000\n"
    assert "(PW0503)" in cli("port", "web", cwd=root, env={"WEB_PORT": "x"}).stderr
    assert cli("port", "api", cwd=root, env={"WEB_PORT": "x"}).returncode == 0


def test_port_does_not_report_listening_programs(cli: Cli, root: Path, pool: Pool) -> None:
    cli("port", "web", cwd=root)
    with socket.create_server(("127.0.0.1", pool.start)):
        done = cli("port", "web", cwd=root)
    assert (done.stdout, done.stderr) == (f"{pool.start}\n", "")


def test_an_ignored_pool_is_reported(cli: Cli, root: Path) -> None:
    done = cli("port", "web", cwd=root, env={"PORTWEAVE_POOL_RANGE": "x"})
    assert done.stdout.strip().isdigit()
    assert done.stderr.startswith('[portweave] PORTWEAVE_POOL_RANGE="x" ignored')


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "port takes the name of one service"),
        (["web", "api"], "unexpected argument 'api'"),
        (["wep"], 'no service is named "wep"'),
        (["web.3"], 'no service is named "web.3"'),
        (["job"], "job has no port"),
    ],
)
def test_a_service_without_a_port_is_an_error(
    cli: Cli, root: Path, words: list[str], message: str
) -> None:
    done = cli("port", *words, cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"[portweave] error: {message} (PW0601)\n")
    assert not (root / ".portweave").exists(), "an error gives no ports away"


@pytest.mark.parametrize("words", [["port", "web"], ["env"], ["env", "--format", "shell"]])
def test_port_and_env_need_no_slow_imports(cli: Cli, repo: Repo, words: list[str]) -> None:
    (root,) = repo(0)
    (root / "portweave.config.json").write_text('{"services": {"web": {"envVar": "WEB_PORT"}}}')
    assert cli("port", "web", cwd=root).returncode == 0
    # An import of any of these takes as long as the whole command.
    slow = ("asyncio", "dataclasses", "inspect", "json", "pathlib", "psutil", "socket", "typing")
    code = f"""
import sys
before = set(sys.modules)
from portweave.cli.main import main
status = main({words!r})
print(status, sorted({set(slow)!r} & (set(sys.modules) - before)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=root,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "0 []\n"


def test_port_accepts_a_count_without_a_definition_file(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    assert cli("port", "port-2", "--count", "2", cwd=root).stdout == f"{pool.start + 1}\n"
    assert "(PW0101)" in cli("port", "web", cwd=root).stderr
