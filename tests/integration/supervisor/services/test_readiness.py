"""Readiness and dependencies of `portweave up`, with real probes and listeners."""

import json
import os
import re
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached
    from tests.support.ports import Pool
    from tests.support.running_stacks import StartUp


@pytest.mark.parametrize(
    ("ready", "prepare"),
    [
        ("{tcp: true}", ""),
        ("{http: /}", ""),
        ("{exec: test -e mark}", "touch mark; "),
        ("{exec: [test, -e, mark]}", "touch mark; "),
        ("{log: 'Serving HTTP on .* port [0-9]+'}", ""),
        ("{tcp: true, http: /, log: Serving}", ""),
    ],
    ids=["tcp", "http", "exec text", "exec list", "log", "several"],
)
def test_each_kind_of_readiness_is_found(
    project: Path, up: "StartUp", ready: str, prepare: str
) -> None:
    write(
        project,
        f"""
        services:
          api:
            command: sleep 0.2; {prepare}exec {SERVE}
            ready: {ready}
        """,
    )
    stack = up(project)
    stack.wait_for("api ready on ")
    assert stack.stop() == 130


# Neither the command nor its script shows the port of this program.
QUIET = """
import http.server, os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
if sys.argv[2:] and os.fork():
    os.wait()
address = ("127.0.0.1", int(os.environ["PO" "RT"]))
http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_listening_service_has_no_note_about_a_missing_listener(
    project: Path, detached: "Detached", eventually: "Callable[..., None]"
) -> None:
    (project / "quiet.py").write_text(QUIET)
    quiet = f"restart: always, command: {sys.executable} quiet.py"
    write(
        project,
        f"""
        services:
          api: {{{quiet} quiet.py}}
          child: {{{quiet} quiet.py fork}}
          late: {{{quiet} go}}
          mute: {{command: sleep 1000}}
        """,
    )
    said = detached.up()
    for name in ("api", "child"):
        assert f"{name} ready on {detached.ps()[name]['port']} (" in said
    assert said.count("no listener") == 2
    (project / "go").touch()
    eventually(lambda: detached.ps()["late"]["reason"] is None)
    assert detached.ps()["mute"]["reason"] == "no listener"
    assert {row["state"] for row in detached.ps().values()} == {"ready"}
    detached.down()


SERVE_TLS = """
import http.server, os, ssl
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])),
                                http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("own.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@pytest.mark.slow
def test_a_server_with_a_self_signed_certificate_becomes_ready(
    project: Path, up: "StartUp"
) -> None:
    (project / "own.pem").write_bytes(own_certificate("localhost"))
    (project / "server.py").write_text(SERVE_TLS)
    write(
        project,
        f"""
        services:
          api:
            command: {sys.executable} server.py
            ready: {{http: "https://localhost:${{api}}/", timeout: 10s}}
          plain:
            command: {SERVE}
            ready: {{http: "https://localhost:${{plain}}/", timeout: 1s}}
        """,
    )
    stack = up(project)
    stack.wait_for("api ready on ")
    stack.wait_for("plain failed: not ready after 1 s: https://localhost:")
    assert "Traceback" not in stack.said
    assert stack.stop() == 130


def own_certificate(name: str) -> bytes:
    """A key and a self-signed certificate, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, form, plain) + certificate.public_bytes(pem)


@pytest.mark.parametrize(
    ("ready", "reason"),
    [
        ("{tcp: true, timeout: 300ms}", "nothing of it listens on port"),
        ("{http: /, timeout: 300ms}", "nothing of it listens on port"),
        ("{exec: 'echo no luck; exit 4', timeout: 300ms}", "exited with status 4: no luck"),
        ("{log: never, timeout: 300ms}", "no line matches 'never'"),
    ],
    ids=["tcp", "http", "exec", "log"],
)
def test_a_service_that_never_becomes_ready_fails_with_the_last_answer(
    project: Path, up: "StartUp", ready: str, reason: str
) -> None:
    write(
        project,
        f"""
        services:
          api: {{command: echo starting; sleep 1000, ready: {ready}}}
          web: {{command: sleep 1000, dependsOn: [api]}}
        """,
    )
    stack = up(project)
    assert stack.wait() == 1
    assert "api failed: not ready after 0.3 s: " in stack.said
    assert reason in stack.said
    assert "web is blocked: api is " in stack.said
    assert stack.marked() == []


def test_a_listener_that_was_only_expected_may_be_late(project: Path, up: "StartUp") -> None:
    write(project, "web: sleep 1000 # $PORT\n", "Procfile")
    stack = up(project, "--timeout", "300ms")
    stack.wait_for("web is unhealthy: not ready after 0.3 s: nothing of it listens on port")
    assert stack.process.poll() is None
    assert stack.stop() == 130


LISTEN_LATER = """
import os, socket, sys, time
while not os.path.exists("now"):
    time.sleep(0.02)
with socket.create_server(("127.0.0.1", int(os.environ["PO" "RT"]) * (sys.argv[1] == "own"))):
    time.sleep(1000)
"""


def test_a_service_that_counted_as_ready_is_reported_with_its_other_ports(
    project: Path, up: "StartUp", cli: "Cli", eventually: Callable[..., None]
) -> None:
    (project / "serve.py").write_text(LISTEN_LATER)
    write(
        project,
        f"""
        services:
          own: {{command: "touch now; exec {sys.executable} serve.py own"}}
          other: {{command: "{sys.executable} serve.py other"}}
          late: {{command: "{sys.executable} serve.py own", workingDir: late}}
        """,
    )
    (project / "late/serve.py").parent.mkdir()
    (project / "late/serve.py").write_text(LISTEN_LATER)
    stack = up(project)
    stack.wait_for("late ready (")
    (project / "late/now").touch()

    def reasons() -> dict[str, str | None]:
        told = json.loads(cli("ps", "--json", cwd=project).stdout)
        return {service["name"]: service["reason"] for service in told["services"]}

    # On a slow machine the others may be late too.
    eventually(lambda: not reasons()["late"] and not reasons()["own"])
    eventually(lambda: re.fullmatch(r"given \d+, listens on \d+", reasons()["other"] or ""))
    assert stack.stop() == 130


def test_a_port_that_another_program_holds_is_named(
    project: Path, up: "StartUp", pool: "Pool"
) -> None:
    write(project, f"web: {SERVE}\n", "Procfile")
    first = up(project)
    first.wait_for("all ready")
    assert first.stop() == 130
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", pool.start))
        stranger.listen()
        stack = up(project)
        assert stack.wait() == 1
    assert f"web failed: its port {pool.start} is held by pid {os.getpid()} (" in stack.said


def test_a_failed_dependency_blocks_its_dependents(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          seed: {command: "false", oneshot: true, port: false}
          api: {command: sleep 1000, port: false, dependsOn: [seed]}
          web: {command: sleep 1000, port: false, dependsOn: [api]}
        """,
    )
    stack = up(project)
    assert stack.wait() == 1
    assert "api is blocked: seed is failed: exited with status 1" in stack.said
    assert "web is blocked: api is blocked" in stack.said
    assert "also failed or blocked: api, web (PW0903)" in stack.said


def test_a_probe_is_bounded_by_the_time_that_is_left(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          api:
            command: sleep 1000
            port: false
            ready: {exec: sleep 1000, timeout: 500ms, interval: 200ms}
        """,
    )
    stack = up(project)
    assert stack.wait(timeout_s=5) == 1
    assert "api failed: not ready after 0.5 s: its probes gave no answer in time" in stack.said


def test_a_server_that_answers_byte_by_byte_does_not_delay_the_stop(
    project: Path, up: "StartUp"
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        write(
            project,
            f"""
            services:
              api:
                command: sleep 1000
                port: false
                ready: {{http: "http://127.0.0.1:{port}/x", interval: 200ms}}
            """,
        )
        stack = up(project)
        # The server accepts, and never answers.
        connection, _ = listener.accept()
        with connection:
            assert stack.stop() == 130


def test_a_server_on_the_other_address_family_is_found(project: Path, up: "StartUp") -> None:
    command = f"{sys.executable} -u -m http.server $PORT --bind ::1"
    write(project, f"services: {{web: {{command: '{command}', ready: {{http: /}}}}}}")
    stack = up(project)
    stack.wait_for("web ready on ")
    assert stack.stop() == 130


def test_processes_that_a_probe_leaves_behind_are_ended(project: Path, up: "StartUp") -> None:
    write(
        project,
        """
        services:
          api:
            command: sleep 1000
            port: false
            ready: {exec: "setsid -f sleep 1001; false", timeout: 1s, interval: 100ms}
        """,
    )
    stack = up(project)
    assert stack.wait() == 1
    assert stack.marked() == []
