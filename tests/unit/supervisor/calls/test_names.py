"""What an address names."""

import pytest

from portweave.errors import BadPath, ConnectionNotFound, NameTaken
from portweave.supervisor.calls.names import (
    MOST_ROUTES,
    Names,
)
from portweave.supervisor.calls.state import Peer


def shop() -> Names:
    """Two instances of `api`, the default `web`, and `db`, which cannot be called."""
    names = Names(lambda name: f"token of {name}" if name != "gone" else "")
    names.reserve("api", "api", number=1, askable=True, default=False)
    names.reserve("api.2", "api", number=2, askable=True, default=False)
    names.reserve("web", "web", number=1, askable=True, default=True)
    names.reserve("db", "db", number=1, askable=False, default=False)
    names.reserve("gone", "gone", number=1, askable=True, default=False)
    return names


@pytest.mark.parametrize(
    ("address", "group", "member", "method"),
    [
        ("api/users/7", "api", None, b'"users/7"'),
        ("/api/users", "api", None, b'"users"'),
        ("api", "api", None, b'""'),
        ("api.1/x", "api", "api", b'"x"'),
        ("api.2/x", "api", "api.2", b'"x"'),
        ("%61pi/a%2Fb", "api", None, b'"a%2Fb"'),
        ("api/$/hello", "api", None, b'"/$/hello"'),
        ("other/x", "web", None, b'"other/x"'),
        ("web/x", "web", None, b'"web/x"'),
        ("db/x", "web", None, b'"db/x"'),
    ],
)
def test_an_address_names_a_connection(
    address: str, group: str, member: str | None, method: bytes
) -> None:
    names = shop()
    found, one, asked = names.route(address)
    assert (found.name, one.name if one else None, asked) == (group, member, method)
    assert names.routes == {address: (found, one, asked)}


@pytest.mark.parametrize(
    ("to", "path", "group", "member", "method"),
    [
        ("api", "users/7", "api", None, b'"users/7"'),
        ("api", "/users/7", "api", None, b'"users/7"'),
        ("api", "", "api", None, b'""'),
        ("api", "api/x", "api", None, b'"api/x"'),
        ("api.2", "x", "api", "api.2", b'"x"'),
        ("api", "$/hello", "api", None, b'"/$/hello"'),
        ("web", "x", "web", None, b'"x"'),
    ],
)
def test_a_connection_may_be_named_apart(
    to: str, path: str, group: str, member: str | None, method: bytes
) -> None:
    names = shop()
    found, one, asked = names.route(path, to)
    assert (found.name, one.name if one else None, asked) == (group, member, method)
    assert names.routes == {(to, path): (found, one, asked)}


@pytest.mark.parametrize("to", ["", "other", "db", "API", "ap", "api/users", "%61pi", "web.2"])
def test_a_name_given_apart_never_means_the_default(to: str) -> None:
    names = shop()
    with pytest.raises(ConnectionNotFound, match="there are api, gone"):
        names.route("x", to)
    assert names.routes == {}


@pytest.mark.parametrize(
    ("address", "error"), [("other/x", ConnectionNotFound), ("%zz/x", BadPath)]
)
def test_an_address_may_name_no_connection(address: str, error: type[Exception]) -> None:
    names = Names(lambda _: "")
    names.reserve("api", "api", number=1, askable=True, default=False)
    with pytest.raises(error):
        names.route(address)
    assert names.routes == {}


def test_remembered_routes_are_bounded_and_cleared_when_names_change() -> None:
    names = shop()
    for number in range(MOST_ROUTES + 1):
        names.route(f"api/{number}")
    assert list(names.routes) == [f"api/{MOST_ROUTES}"]
    names.join(Peer(), "guest", None)
    assert names.routes == {}
    names.route("guest/x")
    names.remove(names["guest"])
    assert names.routes == {}


@pytest.mark.parametrize(
    ("name", "token", "why"),
    [
        ("api", "wrong", "needs its own token"),
        ("api", None, "needs its own token"),
        ("gone", "", "needs its own token"),
        ("supervisor", None, "is not free"),
        ("api.1", None, "is not free"),
        ("taken", None, "is already joined"),
    ],
)
def test_a_taken_or_reserved_name_is_refused(name: str, token: object, why: str) -> None:
    names = shop()
    names.join(Peer(), "taken", None)
    peer = Peer()
    with pytest.raises(NameTaken, match=why):
        names.join(peer, name, token)
    assert peer.name is None


def test_a_group_goes_with_its_last_name() -> None:
    names = shop()
    peer = Peer()
    names.join(peer, "api", "token of api")
    assert (peer.name, names["api"].peers) == ("api", [peer])
    names.remove(names["api"])
    assert names.route("api/x")[0].name == "api"
    assert names.route("api.1/x")[0].name == "web"
    names.remove(names["api.2"])
    assert names.route("api/x")[0].name == "web"
