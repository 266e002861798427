"""`portweave proxy`, `routes` and `alias`."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import psutil
import pytest

from portweave.errors import ProxyAccessError
from portweave.planning.url_names import proxy_words
from portweave.routes import RouteStore
from portweave.supervisor.proxy.process import start_proxy as starting
from portweave.supervisor.proxy.process.proxy_files import (
    ProxyLock,
    open_store,
)
from tests.support.proxies import (
    Caller,
    Service,
    plain,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli


class Runner:
    """Runs proxies with one state folder."""

    def __init__(self, cli: "Cli", folder: Path) -> None:
        self.cli = cli
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, *args: str) -> int:
        """Run a proxy in the foreground; return its port."""
        argv = [*self.cli.argv, "proxy", "run", "--state-dir", str(self.folder), *args]
        process = subprocess.Popen(argv, env=self.cli.env(), stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "the proxy listens on http://127.0.0.1:" in line, line + process.stderr.read()
        return int(line.rpartition("127.0.0.1:")[2].split()[0])

    def stop(self, number: int = signal.SIGTERM) -> int:
        process = self.processes[-1]
        process.send_signal(number)
        return process.wait(10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def proxy(cli: "Cli", folder: Path) -> Iterator[Runner]:
    runner = Runner(cli, folder)
    yield runner
    for process in runner.processes:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service(plain, "127.0.0.1")
    yield made
    made.close()


def status_of(port: int, host: str) -> int:
    with Caller(port) as caller:
        caller.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        return int(caller.rest().split()[1])


def test_changes_of_routes_are_seen_at_once(proxy: Runner, folder: Path, service: Service) -> None:
    port = proxy("--port", "0")
    path = folder / "routes.json"
    assert status_of(port, "a.localhost") == 404
    store = RouteStore(folder)
    for _ in range(3):
        store.add_route("a.localhost", service.port, os.getpid())
        assert status_of(port, "a.localhost") == 200
        store.remove_route("a.localhost")
        assert status_of(port, "a.localhost") == 404
    text = f'[{{"hostname": "a.localhost", "port": {service.port}, "pid": 0}}]'
    for _ in range(3):
        path.write_text(text)  # in place
        assert status_of(port, "a.localhost") == 200
        path.write_text("[]".ljust(len(text)))  # with the same size
        assert status_of(port, "a.localhost") == 404
    other = folder / "other"
    other.write_text(text)
    path.unlink()
    assert status_of(port, "a.localhost") == 404
    other.rename(path)
    assert status_of(port, "a.localhost") == 200
    path.write_text("[")  # another program is writing it
    assert status_of(port, "a.localhost") == 200


def test_a_route_disappears_with_its_owner(
    proxy: Runner,
    folder: Path,
    service: Service,
    spawned: Callable[..., subprocess.Popen[bytes]],
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    port = proxy("--port", "0", "--wildcard")
    owner = spawned(["sleep", "60"])
    RouteStore(folder).add_route("a.localhost", service.port, owner.pid)
    assert status_of(port, "a.localhost") == 200
    assert status_of(port, "b.a.localhost") == 200
    owner.kill()
    eventually(lambda: status_of(port, "a.localhost") == 404)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_the_page_names_the_port_that_a_service_listens_on(
    proxy: Runner, folder: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    port = proxy("--port", "0")
    code = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
        "print(s.getsockname()[1], flush=True); time.sleep(60)"
    )
    # A shell, so that a child process listens.
    owner = spawned(
        ["/bin/sh", "-c", f'{sys.executable} -Ic "{code}"; true'], stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    real = int(owner.stdout.readline())
    RouteStore(folder).add_route("a.localhost", 1, owner.pid)
    with Caller(port) as caller:
        caller.send("GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n")
        answer = caller.rest().decode()
    assert " 502 " in answer
    assert f"it listens on {real}." in answer


def test_files_name_the_running_proxy_and_go_with_it(proxy: Runner, folder: Path) -> None:
    port = proxy("--port", "0")
    process = proxy.processes[-1]
    assert (folder / "proxy.pid").read_text() == str(process.pid)
    assert (folder / "proxy.port").read_text() == str(port)
    assert RouteStore(folder).has_our_proxy(process.pid)
    with socket.create_connection(("::1", port)):
        pass
    done = proxy.cli("proxy", "run", "--state-dir", folder, cwd=folder)
    assert done.returncode == 1
    assert "PW1105" in done.stderr
    assert proxy.stop() == 0
    assert not (folder / "proxy.pid").exists()
    assert not (folder / "proxy.port").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_proxy_despite_an_open_connection(proxy: Runner, number: int) -> None:
    port = proxy("--port", "0")
    with Caller(port) as idle:
        began_s = time.monotonic()
        [process] = proxy.processes
        # More signals do not disturb the end.
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.002)
        assert time.monotonic() - began_s < 2
        assert process.returncode == 0
        assert process.stderr is not None
        assert "Exception" not in process.stderr.read()
        assert idle.rest() == b""


def test_after_a_kill_the_next_proxy_takes_over(proxy: Runner, folder: Path) -> None:
    port = proxy("--port", "0")
    proxy.stop(signal.SIGKILL)
    assert (folder / "proxy.pid").exists()
    done = proxy.cli("proxy", "status", "--state-dir", folder, cwd=folder)
    assert (done.returncode, done.stdout.split(" (")[0]) == (1, "no proxy runs")
    assert proxy("--port", str(port)) == port


def test_a_requested_port_that_is_in_use_is_an_error(proxy: Runner, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        done = proxy.cli("proxy", "run", "--port", str(taken), "--state-dir", folder, cwd=Path("/"))
    assert done.returncode == 1
    assert "PW1104" in done.stderr
    assert not (folder / "proxy.pid").exists()


def test_start_status_and_stop(cli: "Cli", home: Path, tmp_path: Path) -> None:
    started = cli("proxy", "start", cwd=tmp_path, env={"PORTWEAVE_NAMESPACE": "x"})
    try:
        assert started.returncode == 0, started.stderr
        folder = home / "state/portweave/proxy"
        pid, port = (int((folder / f"proxy.{what}").read_text()) for what in ("pid", "port"))
        assert 1355 <= port < 1455
        assert folder.stat().st_mode & 0o777 == 0o700
        again = cli("proxy", "start", cwd=tmp_path)
        assert f"runs already, and listens on http://127.0.0.1:{port} (pid {pid})" in again.stderr
        wish = {"PORTWEAVE_PROXY_PORT": str(port + 1)}
        for words, env in (((), wish), (("--port", str(port + 1)), {})):
            other = cli("proxy", "start", *words, cwd=tmp_path, env=env)
            assert other.returncode == 1
            assert f"(pid {pid}), and listens on port {port} (PW1105)" in other.stderr
        same = cli("proxy", "start", "--port", str(port), cwd=tmp_path, env=wish)
        assert same.returncode == 0
        strange = cli("proxy", "start", "--linger", "abc", cwd=tmp_path)
        assert strange.returncode == 1
        assert "--linger" in strange.stderr
        done = cli("proxy", "status", "--json", cwd=tmp_path)
        status = json.loads(done.stdout)
        assert (status["running"], status["pid"], status["port"]) == (True, pid, port)
        if os.path.exists("/proc"):
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"PORTWEAVE_" not in environ
            assert os.getsid(pid) == pid
    finally:
        stopped = cli("proxy", "stop", cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    assert not (folder / "proxy.pid").exists()
    assert "no proxy runs" in cli("proxy", "stop", cwd=tmp_path).stderr
    assert cli("proxy", "status", cwd=tmp_path).returncode == 1


def test_concurrent_starts_make_one_proxy(cli: "Cli", folder: Path, tmp_path: Path) -> None:
    argv = [*cli.argv, "proxy", "start", "--port", "0", "--state-dir", str(folder)]
    starts = [
        subprocess.Popen(argv, env=cli.env(), stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    try:
        said = [process.communicate(timeout=20)[1] for process in starts]
        assert [process.returncode for process in starts] == [0] * 4, said
        pid = (folder / "proxy.pid").read_text()
        assert all(f"(pid {pid})" in text for text in said)
        assert sum("runs already" not in text for text in said) == 1
    finally:
        cli("proxy", "stop", "--state-dir", folder, cwd=tmp_path)


def test_a_proxy_that_starts_second_ends(
    cli: "Cli", folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("proxy", "start", "--port", "0", "--state-dir", folder, cwd=tmp_path).returncode == 0
    try:
        # As if the first proxy had started between the check and the start.
        monkeypatch.setattr(starting, "find_proxy", Mock(return_value=None))
        before = psutil.Process().children()
        running, is_new = starting.start(RouteStore(str(folder)), ["sleep", "1000"], os.environ)
        assert str(running.pid) == (folder / "proxy.pid").read_text()
        assert not is_new
        assert psutil.Process().children() == before
    finally:
        cli("proxy", "stop", "--state-dir", folder, cwd=tmp_path)


def test_a_failed_start_gives_the_reason(cli: "Cli", tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = str(stranger.getsockname()[1])
        done = cli("proxy", "start", "--port", port, cwd=tmp_path)
    assert done.returncode == 1
    error, hint, *_ = done.stderr.splitlines()
    assert error == (
        "[portweave] error: the proxy did not start: the proxy cannot listen on 127.0.0.1 port"
        f" {port}: Address already in use (PW1104) (PW1106)"
    )
    assert hint.startswith("[portweave] hint: --port chooses another")


@pytest.mark.parametrize(
    "words", ["proxy start", "proxy start --tls", "proxy run", "alias x 80", "trust --yes"]
)
def test_a_state_folder_that_cannot_be_created_is_reported(
    words: str, cli: "Cli", tmp_path: Path
) -> None:
    done = cli(*words.split(), "--state-dir", "/dev/null/x", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("[portweave] error: failed to write /dev/null/x: ")
    assert "(PW0305)" in done.stderr


def test_an_alias_without_a_proxy_says_so(cli: "Cli", tmp_path: Path, proxy: Runner) -> None:
    where = ("--state-dir", proxy.folder)
    assert (
        "no proxy runs: portweave proxy start"
        in cli("alias", "x", "80", *where, cwd=tmp_path).stderr
    )
    proxy("--port", "0")
    assert cli("alias", "x", "80", *where, cwd=tmp_path).stderr == ""


def test_a_foreign_program_on_the_port_is_left_alone(
    cli: "Cli", folder: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder.mkdir()
    stranger = spawned(["sleep", "60"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (folder / "proxy.pid").write_text(str(stranger.pid))
        (folder / "proxy.port").write_text(str(listener.getsockname()[1]))
        for action in ("stop", "run"):
            done = cli("proxy", action, "--state-dir", folder, cwd=folder)
            assert "PW1105" in done.stderr
        done = cli("proxy", "status", "--state-dir", folder, cwd=folder)
        assert "it is not portweave's: sleep 60" in done.stdout
    assert stranger.poll() is None


def test_an_alias_stays_until_it_is_removed(cli: "Cli", tmp_path: Path) -> None:
    done = cli("alias", "db", "5432", cwd=tmp_path)
    assert done.stdout == "http://db.localhost:1355\n"
    assert cli("routes", cwd=tmp_path).stdout == "http://db.localhost:1355\t5432\t-\n"
    rows = json.loads(cli("routes", "--json", cwd=tmp_path).stdout)["routes"]
    assert rows == [
        {"hostname": "db.localhost", "port": 5432, "pid": None, "url": "http://db.localhost:1355"}
    ]
    assert cli("alias", "--remove", "db", cwd=tmp_path).returncode == 0
    done = cli("alias", "--remove", "db", cwd=tmp_path)
    assert "PW1107" in done.stderr
    assert "no route is registered" in cli("routes", cwd=tmp_path).stderr


def test_an_alias_cannot_take_the_name_of_a_service(cli: "Cli", tmp_path: Path) -> None:
    store = RouteStore(tmp_path / "state")
    store.add_route("web.localhost", 1, os.getpid())
    options = ("--state-dir", tmp_path / "state")
    done = cli("alias", "web", "2", *options, cwd=tmp_path)
    assert "PW1101" in done.stderr
    assert "PW1107" in cli("alias", "--remove", "web", *options, cwd=tmp_path).stderr
    assert cli("alias", "web", "2", "--force", *options, cwd=tmp_path).returncode == 0
    assert store.load_routes()[0].pid == 0


@pytest.mark.parametrize(
    "words",
    [
        ("alias",),
        ("alias", "db"),
        ("alias", "db", "0"),
        ("alias", "db", "70000"),
        ("alias", "db", "x"),
        ("alias", "--remove", "db", "x"),
        ("proxy",),
        ("proxy", "dance"),
        ("proxy", "run", "--port", "x"),
        ("routes", "x"),
    ],
)
def test_invalid_arguments_are_refused(cli: "Cli", tmp_path: Path, words: tuple[str, ...]) -> None:
    done = cli(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "PW0601" in done.stderr


def test_a_bad_name_is_refused(cli: "Cli", tmp_path: Path) -> None:
    assert "PW1103" in cli("alias", "a_b", "1", cwd=tmp_path).stderr


def test_each_command_has_help(cli: "Cli", tmp_path: Path) -> None:
    for verb in ("proxy", "routes", "alias"):
        assert f"Usage: portweave {verb}" in cli(verb, "--help", cwd=tmp_path).stdout


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit(2)")
def test_the_proxy_survives_running_out_of_descriptors(proxy: Runner, folder: Path) -> None:
    port = proxy()
    process = proxy.processes[-1]
    service = Service(plain, "127.0.0.1")
    RouteStore(folder).add_route("a.localhost", service.port, 0)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (40, 40))
    crowd = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(100)]
    assert process.stderr is not None
    while "Too many open files" not in process.stderr.readline():
        assert process.poll() is None
    with Caller(taken=crowd[0]) as first:
        first.send("GET / HTTP/1.1\r\nHost: b.localhost\r\n\r\n")
        assert b" 404 " in first.answer()
    for client in crowd:
        client.close()
    with Caller(port) as last:
        last.send("GET / HTTP/1.1\r\nHost: a.localhost\r\n\r\n")
        assert b" 200 " in last.answer()
    service.close()
    assert proxy.stop() == 0
    # The error is reported, but not a thousand times a second.
    assert process.stderr.read().count("Too many open files") < 100


def test_a_proxy_for_one_user_does_not_count_as_one_for_all(
    proxy: Runner, cli: "Cli", folder: Path, tmp_path: Path
) -> None:
    proxy("--port", "0", "--any-user")
    of_folder = ("--state-dir", folder)
    assert cli("proxy", "start", "--any-user", *of_folder, cwd=tmp_path).returncode == 0
    status = json.loads(cli("proxy", "status", "--json", *of_folder, cwd=tmp_path).stdout)
    assert status["anyUser"] is True
    # As if another user than root had started it without the option.
    (folder / "proxy.any-user").unlink()
    status = json.loads(cli("proxy", "status", "--json", *of_folder, cwd=tmp_path).stdout)
    assert status["anyUser"] is False
    for env in ({}, {"PORTWEAVE_PROXY_ANY_USER": "1"}):
        flags = () if env else ("--any-user",)
        done = cli("proxy", "start", *flags, *of_folder, cwd=tmp_path, env=env)
        assert done.returncode == 1
        assert ProxyAccessError.code in done.stderr
    assert proxy.stop() == 0
    assert not (folder / "proxy.any-user").exists()


def test_the_proxy_of_stacks_serves_all_users_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path), "PORTWEAVE_PROXY_ANY_USER": "1"}
    assert "--any-user" in proxy_words(environ)
    assert "--any-user" not in proxy_words({"XDG_STATE_HOME": str(tmp_path)})
    store = open_store(None, environ)
    post = ProxyLock(store)
    try:
        post.write_files(1355)
        assert proxy_words(environ) == []
        assert "proxy start --any-user" in capsys.readouterr().err
        post.write_files(1355, any_user=True)
        assert proxy_words(environ) == []
        assert capsys.readouterr().err == ""
    finally:
        post.close()
