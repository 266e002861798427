"""The names of a stack, and the proxy that ends after the last stack."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from portweave.planning.url_names import wants_names
from portweave.routes import RouteMapping, RouteStore
from portweave.supervisor.proxy.announce.announcer import Announcer
from portweave.supervisor.proxy.announce.register import register
from portweave.supervisor.proxy.announce.spawner import ProxySpawner
from portweave.supervisor.proxy.process.start_proxy import stop
from portweave.supervisor.registry.stack_lock import StackLock
from portweave.supervisor.services.work_order import RouteSettings
from portweave.system.tasks import Group
from tests.support.stack_records import make_record

if TYPE_CHECKING:
    from portweave.supervisor.services.fleet import Fleet
    from tests.support.commands import Cli

ME = os.getpid()


@pytest.fixture
def store(home: Path) -> Iterator[RouteStore]:
    """The user's route store; its proxy ends with the test."""
    store = RouteStore(home / "state/portweave/proxy", private=True)
    yield store
    stop(store)


def test_registering_adds_and_removes_names(store: RouteStore) -> None:
    store.add_route("db.shop.localhost", 5432, 0)
    naming = RouteSettings(store.dir, ME, 1355)
    found = register({"web.shop.localhost": 1, "db.shop.localhost": 2}, naming, None)
    assert found.names == {"web.shop.localhost"}
    assert found.taken == {"db.shop.localhost"}
    assert found.warnings == (
        "no proxy runs, so names lead nowhere: portweave proxy start",
        (
            "db.shop.localhost is an alias of port 5432:"
            " portweave alias --remove db.shop.localhost gives the name back"
        ),
    )
    alias = RouteMapping("db.shop.localhost", 5432, 0)
    assert store.load_routes() == [alias, RouteMapping("web.shop.localhost", 1, ME)]
    other = RouteSettings(store.dir, os.getppid(), 1355)
    again = register({"web.shop.localhost": 3}, other, None)
    assert again.warnings[-1] == f"web.shop.localhost belongs to pid {ME} (port 1)"
    register({"api.shop.localhost": 4}, naming, None)
    assert store.load_routes() == [alias, RouteMapping("api.shop.localhost", 4, ME)]
    assert register({}, naming, None).warnings == ()
    assert store.load_routes() == [alias]


@pytest.mark.parametrize(
    "left", [None, "[]", '[{"hostname": "other.localhost", "port": 7, "pid": 0}]']
)
def test_names_that_another_program_removed_are_registered_again(
    store: RouteStore, left: str | None
) -> None:
    plan = SimpleNamespace(name="web", hostname="web.shop.localhost", port=3, wildcard=False)
    fleet = cast("Fleet", SimpleNamespace(plans={"web": plan}, removed=frozenset[str]()))
    mine = RouteMapping("web.shop.localhost", 3, ME)

    def lose() -> None:
        file = Path(store.get_routes_path())
        file.unlink()
        if left is not None:
            file.write_text(left)

    async def scene() -> None:
        announcer = Announcer(RouteSettings(store.dir, ME, 1355), None, lambda _: None)
        announcer.update(fleet)
        async with Group() as tasks:
            tasks.start(announcer.run)
            await announcer.registered.wait()
            lose()
            assert mine not in store.load_routes()
            announcer.check_file()
            while mine not in store.load_routes():  # noqa: ASYNC110 (another thread writes it)
                await asyncio.sleep(0.01)
            await announcer.close()

    asyncio.run(asyncio.wait_for(scene(), 10))
    assert len(store.load_routes()) == ("other" in (left or ""))


def test_a_stack_runs_without_names_if_the_store_fails(store: RouteStore) -> None:
    Path(store.dir, "routes.flock").mkdir(parents=True)
    found = register({"web.shop.localhost": 1}, RouteSettings(store.dir, ME, 1355), None)
    assert found.proxy_port is None
    assert found.warnings[0] == "no names: Failed to acquire route lock"


def test_a_proxy_that_cannot_start_gives_a_warning(
    store: RouteStore, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    starter = ProxySpawner(("/bin/sh", "-c", "echo no wheels >&2; exit 3"))
    wake = os.dup(starter.wake)
    starter.start()
    starter.close()
    try:
        found = register({"web.shop.localhost": 1}, RouteSettings(store.dir, ME, 1355), wake)
    finally:
        os.close(wake)
    assert found.warnings[0].startswith("no names: the proxy did not start")
    assert "no wheels" in found.warnings[0]


@pytest.mark.parametrize(("text", "wanted"), [("", True), ("1", True), ("0", False), ("no", False)])
def test_the_user_can_turn_names_off(text: str, wanted: bool) -> None:
    assert wants_names({"PORTWEAVE_PROXY": text}) is wanted


def test_the_proxy_ends_after_the_last_stack(
    cli: "Cli", home: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder = f"{home}/state/portweave/stacks"
    with StackLock(folder, "shop") as lock:
        lock.write(make_record("/shop", tag="x"))
        words = ["proxy", "run", "--port", "0", "--for-stacks", "--linger", "300ms"]
        proxy = spawned([*cli.argv, *words], env=cli.env(), stderr=subprocess.PIPE)
        assert proxy.stderr is not None
        assert b"listens" in proxy.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            proxy.wait(0.8)
    assert proxy.wait(10) == 0


def test_a_signal_stops_the_proxy_without_a_stack(
    cli: "Cli", spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    words = ["-Im", "portweave", "proxy", "run", "--port", "0", "--for-stacks"]
    proxy = spawned([sys.executable, *words], env=cli.env(), stderr=subprocess.PIPE)
    assert proxy.stderr is not None
    assert b"listens" in proxy.stderr.readline()
    proxy.send_signal(signal.SIGTERM)
    assert proxy.wait(5) == 0
