"""`portweave run --name`: a command with its own port and route."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteMapping, RouteStore

if TYPE_CHECKING:
    from tests.support.commands import Cli

SHOW = ["sh", "-c", 'echo "$PORT $HOST $PORTWEAVE_URL $PORTWEAVE_NAMESPACE"; exec cat']


@pytest.fixture
def store(home: Path) -> RouteStore:
    return RouteStore(home / "state/portweave/proxy")


@pytest.fixture
def run(
    cli: "Cli", spawned: Callable[..., subprocess.Popen[bytes]]
) -> Callable[..., tuple[subprocess.Popen[bytes], list[str]]]:
    """Run a command under a name; return the process and its PORT, HOST, URL and namespace."""

    def start(name: str, cwd: Path) -> tuple[subprocess.Popen[bytes], list[str]]:
        process = spawned(
            [*cli.argv, "run", "--name", name, "--", *SHOW],
            cwd=cwd,
            env=cli.env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        return process, process.stdout.readline().decode().split()

    return start


def test_the_route_exists_while_the_command_runs(
    run: Callable[..., tuple[subprocess.Popen[bytes], list[str]]],
    store: RouteStore,
    tmp_path: Path,
    cli: "Cli",
) -> None:
    process, (port, host, url) = run("Shop", tmp_path)
    assert (host, url) == ("127.0.0.1", "http://shop.localhost:1355")
    assert store.load_routes() == [RouteMapping("shop.localhost", int(port), process.pid)]
    done = cli("run", "--name", "shop", "--", "true", cwd=tmp_path)
    assert "PW1101" in done.stderr
    assert cli("run", "--name", "shop", "--force", "--", "true", cwd=tmp_path).returncode == 0
    assert process.poll() is None
    process.kill()
    process.wait()
    assert store.load_routes() == []


def test_in_a_project_the_route_has_the_name_of_the_project(
    run: Callable[..., tuple[subprocess.Popen[bytes], list[str]]],
    repo: Callable[[int], list[Path]],
    cli: "Cli",
) -> None:
    main, linked = repo(1)
    assert run("docs", main)[1][2] == "http://docs.shop.localhost:1355"
    (linked / "Procfile").write_text("web: true\n")
    port, _, url, namespace = run("web", linked)[1]
    assert url == "http://web.shop-1.shop.localhost:1355"
    assert port == cli("port", "web", cwd=linked).stdout.strip()
    assert namespace.startswith("shop-1-")
    other, _, url, _ = run("docs", linked)[1]
    assert url == "http://docs.shop-1.shop.localhost:1355"
    assert other != port
    assert run("my.own", linked)[1][2] == "http://my.own.localhost:1355"


def test_a_framework_gets_arguments_for_its_port(cli: "Cli", tmp_path: Path) -> None:
    (tmp_path / "vite").write_text('#!/bin/sh\necho "$PORT $@"\n')
    (tmp_path / "vite").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = cli("run", "--name", "x", "--", "vite", cwd=tmp_path, env={"PATH": path})
    port, words = done.stdout.split(" ", 1)
    assert words == f"--port {port} --strictPort --host 127.0.0.1\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("run", "--name", "a b", "--", "true"), "PW1103"),
        (("run", "--force", "--", "true"), "PW0601"),
        (("run", "--name", "x"), "PW0601"),
        (("run", "--name", "x", "--config", "nowhere.yaml", "--", "true"), "PW0101"),
        (("run", "--name", "x", "--", "./nowhere"), "PW0602"),
    ],
)
def test_invalid_names_are_an_error(
    cli: "Cli", tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    assert code in cli(*words, cwd=tmp_path).stderr


def test_a_name_in_a_project_is_checked(cli: "Cli", repo: Callable[[int], list[Path]]) -> None:
    (main,) = repo(0)
    assert "PW1103" in cli("run", "--name", "a b", "--", "true", cwd=main).stderr
