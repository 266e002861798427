"""What services are called in URLs."""

from pathlib import Path

import pytest

from portweave.allocator.worktree import Worktree
from portweave.errors import UsageError
from portweave.planning.stack_request import StackNames
from portweave.planning.url_names import (
    Names,
    names_of,
)
from portweave.procfiles.model import Origin, Service
from portweave.supervisor.proxy.process.proxy_files import (
    url_to_be,
    wanted_port,
)

WORKTREE = Worktree("/code/shop", "/code/shop/.git", "/code/shop", "main")


def test_the_user_may_choose_the_port() -> None:
    assert wanted_port({}) is None
    assert wanted_port({"PORTWEAVE_PROXY_PORT": "8080"}) == 8080


@pytest.mark.parametrize("text", ["0", "x", "65536", "-1", "1 ", "\u0661"])
def test_an_invalid_proxy_port_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="PORTWEAVE_PROXY_PORT takes 1 to 65535"):
        wanted_port({"PORTWEAVE_PROXY_PORT": text})


def test_a_running_stack_keeps_its_names() -> None:
    settled = StackNames("shop", "shop-1a2b.localhost", 1357)
    names = names_of("shop", WORKTREE, {"HOME": "/nowhere"}, settled)
    assert (names.domain, names.port) == ("shop-1a2b.localhost", 1357)
    # Not under another project's name.
    env = {"HOME": "/nowhere", "PORTWEAVE_PROXY_PORT": "4"}
    names = names_of("bazaar", WORKTREE, env, settled)
    assert (names.domain, names.port) == ("bazaar.localhost", 4)


def test_a_running_stack_keeps_its_scheme(tmp_path: Path) -> None:
    settled = StackNames("shop", "shop.localhost", 1, "https")
    env = {"HOME": "/nowhere", "XDG_STATE_HOME": str(tmp_path)}
    names = names_of("shop", WORKTREE, env, settled)
    web = Service("web", Origin("/code/shop/portweave.yaml"), env_var="WEB_PORT")
    assert names.url(web, 1) == "https://web.shop.localhost:1"
    # Its services are started before the proxy, and find the CA all the same.
    own = tmp_path / "portweave/proxy/ca.pem"
    assert names.variables["NODE_EXTRA_CA_CERTS"] == str(own)
    assert own.exists()


@pytest.mark.parametrize(
    ("text", "scheme"), [("1", "https"), ("TRUE", "https"), ("0", "http"), ("", "http")]
)
def test_the_user_may_choose_https(tmp_path: Path, text: str, scheme: str) -> None:
    env = {"HOME": "/nowhere", "XDG_STATE_HOME": str(tmp_path), "PORTWEAVE_TLS": text}
    env["PORTWEAVE_PROXY_PORT"] = "4"
    assert names_of("shop", WORKTREE, env).scheme == scheme
    assert url_to_be("a.localhost", env) == f"{scheme}://a.localhost:4"
    del env["PORTWEAVE_PROXY_PORT"]
    assert url_to_be("a.localhost", env) == f"{scheme}://a.localhost:1355"


def test_an_instance_without_a_route_has_no_url() -> None:
    names = Names("shop", "shop.localhost", 1355)
    here = Origin("/code/shop/portweave.yaml")
    web = Service("web", here, env_var="WEB_PORT", hostname="Site_1")
    assert names.url(web, 2) == "http://site-1-2.shop.localhost:1355"
    assert names.url(Service("job", here), 1) is None
