"""The pytest plugin in test sessions of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Cli
from tests.support.ports import Pool

Repo = Callable[[int], list[Path]]

STACK = """
services:
  web: {command: a, scale: 2}
  api: {command: b, discoveryEnv: {API_URL: "http://h:${api}/${namespace}"}}
"""
# Each test writes a file with its ports and its worker.
TESTS = """
import json, os, pytest

@pytest.mark.parametrize("number", range(8))
def test_it(portweave_ports, portweave_env, number):
    seen = {
        "worker": os.environ.get("PYTEST_XDIST_WORKER"),
        "ports": dict(portweave_ports),
        "env": dict(portweave_env),
    }
    with open(f"seen.{number}.{seen['worker']}.json", "w") as file:
        json.dump(seen, file)
"""

MEET = """

def test_the_other_is_there(portweave_ports):
    import glob, time

    until = time.monotonic() + 20
    while len(glob.glob("seen.0.*.json")) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
"""


class Session:
    """Runs pytest in a project."""

    def __init__(self, root: Path, cli: Cli) -> None:
        self.root = root
        self.cli = cli

    def argv(self, *words: str) -> list[str]:
        # Only this plugin: others take time, and print lines of their own.
        others = ("cacheprovider", "hypothesispytest", "timeout", "anyio")
        quick = ["-q", *(word for name in others for word in ("-p", f"no:{name}"))]
        return [sys.executable, "-m", "pytest", *quick, *words]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words),
            cwd=self.root,
            env=self.cli.environ,
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )

    def seen(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.root.glob("seen.*.json"))]

    def leases(self) -> list[dict[str, object]]:
        answer = json.loads(self.cli("ls", "--all", "--json", cwd=self.root).stdout)
        return [row for row in answer["stacks"] if row["state"] == "lease"]


@pytest.fixture
def session(repo: Repo, cli: Cli) -> Session:
    (root,) = repo(0)
    (root / "portweave.yaml").write_text(STACK)
    (root / "test_it.py").write_text(TESTS)
    (root / "pytest.ini").write_text("[pytest]\n")
    return Session(root, cli)


@pytest.mark.slow
def test_a_session_has_other_ports_than_the_stack(session: Session, cli: Cli, pool: Pool) -> None:
    cli("run", "true", cwd=session.root)
    stack = [pool.start, pool.start + 1, pool.start + 2]
    done = session()
    assert done.returncode == 0, done.stdout
    first, *others = session.seen()
    assert len(others) == 7
    assert list(first["ports"]) == ["web", "web.2", "api"]
    assert list(first["ports"].values()) == [pool.start + 3, pool.start + 4, pool.start + 5]
    assert first["env"] == {
        "PORTWEAVE_NAMESPACE": "main",
        "WEB_PORT": str(pool.start + 3),
        "API_PORT": str(pool.start + 5),
        "API_URL": f"http://h:{pool.start + 5}/main",
    }
    assert all(other["ports"] == first["ports"] for other in others)
    folder = Path(cli.environ["XDG_STATE_HOME"], "portweave", "leases")
    assert list(folder.iterdir()) == [], "it is given back at the end"
    shown = json.loads(cli("show", "--json", cwd=session.root).stdout)["ports"]
    assert sorted(shown.values()) == stack


@pytest.mark.slow
def test_each_xdist_worker_has_its_own(session: Session) -> None:
    # Every worker runs every test. None releases its ports before the other has its own.
    (session.root / "test_it.py").write_text(TESTS + MEET)
    done = session("-n", "2", "--dist", "each")
    assert done.returncode == 0, done.stdout
    assert len(session.seen()) == 16
    by_worker = {seen["worker"]: seen["ports"] for seen in session.seen()}
    ports = [port for given in by_worker.values() for port in given.values()]
    assert set(by_worker) == {"gw0", "gw1"}
    assert len(ports) == len(set(ports)) == 6
    assert session.leases() == []


@pytest.mark.slow
def test_a_killed_session_leaves_nothing(session: Session, pool: Pool) -> None:
    (session.root / "test_it.py").write_text(
        "import os, signal\n"
        "def test_it(portweave_ports):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert session().returncode == -signal.SIGKILL
    assert session.leases() == []
    (session.root / "test_it.py").write_text(TESTS)
    assert session().returncode == 0
    assert session.seen()[0]["ports"]["web"] == pool.start, "the ports are taken again"


@pytest.mark.slow
def test_a_session_without_the_fixtures_costs_and_leaves_nothing(
    session: Session, home: Path
) -> None:
    (session.root / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    ours = [name for name in sys.modules if name.startswith('portweave')]\n"
        "    assert sorted(ours) == ['portweave', 'portweave.pytest_plugin']\n"
    )
    done = session("--strict-config", "-W", "error")
    assert done.returncode == 0, done.stdout
    assert not (home / "config").exists()
    assert not (home / "state").exists()
    assert not (session.root / ".portweave").exists()


def test_without_a_definition_file_it_takes_a_count(session: Session, pool: Pool) -> None:
    (session.root / "portweave.yaml").unlink()
    done = session("-x")
    assert "no portweave.config.json found" in done.stdout
    assert "(PW0701)" in done.stdout
    assert "portweave_count = N in pytest's configuration" in done.stdout
    assert "Traceback" not in done.stdout
    (session.root / "pytest.ini").write_text("[pytest]\nportweave_count = 2\n")
    assert session().returncode == 0
    assert session.seen()[0]["ports"] == {"port-1": pool.start, "port-2": pool.start + 1}


def test_an_invalid_count_is_a_configuration_error(session: Session) -> None:
    (session.root / "pytest.ini").write_text("[pytest]\nportweave_count = two\n")
    assert "portweave_count must be a number, not 'two'" in session("-x").stdout


def test_a_definition_file_may_be_named(session: Session) -> None:
    folder = session.root / "stack"
    folder.mkdir()
    (folder / "other.yaml").write_text("services: {db: {command: x}, q: {command: y, port: false}}")
    (session.root / "pytest.ini").write_text("[pytest]\nportweave_config = stack/other.yaml\n")
    assert session().returncode == 0
    assert list(session.seen()[0]["ports"]) == ["db"]


@pytest.mark.slow
def test_services_without_ports_need_no_lease(session: Session) -> None:
    (session.root / "portweave.yaml").write_text("services: {q: {command: y, port: false}}")
    assert session().returncode == 0
    seen = session.seen()[0]
    assert (seen["ports"], seen["env"]) == ({}, {"PORTWEAVE_NAMESPACE": "main"})


def test_it_may_be_switched_off(session: Session) -> None:
    done = session("-x", "-p", "no:portweave")
    assert "fixture 'portweave_ports' not found" in done.stdout


def test_the_fixtures_are_listed_with_what_they_give(session: Session) -> None:
    done = session("--fixtures")
    assert "portweave_ports [session scope]" in done.stdout
    assert "portweave_env [session scope]" in done.stdout
    assert os.fspath(session.root) not in done.stderr
