"""The parsing of Host fields, and the route of a host."""

import pytest

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.routing.host_table import (
    Directory,
    is_our_concern,
    split_host,
)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        (b"a.localhost", ("a.localhost", "")),
        (b"A.LocalHost:1355", ("a.localhost", "1355")),
        (b"a.localhost.", ("a.localhost", "")),
        (b"a.localhost.:80", ("a.localhost", "80")),
        (b"a.localhost:", ("a.localhost", "")),
        (b"127.0.0.1:80", ("127.0.0.1", "80")),
        (b"[::1]:80", ("::1", "80")),
        (b"[::FFFF:1]", ("::ffff:1", "")),
        (b"", None),
        (b".", None),
        (b":80", None),
        (b"a b", None),
        (b"a/b", None),
        (b"u@a", None),
        (b"a:b", None),
        (b"a:123456", None),
        (b"a:1:2", None),
        (b"[]", None),
        (b"[::1", None),
        (b"[::1]x", None),
        (b"[g]", None),
        (b"\xc3\xa4", None),
        (b"a" * 261, None),
    ],
)
def test_a_host_field_is_split_into_name_and_port(
    host: bytes, found: tuple[str, str] | None
) -> None:
    assert split_host(host) == found


def test_the_first_route_of_a_name_is_used_in_any_case() -> None:
    routes = [RouteInfo("A.localhost", 1), RouteInfo("a.localhost", 2), RouteInfo("localhost", 3)]
    for wildcard in (False, True):
        assert Directory(routes, wildcard=wildcard).find("a.localhost") is routes[0]
    assert Directory(routes[:2], wildcard=True).find("xa.localhost") is None
    assert Directory(routes, wildcard=True).find("x.b.localhost") is routes[2]
    assert Directory(routes, wildcard=False).find("x.b.localhost") is None
    assert Directory([RouteInfo("", 4)], wildcard=True).find("a.") is None


def test_a_route_may_cover_all_names_below_a_name() -> None:
    names = (
        "web.localhost",
        "*.web.localhost",
        "api.localhost",
        "x.web.localhost",
        "*.b.web.localhost",
    )
    web, below, _api, own, deeper = routes = [RouteInfo(name, n) for n, name in enumerate(names, 1)]
    found = Directory(routes, wildcard=False)
    assert found.find("web.localhost") is web
    assert found.find("a.web.localhost") is below
    assert found.find("a.x.web.localhost") is below
    assert found.find("x.web.localhost") is own
    assert found.find("a.b.web.localhost") is deeper
    assert found.find("a.api.localhost") is None
    assert Directory(routes, wildcard=True).find("a.api.localhost") is routes[2]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("x.localhost", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("xlocalhost", False),
        ("evil.example", False),
    ],
)
def test_foreign_names_are_recognised(name: str, ours: bool) -> None:
    assert is_our_concern(name, ["localhost"]) is ours
