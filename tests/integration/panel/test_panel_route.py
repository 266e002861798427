"""The panel by its name through the proxy, for its own user only."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from portweave.allocator.names.route_store import RouteStore
from portweave.panel import panel_route as panel_name
from portweave.supervisor.proxy.process.proxy_files import routes_dir
from portweave.system import peer_credentials
from tests.support.panels import Panel
from tests.support.proxies import (
    Caller,
    proxy_run,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.panels import StartPanel

HOST = "portweave.localhost"
AS_OTHER = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to be somebody else")
NOBODY = 65_534
# A client that may run as another user: it sends its input and prints the answer. It changes its
# user after its imports, because that user may not be allowed to read Python's files.
CLIENT = """
import encodings.idna, os, socket, sys
if int(sys.argv[3]) != os.geteuid():
    os.setgroups([])
    os.setuid(int(sys.argv[3]))
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as link:
    link.sendall(sys.stdin.buffer.read())
    while data := link.recv(65536):
        sys.stdout.buffer.write(data)
"""


@pytest.fixture
def panel(panel: "StartPanel") -> "StartPanel":
    """A panel with a name, as users have by default."""

    def start(*args: str, **env: str) -> Panel:
        return panel(*args, **{"PORTWEAVE_PROXY": "1", **env})

    return start


@pytest.fixture
def proxy_port(cli: "Cli") -> Iterator[int]:
    """The port of the user's proxy."""
    with proxy_run(cli) as (_, port):
        yield port


def ask(port: int, head: str, body: str = "") -> tuple[int, str]:
    """Return status and text of an answer."""
    with Caller(port) as caller:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        caller.send(f"{head}\r\n{length}Connection: close\r\n\r\n{body}")
        answer = caller.rest().decode()
    return int(answer.split()[1]), answer


def routes(cli: "Cli", cwd: Path) -> list[str]:
    found = json.loads(cli("routes", "--json", cwd=cwd).stdout)["routes"]
    return [route["hostname"] for route in found]


def test_it_is_reached_by_its_name_and_as_safe_there(
    panel: "StartPanel", proxy_port: int, cli: "Cli", tmp_path: Path
) -> None:
    one = panel()
    assert one.said == f"[portweave] panel: http://{HOST}:{proxy_port}/\n"
    host = f"Host: {HOST}:{proxy_port}"
    status, page = ask(proxy_port, f"GET / HTTP/1.1\r\n{host}")
    assert status == 200
    assert one.token in page
    assert "default-src 'none'" in page
    change = f"POST /api/v1/open HTTP/1.1\r\n{host}\r\nX-Portweave-Csrf: {one.token}\r\nOrigin: "
    # The request was valid, and names something that does not exist.
    body = '{"stream": "x", "worktrees": []}'
    assert ask(proxy_port, f"{change}http://{HOST}:{proxy_port}", body)[0] == 404
    for origin in (
        f"http://{HOST}:{one.port}",
        f"http://{HOST}",
        f"http://evil.{HOST}:{proxy_port}",
        f"http://127.0.0.1:{proxy_port}",
        "null",
    ):
        assert ask(proxy_port, f"{change}{origin}", body)[0] == 403, origin
    other_site = "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors"
    assert ask(proxy_port, f"GET /api/v1/worktrees HTTP/1.1\r\n{host}\r\n{other_site}")[0] == 403
    with Caller(proxy_port) as caller:
        caller.send(f"GET /api/v1/stream HTTP/1.1\r\n{host}\r\n\r\n")
        # It arrives at once, not at the end of the stream.
        assert b"event: hello" in caller.until(b'"stream"')
    assert routes(cli, tmp_path) == [HOST]
    one.end()
    assert routes(cli, tmp_path) == []
    assert ask(proxy_port, f"GET / HTTP/1.1\r\n{host}")[0] == 404


@pytest.mark.slow
def test_the_first_panel_has_the_name_until_it_ends(
    panel: "StartPanel", proxy_port: int, cli: "Cli", tmp_path: Path
) -> None:
    first = panel()
    second = panel()
    where = f"{HOST} leads to the panel of pid {first.process.pid}, on port {first.port}"
    assert second.said == f"[portweave] panel: {where}\n"
    second.end()
    assert routes(cli, tmp_path) == [HOST]
    first.kill()
    assert routes(cli, tmp_path) == []
    third = panel()
    assert third.said == f"[portweave] panel: http://{HOST}:{proxy_port}/\n"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ended", "killed"])
def test_when_the_first_panel_ends_another_has_the_name(
    panel: "StartPanel", proxy_port: int, cli: "Cli", tmp_path: Path, how: str
) -> None:
    first, second = panel(), panel()
    assert first.process.pid != second.process.pid
    if how == "ended":
        first.end()
    else:
        first.kill()
    assert second.stderr.readline() == f"[portweave] panel: http://{HOST}:{proxy_port}/\n"
    assert routes(cli, tmp_path) == [HOST]
    get = f"GET / HTTP/1.1\r\nHost: {HOST}:{proxy_port}"
    status, page = ask(proxy_port, get)
    assert (status, second.token in page) == (200, True)


def test_a_panel_gets_its_name_once_the_alias_is_removed(
    panel: "StartPanel", cli: "Cli", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_name, "_LOOK_S", 0.01)
    environ = {**cli.env(), "PORTWEAVE_PROXY": "1"}
    store = RouteStore(routes_dir(environ), private=True)
    store.add_route(HOST, 5432, 0)
    waiting = panel_name.PanelRoute(environ, 6767)
    waiting.claim()

    async def follow() -> None:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.follow)
                await anyio.sleep(0.05)
                store.remove_route(HOST)

    anyio.run(follow)
    assert [(route.port, route.pid) for route in store.load_routes()] == [(6767, os.getpid())]
    waiting.release()


def test_without_a_proxy_it_says_nothing_of_its_name_and_starts_none(
    panel: "StartPanel", cli: "Cli", tmp_path: Path
) -> None:
    assert panel().said == ""
    # A proxy that starts later leads there.
    assert routes(cli, tmp_path) == [HOST]
    assert cli("proxy", "status", cwd=tmp_path).returncode == 1


def test_it_takes_no_name_where_none_are_wanted(
    panel: "StartPanel", proxy_port: int, cli: "Cli", tmp_path: Path
) -> None:
    assert panel(PORTWEAVE_PROXY="0").said == ""
    assert routes(cli, tmp_path) == []


def test_its_name_is_no_alias(cli: "Cli", tmp_path: Path, panel: "StartPanel") -> None:
    for name in ("portweave", "Portweave.localhost", "http://portweave.localhost/x"):
        done = cli("alias", name, "5432", "--force", cwd=tmp_path)
        assert done.returncode == 1
        assert "portweave.localhost is kept for the panel (PW0601)" in done.stderr
    # The panel reports a route of another program.
    folder = Path(cli.environ["XDG_STATE_HOME"], "portweave", "proxy")
    RouteStore(folder).add_route(HOST, 5432, 0)
    assert "portweave alias --remove portweave releases the name" in panel().said
    assert cli("alias", "--remove", "portweave", cwd=tmp_path).returncode == 0


@AS_OTHER
def test_another_user_of_this_machine_is_refused_by_the_proxy(
    panel: "StartPanel", proxy_port: int
) -> None:
    one = panel()
    get = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"

    def ask_as(user: int, address: str, request: str) -> str:
        done = subprocess.run(
            [sys.executable, "-I", "-c", CLIENT, address, str(proxy_port), str(user)],
            input=request.encode(),
            capture_output=True,
            check=True,
            timeout=20,
        )
        return done.stdout.decode()

    assert one.token in ask_as(0, "127.0.0.1", get)
    answer = ""
    for request in (
        get,
        get.replace(HOST, "PORTWEAVE.localhost."),
        get.replace("GET /", f"GET http://{HOST}/"),
        # Earlier requests of the connection do not matter.
        f"GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n{get}",
        f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n{get}",
    ):
        answer = ask_as(NOBODY, "127.0.0.1", request)
        assert "HTTP/1.1 403 " in answer, request
        assert "HTTP/1.1 200 " not in answer, request
        assert one.token not in answer
    assert "portweave panel starts your own" in answer


@pytest.mark.slow
@AS_OTHER
def test_another_user_is_refused_over_http_2_too(
    panel: "StartPanel", cli: "Cli", need: Callable[..., None]
) -> None:
    need("curl")

    def ask_as(user: int, port: int) -> tuple[str, str]:
        done = subprocess.run(
            ["/usr/bin/env", "curl", "-sk", "--http2", "--connect-to", f"::127.0.0.1:{port}",
             "-w", "\n%{http_version} %{http_code}", f"https://{HOST}:{port}/"],
            capture_output=True, check=True, timeout=20, user=user, extra_groups=[], text=True,
        )  # fmt: skip
        page, _, status = done.stdout.rpartition("\n")
        return page, status

    with proxy_run(cli, "--tls") as (_, port):
        one = panel()
        assert one.said == f"[portweave] panel: https://{HOST}:{port}/\n"
        page, status = ask_as(0, port)
        assert (one.token in page, status) == (True, "2 200")
        page, status = ask_as(NOBODY, port)
        assert (one.token in page, status) == (False, "2 403")


def connections(
    address: str, user: int
) -> Iterator[tuple[peer_credentials.End, peer_credentials.End]]:
    """Yield both ends of a connection that a user made, as this process sees them."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        listener.settimeout(10)
        port = str(listener.getsockname()[1])
        argv = [sys.executable, "-I", "-c", CLIENT, address, port, str(user)]
        other = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        with listener.accept()[0] as connection:
            yield connection.getpeername(), connection.getsockname()
        other.wait(10)


@AS_OTHER
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
@pytest.mark.parametrize("has_diag", [True, False], ids=["sock_diag", "proc"])
def test_the_user_of_a_connection_is_found(
    monkeypatch: pytest.MonkeyPatch, address: str, has_diag: bool
) -> None:
    if not has_diag:

        def refuse(*_: object, **_options: object) -> Callable[..., object]:
            raise OSError("no such protocol")

        monkeypatch.setattr("portweave.system.peer_credentials.tcp_sockets", refuse)
    assert [peer_credentials.is_own(*ends) for ends in connections(address, 0)] == [True]
    assert [peer_credentials.is_own(*ends) for ends in connections(address, NOBODY)] == [False]
