"""Health: what portweave reports while services start, and when they no longer answer."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import StartUp

Eventually = Callable[..., None]

# Listens while the file `on` exists, on its own port or that of the file `elsewhere`. Prints an
# error when it stops listening, if the file `error` exists.
SERVER = """
import os, socket, sys, time
def await_file(there):
    while os.path.exists("on") is not there:
        time.sleep(0.02)
while True:
    await_file(True)
    port = 0 if os.path.exists("elsewhere") else int(os.environ[sys.argv[1]])
    with socket.create_server(("127.0.0.1", port)):
        open("listens", "w").close()
        await_file(False)
    if os.path.exists("error"):
        print("SyntaxError: invalid syntax", flush=True)
"""
READS = f"app: {sys.executable} server.py PORT # reads PORT\n"
# Neither the command nor its script shows that it listens.
QUIET = f'app: {sys.executable} server.py "$(echo P)ORT"\n'


@pytest.fixture
def server(project: Path) -> Path:
    (project / "server.py").write_text(SERVER)
    return project


def state_of(detached: "Detached") -> str:
    return str(detached.ps()["app"]["state"])


def test_a_server_whose_script_reads_its_port_is_ready_when_it_listens(
    server: Path, detached: "Detached", eventually: Eventually
) -> None:
    (server / "server.py").write_text(f"# PORT\n{SERVER}")
    write(server, f'app: {sys.executable} server.py "$(echo P)ORT"\n', "Procfile")
    up = detached.beside("up", "-d")
    eventually(lambda: detached.record() and "app" in detached.ps())
    detached("wait", "--timeout", "1500ms", status=124)
    assert state_of(detached) == "starting"
    (server / "on").touch()
    assert "app ready on" in up.communicate(timeout=20)[1]
    (server / "on").unlink()
    # It is not ready at once after a restart either.
    said = detached("restart", "--wait", "--timeout", "300ms", status=124).stderr
    assert "nothing of it listens on port" in said
    (server / "on").touch()
    assert "app is ready" in detached("wait").stderr
    detached.down()


@pytest.mark.slow
def test_a_command_that_has_listened_once_is_expected_to_listen_again(
    server: Path, detached: "Detached", eventually: Eventually
) -> None:
    write(server, QUIET, "Procfile")
    (server / "on").touch()
    assert "app ready on" in detached.up()
    detached.down()
    (server / "on").unlink()
    up = detached.beside("up", "-d")
    eventually(lambda: detached.record() and "app" in detached.ps())
    detached("wait", "--timeout", "2s", status=124)
    (server / "on").touch()
    assert "app ready on" in up.communicate(timeout=20)[1]
    detached.down()
    (server / "on").unlink()
    # It has not listened in time, so it is ready without a listener, and none is expected again.
    assert "no listener" in detached.up("--timeout", "1500ms")
    began_s = time.monotonic()
    detached("restart", "--wait")
    assert time.monotonic() - began_s < 10
    assert detached.ps()["app"]["reason"] == "no listener"
    detached.down()


@pytest.mark.slow
def test_a_lost_listener_is_unhealthy_until_it_listens_again(
    server: Path, up: "StartUp", detached: "Detached", eventually: Eventually
) -> None:
    write(server, READS, "Procfile")
    (server / "on").touch()
    stack = up(server)
    stack.wait_for("app ready on")
    (server / "on").unlink()
    eventually(lambda: state_of(detached) == "unhealthy")
    assert "unhealthy" not in stack.said
    reason = str(detached.ps()["app"]["reason"])
    assert "nothing of it listens on port" in reason
    assert reason in detached("wait", "--timeout", "100ms", status=124).stderr
    assert reason in detached("why", "app").stdout
    (server / "on").touch()
    assert "app is ready" in detached("wait").stderr
    # It was a reload, which is not reported.
    assert "again" not in stack.said
    (server / "error").touch()
    (server / "on").unlink()
    stack.wait_for("app is unhealthy: nothing of it listens")
    stack.wait_for("it printed: SyntaxError: invalid syntax")
    (server / "on").touch()
    stack.wait_for("app is ready again")
    assert stack.stop() == 130


@pytest.mark.slow
def test_a_lost_listener_without_an_error_is_reported_once_it_can_be_no_reload(
    server: Path, up: "StartUp"
) -> None:
    write(server, READS, "Procfile")
    (server / "on").touch()
    stack = up(server)
    stack.wait_for("app ready on")
    (server / "on").unlink()
    stack.wait_for("app is unhealthy: nothing of it listens", timeout_s=20)
    assert stack.stop() == 130


def test_a_listener_on_another_port_is_reported_within_two_seconds(
    server: Path, up: "StartUp"
) -> None:
    write(server, READS, "Procfile")
    (server / "elsewhere").touch()
    (server / "on").touch()
    stack = up(server)
    stack.wait_for("app listens on port")
    assert time.time() - (server / "listens").stat().st_mtime < 2
    assert stack.stop() == 130


# Records requests, and answers as the file says. Prints the content of the file `says` once.
ANSWERS = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("asked", "a") as file:
            file.write(self.headers["User-Agent"] + "\\n")
        self.send_response(500 if os.path.exists("ill") else 200)
        self.end_headers()
        if os.path.exists("ill"):
            print("error: it is ill", flush=True)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.timeout = 0.05
while True:
    server.handle_request()
    if os.path.exists("says"):
        os.unlink("says")
        print("error: something", flush=True)
"""


@pytest.mark.slow
def test_explicit_probes_run_rarely_and_at_once_on_a_sign_of_trouble(
    project: Path, detached: "Detached", eventually: Eventually
) -> None:
    (project / "server.py").write_text(ANSWERS)
    write(
        project, f"services: {{app: {{command: {sys.executable} server.py, ready: {{http: /}}}}}}"
    )
    detached.up()

    def requests() -> list[str]:
        return (project / "asked").read_text().splitlines()

    assert set(requests()) == {"portweave"}
    before = len(requests())
    # This is longer than the pause between two probes during the start.
    time.sleep(2.5)
    assert len(requests()) == before
    (project / "says").touch()
    eventually(lambda: len(requests()) == before + 1)
    (project / "ill").touch()

    def is_unhealthy() -> bool:
        # Output so soon after a probe may be about the probe, and causes no other one.
        (project / "says").touch()
        return state_of(detached) == "unhealthy"

    eventually(is_unhealthy)
    before = len(requests())
    time.sleep(2.5)
    # The last touches may belong to something else.
    assert len(requests()) <= before + 2
    assert detached.ps()["app"]["restarts"] == 0
    (project / "ill").unlink()
    (project / "says").touch()
    eventually(lambda: state_of(detached) == "ready")
    detached.down()


VERDICT = """
services:
  bad: {command: exit 3, restart: "no", port: false}
  slow:
    command: while [ ! -e on ]; do sleep 0.05; done; echo up; exec sleep 1000
    port: false
    ready: {log: up}
"""


def test_up_waits_until_the_state_of_all_services_is_known(
    project: Path, detached: "Detached", eventually: Eventually
) -> None:
    write(project, VERDICT)
    up = detached.beside("up", "-d")
    eventually(lambda: detached.record() and detached.ps().get("bad", {}).get("state") == "failed")
    (project / "on").touch()
    said = up.communicate(timeout=20)[1]
    assert up.returncode == 1
    assert "slow ready (" in said
    assert "not ready: bad is failed: exited with status 3 (PW1007)" in said
    detached.remember_processes()
    detached.down()


@pytest.mark.slow
def test_up_that_fails_fast_says_how_to_wait_on(project: Path, detached: "Detached") -> None:
    write(project, VERDICT)
    said = detached("up", "-d", "--fail-fast", status=1).stderr
    assert "not ready: bad is failed: exited with status 3; slow is starting" in said
    assert "portweave wait slow" in said
    # The same if the stack runs already.
    assert "portweave wait slow" in detached("up", "-d", "--fail-fast", status=1).stderr
    (project / "on").touch()
    detached("wait", "slow")
    detached.down()


def test_up_in_the_foreground_does_not_fail_fast(project: Path, detached: "Detached") -> None:
    write(project, VERDICT)
    assert "--fail-fast needs --detach" in detached("up", "--fail-fast", status=1).stderr


@pytest.mark.slow
def test_restart_and_start_wait_if_asked_to(project: Path, detached: "Detached") -> None:
    write(project, VERDICT)
    (project / "on").touch()
    detached("up", "-d", "slow")
    assert "slow is ready" in detached("restart", "--wait", "slow").stderr
    rows = json.loads(detached("restart", "--wait", "--json", "slow").stdout)["services"]
    assert [row["state"] for row in rows] == ["ready"]
    assert "bad is failed" in detached("start", "--wait", "bad", status=1).stderr
    (project / "on").unlink()
    said = detached("restart", "--wait", "--timeout", "200ms", "slow", status=124).stderr
    assert "slow is starting: no line matches 'up'" in said
    said = detached("start", "--timeout", "1s", status=1).stderr
    assert "--timeout says how long --wait waits" in said
    detached.down()
