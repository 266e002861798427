"""The routes of a folder, looked at as seldom as can be."""

from pathlib import Path

from portweave.routes import RouteStore
from portweave.supervisor.proxy.table import Table


def test_what_comes_at_one_moment_is_answered_after_one_look(tmp_path: Path) -> None:
    store = RouteStore(tmp_path)
    table = Table(store)

    def names() -> list[str]:
        return [route.hostname for route in table.routes()]

    store.add_route("a.localhost", 1, 0)
    assert names() == ["a.localhost"]
    # Where moments cannot be told apart, each request has a look of its own.
    store.add_route("b.localhost", 2, 0)
    assert names() == ["a.localhost", "b.localhost"]
    now = 1
    table.moment = lambda: now
    assert len(names()) == 2
    store.remove_route("b.localhost")
    assert len(names()) == 2
    now = 2
    assert names() == ["a.localhost"]
