"""The names of stacks: `up` registers them, one proxy serves them, `down` removes them."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from portweave.supervisor.proxy.process.proxy_files import find_proxy
from portweave.supervisor.proxy.process.start_proxy import stop
from tests.support.ports import reserve_ports
from tests.support.proxies import UsersProxy
from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp

SHOP = f"""
services:
  web: {{command: "{SERVE}", scale: 2, hostname: Site_1}}
  api: {{command: "env; {SERVE}"}}
  db: {{command: "env; {SERVE}", hostname: false}}
  job: {{command: "sleep 1000", port: false, hostname: jobs}}
"""


class Web(UsersProxy):
    """A user's proxy, with requests by name."""

    def get(self, host: str, path: str = "/", *, timeout_s: float = 20.0) -> tuple[int, str]:
        """Return the status and the text of the answer to a request for a name."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", path, headers={"Host": f"{host}:{self.port}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def names(self) -> list[str]:
        return sorted(route.hostname for route in self.store.load_routes())

    def proxy(self) -> psutil.Process:
        """Return the proxy's process once its first line of log is written."""
        until_s = time.monotonic() + 10
        while (running := find_proxy(self.store)) is None:
            assert time.monotonic() < until_s, "there is no proxy"
            time.sleep(0.01)
        return psutil.Process(running.pid)


@pytest.fixture
def web(home: Path) -> Iterator[Web]:
    web = Web(home)
    yield web
    stop(web.store)


def test_a_request_by_name_is_a_use_of_its_stack(
    web: Web,
    cli: "Cli",
    up: "StartUp",
    project: Path,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    write(project, f"services: {{web: {{command: {SERVE}}}}}\n")
    up(project, env=web.env).wait_for("web ready")
    eventually(web.names)
    [name] = web.names()
    web.proxy()
    assert "portweave.yaml" in web.get(name, "/login?token=secret")[1]

    def last_use() -> object:
        [row] = json.loads(cli("ls", "--json", cwd=project).stdout)["stacks"]
        return row["lastUse"]

    eventually(lambda: last_use() == "GET /login")


@pytest.mark.slow
def test_all_worktrees_have_names_at_once(
    web: Web,
    cli: "Cli",
    up: "StartUp",
    repo: Callable[[int], list[Path]],
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    main, linked = repo(1)
    for root in (main, linked):
        write(root, SHOP)
        (root / f"file-of-{root.name}").touch()
    here = up(main, env=web.env)
    done = cli("up", "-d", "--json", cwd=linked, env=web.env)
    assert done.returncode == 0, done.stderr
    found = [row["url"] for row in json.loads(done.stdout)["services"]]
    assert f"http://site-1-2.shop-1.shop.localhost:{web.port}" in found
    # After `up -d` the names lead to the services.
    assert "file-of-shop-1" in web.get("site-1-2.shop-1.shop.localhost")[1]
    assert f"http://api.shop-1.shop.localhost:{web.port}\n" in done.stderr
    eventually(lambda: len(web.names()) == 6)
    assert web.names() == [
        "api.shop-1.shop.localhost",
        "api.shop.localhost",
        "site-1-2.shop-1.shop.localhost",
        "site-1-2.shop.localhost",
        "site-1.shop-1.shop.localhost",
        "site-1.shop.localhost",
    ]
    here.wait_for("all ready")
    assert "file-of-shop" in web.get("API.Shop.localhost.")[1]
    # Services, `ps` and `url` have the same URLs.
    name = f"http://api.shop.localhost:{web.port}"
    assert f"PORTWEAVE_URL={name}" in here.lines_of("api")
    assert f"PORTWEAVE_URL=http://127.0.0.1:{here.port('DB_PORT')}" in here.lines_of("db")
    rows = json.loads(cli("ps", "--json", cwd=main).stdout)["services"]
    assert [row["url"] for row in rows] == [
        f"http://site-1.shop.localhost:{web.port}",
        f"http://site-1-2.shop.localhost:{web.port}",
        name,
        f"http://127.0.0.1:{here.port('DB_PORT')}",
        None,
    ]
    assert cli("url", "api", cwd=main).stdout == f"{name}\n"
    # Both stacks share the proxy; it outlives each of them.
    proxy = web.proxy()
    assert proxy not in here.family()
    assert not [name for name in proxy.environ() if name.startswith("PORTWEAVE_")]
    assert here.stop() == 130
    assert len(web.names()) == 3
    assert web.get("api.shop.localhost")[0] == 404
    assert web.get("api.shop-1.shop.localhost")[0] == 200
    assert cli("down", cwd=linked).returncode == 0
    assert web.store.load_routes_raw() == []
    proxy.wait(10)
    assert find_proxy(web.store) is None


def test_names_follow_the_instances(web: Web, cli: "Cli", project: Path) -> None:
    write(project, f"services: {{web: {{command: '{SERVE}'}}}}")
    assert cli("up", "-d", cwd=project, env=web.env).returncode == 0
    try:
        assert cli("scale", "web=3", cwd=project, env=web.env).returncode == 0
        assert web.names() == [
            "web-2.shop.localhost",
            "web-3.shop.localhost",
            "web.shop.localhost",
        ]
        cli("scale", "web=1", cwd=project, env=web.env)
        many = f"{{command: '{SERVE}', wildcard: true}}"
        write(project, f"services: {{web: {many}, api: {{command: '{SERVE}'}}}}")
        # The proxy has ended: a change of the stack starts one.
        stop(web.store)
        done = cli("reload", cwd=project, env=web.env)
        assert "web restarts" not in done.stderr
        cli("wait", cwd=project)
        assert web.names() == ["*.web.shop.localhost", "api.shop.localhost", "web.shop.localhost"]
        for host, status in (("api", 200), ("a.web", 200), ("a.api", 404)):
            assert web.get(f"{host}.shop.localhost")[0] == status
    finally:
        cli("down", cwd=project)
    assert web.names() == []


@pytest.mark.slow
def test_a_released_name_is_registered(
    web: Web, cli: "Cli", project: Path, eventually: Callable[..., None]
) -> None:
    write(project, f"services: {{web: {{command: '{SERVE}'}}, api: {{command: '{SERVE}'}}}}")
    web.store.add_route("web.shop.localhost", 1, 0)
    done = cli("up", "-d", cwd=project, env=web.env)
    try:
        assert "alias --remove web.shop.localhost gives the name back" in done.stderr
        assert cli("url", "web", cwd=project).stdout.startswith("http://127.0.0.1:")
        cli("alias", "--remove", "web.shop", cwd=project)
        eventually(lambda: web.names() == ["api.shop.localhost", "web.shop.localhost"])
        assert web.get("web.shop.localhost")[0] == 200
        url = f"http://web.shop.localhost:{web.port}\n"
        eventually(lambda: cli("url", "web", cwd=project).stdout == url)
    finally:
        cli("down", cwd=project)


@pytest.mark.slow
def test_without_a_proxy_urls_have_ports(web: Web, cli: "Cli", project: Path) -> None:
    queue = f"{{command: '{SERVE}', ready: {{tcp: true}}}}"
    write(project, f"services: {{web: {{command: '{SERVE}'}}, queue: {queue}}}")
    done = cli("up", "-d", "--no-proxy", cwd=project, env=web.env)
    try:
        port, other = (cli("port", name, cwd=project).stdout.strip() for name in ("web", "queue"))
        assert f"http://127.0.0.1:{port}\n" in done.stderr
        # A service known only by a TCP probe has no link; its own URL has the port.
        assert f"queue  → {other}\n" in done.stderr
        rows = json.loads(cli("ps", "--json", cwd=project).stdout)["services"]
        assert [row["url"] for row in rows] == [f"http://127.0.0.1:{port}", None]
        told = cli("exec", "queue", "--", "printenv", "PORTWEAVE_URL", cwd=project).stdout
        assert told == f"http://127.0.0.1:{other}\n"
        # A later start of the service creates no name either.
        cli("scale", "web=2", cwd=project, env=web.env)
        assert (web.names(), find_proxy(web.store)) == ([], None)
        # A joining service gets no names that lead nowhere.
        write(project, f"services: {{web: {{command: '{SERVE}'}}, api: {{command: '{SERVE}'}}}}")
        assert cli("up", "-d", cwd=project, env=web.env).returncode == 0
        rows = json.loads(cli("ps", "--json", cwd=project).stdout)["services"]
        named = {row["name"]: row for row in rows}
        for name in ("web", "api"):
            assert named[name]["url"] == f"http://127.0.0.1:{named[name]['port']}"
        api = cli("exec", "api", "--", "printenv", "PORTWEAVE_URL", cwd=project).stdout.strip()
        assert api == next(row["url"] for row in rows if row["name"] == "api")
    finally:
        cli("down", cwd=project)


LATER = """
import http.server, os, sys, time
time.sleep(float(sys.argv[1]))
port = int(sys.argv[2]) if len(sys.argv) > 2 else int(os.environ["PORT"])
http.server.test(http.server.SimpleHTTPRequestHandler, port=port, bind="127.0.0.1")
"""


def test_requests_wait_for_a_starting_service(
    web: Web,
    cli: "Cli",
    up: "StartUp",
    project: Path,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    (project / "later.py").write_text(LATER)
    elsewhere = reserve_ports(1).start
    python = "exec python3 -u later.py"
    write(
        project,
        f"""
services:
  slow: {{command: "{python} 0.5"}}
  other: {{command: "{python} 0 {elsewhere}"}}
  bad: {{command: "echo $PORT; exit 3", restart: "no"}}
  after: {{command: "{python} 0", dependsOn: [other], ready: {{tcp: true}}, hostname: after}}
""",
    )
    stack = up(project, env=web.env)
    web.proxy()
    eventually(lambda: len(web.names()) == 4)
    # The service starts, restarts, then stops.
    assert web.get("slow.shop.localhost")[0] == 200
    cli("restart", "slow", cwd=project)
    assert web.get("slow.shop.localhost")[0] == 200
    cli("stop", "slow", cwd=project)
    status, text = web.get("slow.shop.localhost")
    assert (status, "It is stopped" in text) == (503, True)
    assert "portweave why slow" in text
    # A failed service is reported at once with the reason.
    status, text = web.get("bad.shop.localhost")
    assert (status, "exited with status 3" in text) == (503, True), text
    # The page names the port of a service that listens elsewhere.
    stack.wait_for("other")
    status, text = web.get("other.shop.localhost")
    assert (status, f"it listens on {elsewhere}" in text) == (502, True), text
    assert stack.stop() == 130


@pytest.mark.slow
def test_names_go_when_all_processes_are_killed(
    web: Web, cli: "Cli", project: Path, eventually: Callable[[Callable[[], object]], None]
) -> None:
    write(project, f"services: {{web: {{command: '{SERVE}'}}}}")
    web.env["PORTWEAVE_PROXY_LINGER"] = "20s"
    assert cli("up", "-d", cwd=project, env=web.env).returncode == 0
    proxy = web.proxy()
    owner = web.store.load_routes()[0].pid
    family = [psutil.Process(owner), *psutil.Process(owner).children(recursive=True)]
    for process in family:
        # The remaining processes may have ended them already.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(family, 10)
    assert web.names() == []
    # The proxy checks once a second whether an owner is alive.
    eventually(lambda: web.get("web.shop.localhost")[0] == 404)
    # The killed stack has left its record; the next stack cleans up.
    assert cli("up", "-d", cwd=project, env=web.env).returncode == 0
    try:
        assert [route.port for route in web.store.load_routes_raw()] == [
            int(cli("port", "web", cwd=project).stdout)
        ]
        assert web.get("web.shop.localhost")[0] == 200
        assert proxy.is_running()
    finally:
        cli("down", cwd=project)


# It writes each answer at once: the proxy cannot retry an answer that has begun.
WHOLE = """
import http.server, os

class Handler(http.server.SimpleHTTPRequestHandler):
    wbufsize = 1 << 16

http.server.test(Handler, http.server.ThreadingHTTPServer, port=int(os.environ["PORT"]))
"""


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_a_restart_under_load_loses_no_request(web: Web, cli: "Cli", project: Path) -> None:
    (project / "whole.py").write_text(WHOLE)
    write(project, "services: {web: {command: python3 whole.py, stopSignal: SIGKILL}}")
    assert cli("up", "-d", cwd=project, env=web.env).returncode == 0
    statuses: list[object] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                statuses.append(web.get("web.shop.localhost")[0])
            except (OSError, http.client.HTTPException) as error:
                statuses.append(repr(error))

    callers = [threading.Thread(target=ask) for _ in range(8)]
    try:
        for caller in callers:
            caller.start()
        for _ in range(10):
            cli("restart", "web", cwd=project)
            cli("wait", "web", cwd=project)
    finally:
        is_over.set()
        for caller in callers:
            caller.join()
        cli("down", cwd=project)
    assert set(statuses) == {200}, [one for one in statuses if one != 200]
    assert len(statuses) > 100


def test_a_proxy_that_a_service_starts_outlives_the_stack(
    web: Web, up: "StartUp", project: Path
) -> None:
    command = f"{sys.executable} -Im portweave proxy start --port {web.port}"
    write(project, f"services: {{job: {{command: '{command}', oneshot: true, port: false}}}}")
    stack = up(project)
    assert stack.wait() == 0
    assert web.proxy().is_running()


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_two_state_folders_are_independent(
    cli: "Cli", tmp_path: Path, repo: Callable[[int], list[Path]]
) -> None:
    roots = repo(1)
    webs: list[Web] = []
    try:
        for number, root in enumerate(roots):
            write(root, f"services: {{web: {{command: '{SERVE}'}}}}")
            home = tmp_path / f"home-{number}"
            web = Web(home)
            web.env |= {"XDG_STATE_HOME": str(home / "state")}
            webs.append(web)
            done = cli("up", "-d", cwd=root, env=web.env)
            assert done.returncode == 0, done.stderr
        assert webs[0].names() == ["web.shop.localhost"]
        assert webs[1].names() == ["web.shop-1.shop.localhost"]
        assert webs[0].proxy() != webs[1].proxy()
        assert webs[0].get("web.shop-1.shop.localhost")[0] == 404
        assert webs[1].get("web.shop-1.shop.localhost")[0] == 200
    finally:
        for web, root in zip(webs, roots, strict=False):
            cli("down", cwd=root, env=web.env)
            stop(web.store)


@pytest.mark.chaos
@pytest.mark.timeout(180)
def test_a_stack_that_starts_while_the_proxy_ends_gets_a_proxy(
    web: Web, cli: "Cli", project: Path
) -> None:
    write(project, f"services: {{web: {{command: '{SERVE}'}}}}")
    web.env["PORTWEAVE_PROXY_LINGER"] = "100ms"
    for number in range(20):
        done = cli("up", "-d", cwd=project, env=web.env)
        assert done.returncode == 0, done.stderr
        assert web.get("web.shop.localhost")[0] == 200
        cli("down", cwd=project, env=web.env)
        # Each time at another moment of the proxy's end.
        time.sleep(number * 0.012)


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_stacks_that_start_together_share_one_proxy(
    web: Web, cli: "Cli", repo: Callable[[int], list[Path]]
) -> None:
    roots = repo(5)
    for root in roots:
        write(root, f"services: {{web: {{command: '{SERVE}'}}}}")
        (root / f"file-of-{root.name}").touch()
    argv = [*cli.argv, "up", "-d"]
    starts = [
        subprocess.Popen(argv, cwd=root, env=cli.env(web.env), stderr=subprocess.PIPE, text=True)
        for root in roots
    ]
    try:
        for root, start in zip(roots, starts, strict=True):
            said = start.communicate()[1]
            assert start.returncode == 0, said
            name = "shop" if root is roots[0] else f"{root.name}.shop"
            assert f"http://web.{name}.localhost:{web.port}\n" in said
            assert "PORTWEAVE_URL" not in said, "it listens where it was expected"
            assert f"file-of-{root.name}" in web.get(f"web.{name}.localhost")[1].splitlines()
        assert len(web.names()) == len(roots)
    finally:
        cli("down", "--all", cwd=roots[0])
