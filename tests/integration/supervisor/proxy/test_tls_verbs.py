"""HTTPS by `proxy start --tls`, and by stacks with PORTWEAVE_TLS=1."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.errors import AuthorityError, ProxySchemeError, TlsMissingError
from portweave.supervisor.proxy.process.start_proxy import stop
from tests.support.http2_client import trusting
from tests.support.proxies import (
    PATIENCE_S,
    Caller,
    UsersProxy,
)
from tests.support.repository import REPOSITORY
from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

SHOP = f"""
services:
  web: {{command: "env; {SERVE}"}}
  job: {{command: "env; sleep 1000", port: false}}
  spa: {{command: "vue-cli-service serve", profiles: [spa]}}
"""


class Web(UsersProxy):
    """A user's proxy, with requests by HTTPS."""

    def get(self, host: str) -> bytes:
        """Return the answer to a request by HTTPS."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        context = trusting(str(self.folder / "ca.pem"))
        with Caller(taken=context.wrap_socket(plain, server_hostname=host)) as caller:
            caller.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            return caller.rest()


@pytest.fixture
def web(home: Path) -> Iterator[Web]:
    web = Web(home, PORTWEAVE_TLS="1")
    yield web
    stop(web.store)


def test_the_proxy_is_started_with_https(web: Web, cli: "Cli", tmp_path: Path) -> None:
    port = str(web.port)
    done = cli("proxy", "start", "--tls", "--port", port, cwd=tmp_path)
    assert f"the proxy listens on https://127.0.0.1:{port}" in done.stderr, done.stderr
    assert stat.S_IMODE((web.folder / "ca-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(web.folder.stat().st_mode) == 0o700
    assert (web.folder / "proxy.tls").read_text() == "1"
    done = cli("alias", "shop", "9", cwd=tmp_path)
    assert done.stdout == f"https://shop.localhost:{port}\n"
    assert f"https://shop.localhost:{port}" in cli("routes", cwd=tmp_path).stdout
    assert b" 503 " in web.get("shop.localhost")
    status = json.loads(cli("proxy", "status", "--json", cwd=tmp_path).stdout)
    assert (status["tls"], status["url"]) == (True, f"https://127.0.0.1:{port}")
    # No store trusts the CA.
    assert "PW1117" in cli("doctor", cwd=tmp_path).stdout
    # A start without `--tls` finds the running proxy.
    done = cli("proxy", "start", cwd=tmp_path)
    assert f"runs already, and listens on https://127.0.0.1:{port}" in done.stderr
    cli("proxy", "stop", cwd=tmp_path)
    assert not (web.folder / "proxy.tls").exists()
    assert "ca.pem" in os.listdir(web.folder)


def test_a_plain_proxy_does_not_count_as_one_with_https(
    web: Web, cli: "Cli", tmp_path: Path
) -> None:
    # Files of a killed proxy say nothing about the next one.
    web.store.ensure_dir()
    (web.folder / "proxy.tls").write_text("1")
    done = cli("proxy", "start", "--port", str(web.port), cwd=tmp_path)
    assert f"listens on http://127.0.0.1:{web.port}" in done.stderr, done.stderr
    done = cli("proxy", "start", "--tls", cwd=tmp_path)
    assert done.returncode == 1
    assert ProxySchemeError.code in done.stderr
    assert "portweave proxy stop" in done.stderr


def test_missing_libraries_are_reported(web: Web, cli: "Cli", tmp_path: Path) -> None:
    web.store.ensure_dir()
    for name in ("ca.pem", "ca-key.pem"):
        (web.folder / name).write_text("nonsense")
    done = cli("proxy", "start", "--tls", cwd=tmp_path)
    assert AuthorityError.code in done.stderr
    # An environment in which the libraries cannot be imported.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'h2' else find(name, *a)\n"
    )
    argv, cli.argv = cli.argv, [word if word != "-Im" else "-m" for word in cli.argv]
    path = f"{tmp_path}:{REPOSITORY}"
    done = cli("proxy", "start", "--tls", cwd=tmp_path, env={"PYTHONPATH": path})
    looked = cli("doctor", cwd=tmp_path, env={"PYTHONPATH": path})
    cli.argv = argv
    assert TlsMissingError.code in done.stderr, done.stderr
    assert "pip install 'portweave[tls]'" in done.stderr
    assert f"note {TlsMissingError.code}: " in looked.stdout
    assert "pip install 'portweave[tls]'" in looked.stdout


def test_a_stack_has_https(web: Web, detached: "Detached", project: Path) -> None:
    write(project, SHOP)
    done = detached("up", "-d", "--json", env=web.env)
    detached.remember_processes()
    rows = {row["name"]: row for row in json.loads(done.stdout)["services"]}
    url = f"https://web.{project.name}.localhost:{web.port}"
    assert rows["web"]["url"] == url
    assert b" 200 " in web.get(f"web.{project.name}.localhost")
    assert detached("url", "web").stdout == f"{url}\n"
    logs = detached("logs", "--no-prefix").stdout
    own = web.folder / "ca.pem"
    assert f"PORTWEAVE_URL={url}\n" in logs
    assert logs.count(f"NODE_EXTRA_CA_CERTS={own}\n") == 2
    assert logs.count("SSL_CERT_FILE=") in (0, 2)
    done = detached("env", "web", "--explain", "NODE_EXTRA_CA_CERTS", env=web.env)
    assert str(own) in done.stdout
    assert "default" in done.stdout
    assert "CODESANDBOX_SSE=1\n" in detached("env", "spa", env=web.env).stdout
    mine = {**web.env, "NODE_EXTRA_CA_CERTS": "/mine.pem"}
    done = detached("env", "web", "--explain", "NODE_EXTRA_CA_CERTS", env=mine)
    assert "/mine.pem" in done.stdout.splitlines()[0]
    # A new plan keeps the names.
    detached("reload", env=web.env)
    assert detached.ps()["web"]["url"] == url


def test_a_command_has_https(web: Web, cli: "Cli", tmp_path: Path) -> None:
    env = {**web.env, "NODE_EXTRA_CA_CERTS": "/mine.pem"}
    done = cli("run", "--name", "shop.x", "--", "env", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert f"https://shop.x.localhost:{web.port} → " in done.stderr
    lines = done.stdout.splitlines()
    assert f"PORTWEAVE_URL=https://shop.x.localhost:{web.port}" in lines
    assert "NODE_EXTRA_CA_CERTS=/mine.pem" in lines


def test_a_stack_with_https_reports_a_plain_proxy(
    web: Web, detached: "Detached", project: Path
) -> None:
    write(project, SHOP)
    detached("proxy", "start", "--port", str(web.port))
    done = detached("up", "-d", env=web.env)
    detached.remember_processes()
    assert "speaks plain HTTP, whatever PORTWEAVE_TLS says" in done.stderr
    assert detached.ps()["web"]["url"] == f"http://web.{project.name}.localhost:{web.port}"
