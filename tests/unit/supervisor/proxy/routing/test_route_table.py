"""The routes of a folder, read as rarely as possible."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from portweave.routes import RouteStore
from portweave.supervisor.proxy.routing.route_table import Table

ME = os.getpid()


def test_requests_of_one_wait_share_one_look_at_the_file(tmp_path: Path) -> None:
    store = RouteStore(tmp_path)
    table = Table(store)

    def names() -> list[str]:
        return [route.hostname for route in table.routes()]

    store.add_route("a.localhost", 1, 0)
    assert names() == ["a.localhost"]
    # Without a count of waits, each request looks at the file.
    store.add_route("b.localhost", 2, 0)
    assert names() == ["a.localhost", "b.localhost"]
    now = 1
    table.get_wait_count = lambda: now
    assert len(names()) == 2
    store.remove_route("b.localhost")
    assert len(names()) == 2
    now = 2
    assert names() == ["a.localhost"]


@pytest.mark.parametrize("left", ["", "[", '[{"hostname": "b.localhost", "po', "null", "junk"])
def test_a_file_left_half_written_drops_no_live_route(tmp_path: Path, left: str) -> None:
    table, store = table_of(tmp_path)
    path = tmp_path / "routes.json"
    assert names_of(table) == ["a.localhost", "b.localhost"]
    (tmp_path / "routes.json.copy").unlink()
    path.write_text(left)
    for _ in range(2):
        assert names_of(table) == ["a.localhost", "b.localhost"]
    # Whole again, it counts at once.
    store.add_route("c.localhost", 3, ME)
    path.write_text('[{"hostname": "c.localhost", "port": 3, "pid": 0}]')
    assert names_of(table) == ["c.localhost"]


def test_what_can_be_read_of_a_half_written_file_counts(tmp_path: Path) -> None:
    table, _ = table_of(tmp_path)
    names_of(table)
    (tmp_path / "routes.json").write_text('[{"hostname": "b.localhost", "port": 7, "pid": 0}, {"h')
    assert {(route.hostname, route.port) for route in table.routes()} == {
        ("b.localhost", 7),
        ("a.localhost", 1),
    }


def test_a_dead_owner_goes_from_a_half_written_file_too(tmp_path: Path) -> None:
    now_s = time.time()
    store = RouteStore(tmp_path)
    table = Table(store, lambda: now_s)
    with subprocess.Popen(["sleep", "60"]) as owner:  # noqa: S607
        store.add_route("a.localhost", 1, owner.pid)
        store.add_route("b.localhost", 2, ME)
        (tmp_path / "routes.json").write_text("")
        # The first look finds the copy.
        assert names_of(table) == ["a.localhost", "b.localhost"]
        owner.kill()
    now_s += 2
    assert names_of(table) == ["b.localhost"]


def test_a_file_that_cannot_be_read_for_now_drops_no_route(tmp_path: Path) -> None:
    table, _ = table_of(tmp_path)
    names_of(table)
    (tmp_path / "routes.json").unlink()
    (tmp_path / "routes.json").mkdir()
    assert names_of(table) == ["a.localhost", "b.localhost"]
    (tmp_path / "routes.json").rmdir()
    assert names_of(table) == []


def table_of(folder: Path) -> tuple[Table, RouteStore]:
    store = RouteStore(folder)
    store.add_route("a.localhost", 1, ME)
    store.add_route("b.localhost", 2, ME)
    return Table(store), store


def names_of(table: Table) -> list[str]:
    return [route.hostname for route in table.routes()]
