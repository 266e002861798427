"""A stack's names: registered with a proxy that ends when no stack is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.allocator.processes import started_at
from portweave.routes import RouteMapping, RouteStore
from portweave.supervisor.announce import register, wants_proxy, withdraw
from portweave.supervisor.paths import Hold, StackRecord
from portweave.supervisor.proxy.start import stop
from portweave.supervisor.proxy.station import find_proxy

if TYPE_CHECKING:
    from tests.conftest import Cli

ME = os.getpid()


def test_names_come_with_a_proxy_and_go(home: Path, environ: dict[str, str]) -> None:
    store = RouteStore(home / "state/portweave/proxy")
    try:
        store.add_route("db.shop.localhost", 5432, 0)
        found = register({"web.shop.localhost": 1, "db.shop.localhost": 2}, ME, environ)
        proxy = find_proxy(store)
        assert proxy is not None
        assert found.proxy_port == proxy.port
        assert found.warnings == (
            (
                "db.shop.localhost is an alias of port 5432:"
                " portweave alias --remove db.shop.localhost gives the name back"
            ),
        )
        assert store.load_routes() == [
            RouteMapping("db.shop.localhost", 5432, 0),
            RouteMapping("web.shop.localhost", 1, ME),
        ]
        again = register({"web.shop.localhost": 3}, os.getppid(), environ)
        assert again.warnings == (f"web.shop.localhost belongs to pid {ME} (port 1)",)
        withdraw(ME, environ)
        assert store.load_routes() == [RouteMapping("db.shop.localhost", 5432, 0)]
    finally:
        stop(store)


def test_a_stack_goes_on_without_names(home: Path, environ: dict[str, str]) -> None:
    assert register({}, ME, environ).proxy_port is None
    (home / "state/portweave/proxy/routes.flock").mkdir(parents=True)
    found = register({"web.shop.localhost": 1}, ME, environ)
    assert found.proxy_port is None
    assert found.warnings[0] == "no names: Failed to acquire route lock"
    withdraw(ME, environ)


def test_a_proxy_that_cannot_start_is_told_of(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    found = register({"web.shop.localhost": 1}, ME, environ)
    assert found.warnings[0].startswith("no names: the proxy did not start")


@pytest.mark.parametrize(("text", "wanted"), [("", True), ("1", True), ("0", False), ("no", False)])
def test_the_user_may_want_none(text: str, wanted: bool) -> None:
    assert wants_proxy({"PORTWEAVE_PROXY": text}) is wanted


CODE = """
import sys
from portweave.supervisor.proxy import serve
serve.IDLE_S, serve.LOOK_S = 0.3, 0.05
from portweave.cli import main
sys.exit(main(["proxy", "run", "--port", "0", "--for-stacks"]))
"""


def test_it_ends_when_no_stack_is_left(
    cli: "Cli", home: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder = f"{home}/state/portweave/stacks"
    with Hold(folder, "shop") as hold:
        hold.write(
            StackRecord(
                pid=ME,
                start=started_at(ME) or "",
                project="shop",
                namespace="main",
                root="/shop",
                ports={},
                tag="x",
            )
        )
        proxy = spawned([sys.executable, "-Ic", CODE], env=cli.env(), stderr=subprocess.PIPE)
        assert proxy.stderr is not None
        assert b"listens" in proxy.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            proxy.wait(0.8)
    assert proxy.wait(10) == 0


def test_without_a_stack_it_can_still_be_stopped(
    cli: "Cli", spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    words = ["-Im", "portweave", "proxy", "run", "--port", "0", "--for-stacks"]
    proxy = spawned([sys.executable, *words], env=cli.env(), stderr=subprocess.PIPE)
    assert proxy.stderr is not None
    assert b"listens" in proxy.stderr.readline()
    proxy.send_signal(signal.SIGTERM)
    assert proxy.wait(5) == 0
