"""The panel's HTTP answers, and the requests that it refuses."""

import errno
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.commands import Cli
from tests.support.panels import Panel
from tests.support.repository import REPOSITORY


def test_only_this_machine_can_connect(hardy: Panel) -> None:
    one = hardy
    listeners = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if line.split()[1].endswith(f":{one.port:04X}") and line.split()[3] == "0A"
    ]
    assert listeners == [f"0100007F:{one.port:04X}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to be somebody else")
def test_another_user_of_this_machine_gets_nothing(hardy: Panel) -> None:
    one = hardy
    request = f"GET / HTTP/1.0\\r\\nHost: 127.0.0.1:{one.port}\\r\\n\\r\\n"
    script = f"exec 3<>/dev/tcp/127.0.0.1/{one.port}; printf '{request}' >&3; cat <&3"
    argv = ["/bin/bash", "-c", script]
    own = subprocess.run(argv, capture_output=True, check=True, timeout=10)
    assert own.stdout.startswith(b"HTTP/1.1 200 ")
    other = subprocess.run(
        argv, capture_output=True, check=False, timeout=10, user=65_534, extra_groups=[]
    )
    assert other.stdout == b""


def test_every_answer_has_security_headers(hardy: Panel) -> None:
    one = hardy
    for method, path in (("GET", "/"), ("GET", "/nothing"), ("POST", "/api/prune"), ("PUT", "/")):
        headers = one.send(method, path)[1]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers
        assert "access-control-allow-origin" not in headers
    assert one.send("GET", "/")[1]["cache-control"] == "no-store"
    assert one.send("HEAD", "/")[0::2] == (200, b"")


READS = (
    "/",
    "/main.js",
    "/api/allocations",
    "/api/v1/worktrees",
    "/api/v1/stream",
    "/api/v1/logs?worktree=x",
    "/api/v1/environment?worktree=x",
)


CHANGES = (
    "/api/prune",
    "/api/open",
    "/api/v1/open",
    "/api/v1/reveal",
    "/api/v1/service",
    "/api/v1/scale",
    "/api/v1/stack",
)


def test_requests_of_other_pages_are_refused(hardy: Panel) -> None:
    one = hardy
    refusal = b'{"code":"PW0605","error":"request forbidden"}'
    own = {"X-Portweave-Csrf": one.token}
    for path in READS:
        for headers in (
            {"Host": f"evil.example:{one.port}"},
            {"Host": "127.0.0.1"},
            {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        ):
            assert one.send("GET", path, headers=headers)[0::2] == (403, refusal), (path, headers)
    for path in CHANGES:
        for headers in (
            {},
            {"X-Portweave-Csrf": "0" * 64},
            {**own, "Host": f"evil.example:{one.port}"},
            {**own, "Origin": "http://evil.example"},
            {**own, "Origin": "null"},
            {**own, "Origin": f"https://127.0.0.1:{one.port}"},
            {**own, "Sec-Fetch-Site": "same-site"},
        ):
            answer = one.send("POST", path, b"{}", headers)
            assert answer[0::2] == (403, refusal), (path, headers)
        # This is all that a form on another page can send.
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert one.send("POST", path, b"confirm=true", form)[0] == 403


def raw(one: Panel, data: bytes) -> bytes:
    """Return the answer to raw bytes."""
    with socket.create_connection(("127.0.0.1", one.port), timeout=10) as connection:
        found = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65_536):
                found += chunk
        except OSError as error:
            # It may close the connection at once, but it must close it.
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                raise
        return found


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/..%2fserver.py",
        "/%2e%2e/server.py",
        "/assets/../server.py",
        "//etc/passwd",
        "/vendor/../../server.py",
        "/vendor",
        "/vendor/",
        "/%",
        "/%00",
        "/main.js%00.html",
        "//",
        "/\\..\\server.py",
        "http://evil.example/etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_assets(hardy: Panel, path: str) -> None:
    host = f"Host: 127.0.0.1:{hardy.port}\r\nConnection: close\r\n\r\n"
    answer = raw(hardy, f"GET {path} HTTP/1.1\r\n{host}".encode())
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer
    assert b"root:" not in answer
    assert b"import" not in answer
    assert hardy.send("GET", "/main.js")[0] == 200


@pytest.fixture(scope="module")
def hardy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    folder = tmp_path_factory.mktemp("hardy")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    one = Panel(Cli(environ), folder)
    yield one
    one.end()


PIECES = st.sampled_from(
    [
        b"GET ", b"POST ", b"HEAD ", b"PRI * HTTP/2.0", b"/", b"/%", b"//", b"/api/prune", b"?",
        b"/api/v1/stream", b" HTTP/1.1", b" HTTP/9.9", b"\r\n", b"\n", b"\r\n\r\n", b"Host: x",
        b"Host: 127.0.0.1:{port}\r\n", b"X-Portweave-Csrf: {token}\r\n",
        b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999\r\n",
        b"Transfer-Encoding: chunked\r\n", b"fffffffff\r\n", b"0\r\n\r\n", b"{", b"{deep}",
        b'{"confirm":true,"gitCommonDir":null,"namespace":"x","worktreeRoot":"\\ud800"}',
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Expect: 100-continue\r\n",
        b"\x00", b"\xff\xfe", b"\x16\x03\x01", b"{long}",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(data=st.lists(PIECES | st.binary(max_size=20), max_size=12))
def test_any_input_leaves_the_panel_running(hardy: Panel, data: list[bytes]) -> None:
    text = b"".join(data).replace(b"{port}", str(hardy.port).encode())
    text = text.replace(b"{token}", hardy.token.encode())
    text = text.replace(b"{deep}", b"[" * 5000).replace(b"{long}", b"A" * 70_000)
    # A stream would not end.
    raw(hardy, text.replace(b"/api/v1/stream", b"/api/v1/streams"))
    assert hardy.send("GET", "/api/allocations")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/api/prune", b"", 400, "invalid request body"),
        ("/api/prune", b"x", 400, "invalid request body"),
        ("/api/prune", b"1", 400, "invalid request body"),
        ("/api/prune", b"[]", 400, "confirm required"),
        ("/api/prune", b'{"confirm": 1}', 400, "confirm required"),
        ("/api/prune", b'{"confirm": true}', 400, "invalid request body"),
        ("/api/prune", b"[" * 100_000, 400, "invalid request body"),
        ("/api/prune", b" " * (1 << 20) + b"{}", 400, "invalid request body"),
        ("/api/open", b"[]", 400, "invalid request body"),
        ("/api/open", b'{"target": "editor"}', 400, "invalid request body"),
        ("/api/open", b'{"target": "rm", "worktreeRoot": "/"}', 400, "invalid request body"),
        ("/api/open", b'{"target": "editor", "worktreeRoot": "/"}', 403, "path not allowed"),
        ("/api/nothing", b"", 404, "not found"),
        ("/api/v1/open", b'{"stream": "x", "worktrees": []}', 404, "no such stream"),
        ("/api/v1/service", b'{"worktree": "x"}', 404, "no such worktree"),
        ("/api/v1/scale", b'{"worktree": ["x"]}', 404, "no such worktree"),
        ("/api/v1/stack", b"{}", 404, "no such worktree"),
    ],
)
def test_an_invalid_request_is_reported(
    hardy: Panel, path: str, body: bytes, status: int, error: str
) -> None:
    headers = {"X-Portweave-Csrf": hardy.token}
    found, _, text = hardy.send("POST", path, body, headers)
    assert (found, json.loads(text)["error"]) == (status, error)


def test_only_the_folder_of_a_worktree_is_opened(hardy: Panel) -> None:
    body = {"target": "editor", "worktreeRoot": "/"}
    assert hardy.post("/api/open", body, status=403)["code"] == "PW0606"


def test_the_page_loads_all_of_its_modules_at_once(hardy: Panel) -> None:
    page = hardy.send("GET", "/")[2].decode()
    assets = REPOSITORY / "portweave" / "panel" / "assets"
    modules = {f"/{path.relative_to(assets)}" for path in assets.rglob("*.js")} - {"/theme.js"}
    assert set(re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)) == modules
    for path in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert hardy.send("GET", path)[0] == 200, path
