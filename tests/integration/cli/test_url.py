"""`portweave url` and `portweave open`: the URL of a service."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteStore
from tests.support.proxies import proxy_run

if TYPE_CHECKING:
    from tests.support.commands import Cli

DEFINITIONS = """
services:
  web: {command: "true", scale: 2, hostname: Site_1}
  db: {command: "true", hostname: false}
  job: {command: "true", port: false}
  cache: {command: "redis-server --port $PORT"}
  queue: {command: "true", ready: {exec: "true"}}
"""


def test_without_a_route_the_url_has_the_port(cli: "Cli", project: Path) -> None:
    (project / "portweave.yaml").write_text(DEFINITIONS)
    port = cli("port", "web.2", cwd=project).stdout.strip()
    assert cli("url", "web.2", cwd=project).stdout == f"http://127.0.0.1:{port}\n"
    found = json.loads(cli("url", "db", "--json", cwd=project).stdout)
    assert found["url"] == f"http://127.0.0.1:{found['port']}"


def test_with_a_route_the_url_has_the_name(
    cli: "Cli",
    repo: Callable[[int], list[Path]],
    home: Path,
) -> None:
    main, linked = repo(1)
    with proxy_run(cli) as (_, at):
        store = RouteStore(home / "state/portweave/proxy")
        for root, domain in ((main, "shop"), (linked, "shop-1.shop")):
            (root / "portweave.yaml").write_text(DEFINITIONS)
            port = int(cli("port", "web", cwd=root).stdout)
            store.add_route(f"site-1.{domain}.localhost", port, os.getpid())
            assert cli("url", "web", cwd=root).stdout == f"http://site-1.{domain}.localhost:{at}\n"
        # Now the name belongs to another port.
        store.add_route("site-1.shop.localhost", 1, os.getpid())
        assert "127.0.0.1" in cli("url", "web", cwd=main).stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("url",), "PW0601"),
        (("url", "job"), "PW0601"),
        (("open", "web", "x"), "PW0601"),
        (("url", "cache"), "it runs redis-server, which does not speak HTTP (PW1118)"),
        (("open", "queue"), "its only probe is exec, which does not tell of HTTP (PW1118)"),
    ],
)
def test_a_service_without_a_url_is_reported(
    cli: "Cli", project: Path, words: tuple[str, ...], code: str
) -> None:
    (project / "portweave.yaml").write_text(DEFINITIONS)
    done = cli(*words, cwd=project)
    assert (done.returncode, code in done.stderr) == (1, True)
    assert cli("url", "wep", cwd=project).returncode == 1


def test_open_starts_a_browser_with_the_url(cli: "Cli", project: Path) -> None:
    (project / "portweave.yaml").write_text(DEFINITIONS)
    url = cli("url", "web", cwd=project).stdout
    for browser in ("/bin/echo", "/nowhere/x:/bin/echo %s"):
        assert cli("open", "web", cwd=project, env={"BROWSER": browser}).stdout == url
    done = cli("open", "web", cwd=project, env={"BROWSER": "/bin/false"})
    assert "PW1108" in done.stderr
    done = cli("open", "web", cwd=project, env={"BROWSER": "", "PATH": str(project)})
    assert "there is no browser" in done.stderr
