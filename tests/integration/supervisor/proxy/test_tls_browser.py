"""A stack with HTTPS in a real browser that trusts its CA."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteStore
from portweave.supervisor.proxy.process.start_proxy import stop
from tests.support.ports import reserve_ports
from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.browser import Browser
    from tests.support.detached_stacks import Detached

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# Serves a page, and sends each WebSocket message back twice.
SERVER = """
import os
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.sync.server import serve

PAGE = b"<!doctype html><link rel=icon href=data:,><h1>Hello</h1>"


def answer(connection, request):
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return None
    fields = Headers({"Content-Type": "text/html", "Content-Length": str(len(PAGE))})
    return Response(200, "OK", fields, PAGE)


def talk(connection):
    # HTTP/2 field names are in lower case.
    names = [name for name, _ in connection.request.headers.raw_items()]
    how = "h2" if "sec-websocket-version" in names else "h1"
    for message in connection:
        connection.send(f"{message}{message} {how}")


with serve(talk, "127.0.0.1", int(os.environ["PORT"]), process_request=answer) as server:
    server.serve_forever()
"""
COMMAND = f'["{sys.executable}", server.py]'
# A service with only a TCP probe has no name.
SHOP = f"services: {{web: {{command: {COMMAND}, ready: {{tcp: true}}, hostname: web}}}}\n"


@pytest.fixture
def port(home: Path) -> Iterator[int]:
    """The port for the proxy."""
    yield reserve_ports(1).start
    stop(RouteStore(home / "state/portweave/proxy", private=True))


@pytest.fixture
def browser(tmp_path: Path, need: Callable[[str], None]) -> Iterator[Callable[[Path], "Browser"]]:
    """Start a browser that trusts a CA: `browser(authority)`."""
    need("chromium")
    need("certutil")
    from tests.support.browser import Browser

    made: list[Browser] = []

    def start(authority: Path) -> Browser:
        folder = tmp_path / "browser"
        database = folder / ".pki/nssdb"
        database.mkdir(parents=True)
        for words in (["-N", "--empty-password"], ["-A", "-n", "x", "-t", "C,,", "-i", authority]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *words], check=True)  # noqa: S607
        made.append(Browser(shutil.which("chromium") or "", folder))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_browser_loads_a_page_and_its_websocket(
    port: int,
    browser: Callable[[Path], "Browser"],
    detached: "Detached",
    project: Path,
    home: Path,
) -> None:
    write(project, SHOP)
    (project / "server.py").write_text(SERVER)
    env = {"PORTWEAVE_PROXY": None, "PORTWEAVE_PROXY_PORT": str(port), "PORTWEAVE_TLS": "1"}
    detached("up", "-d", env={**env, "PORTWEAVE_PROXY_LINGER": "400ms"})
    detached.remember_processes()
    url = f"https://web.{project.name}.localhost:{port}/"
    page = browser(home / "state/portweave/proxy/ca.pem").page()
    page.go(url)
    page.wait_for_text("Hello")
    protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
    assert page.run(protocol) == "h2"
    assert page.run("isSecureContext") is True
    said = """new Promise((done, fail) => {
        const socket = new WebSocket(location.href.replace("https", "wss"));
        socket.onopen = () => socket.send("ab");
        socket.onmessage = (message) => done(message.data);
        socket.onerror = () => fail(new Error("no socket"));
    })"""
    assert page.run(said) == "abab h2"
    # Plain HTTP is redirected.
    page.go(url.replace("https", "http"))
    page.wait("location.protocol === 'https:'")
    assert page.problems == []
