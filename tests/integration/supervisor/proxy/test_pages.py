"""The proxy's pages: what they tell, whom, and how soon."""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.http.pages.index_page import StackSummary
from portweave.supervisor.proxy.http.pages.page import State
from portweave.supervisor.proxy.http.upstream_status import StackStatus, UpstreamStatus
from portweave.supervisor.proxy.process.proxy_files import find_proxy
from portweave.supervisor.proxy.process.start_proxy import stop
from tests.support.http2_client import StreamCaller
from tests.support.https_proxies import Secure
from tests.support.proxies import Caller, Proxy, Service, UsersProxy, raw, routes_to
from tests.support.stacks import SERVE, write

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached

HTML = "Accept: text/html,*/*"
ACCEPTS = pytest.mark.parametrize("accept", [HTML, "Accept: */*"], ids=["browser", "program"])
EVIL = "<script>alert(1)</script>"


class Knows(StackStatus):
    """Knows all of each service."""

    async def ask(self, target: object) -> UpstreamStatus:
        return UpstreamStatus(
            "failed: it printed a secret",
            service="web",
            phase="failed",
            reason="it printed a secret",
            since_s=12.0,
            output=f"the last line {EVIL}",
            stack="shop/main",
            folder="/home/me/shop",
        )

    async def summarise(self, owners: Collection[int]) -> Mapping[int, StackSummary]:
        states = {1: State("failed", 12.0)}
        return {0: StackSummary("shop", "main", "/home/me/shop", "fix", states)}


class Hangs(StackStatus):
    """Never answers."""

    async def ask(self, target: object) -> UpstreamStatus:
        await asyncio.Event().wait()
        raise AssertionError

    async def summarise(self, owners: Collection[int]) -> Mapping[int, StackSummary]:
        await asyncio.Event().wait()
        raise AssertionError


@ACCEPTS
def test_the_page_of_a_service_tells_its_state_output_and_commands(
    proxy: Callable[..., Proxy], accept: str
) -> None:
    answer = proxy(advice=Knows(), a=1).get("a.localhost", "/", accept).decode()
    assert answer.startswith("HTTP/1.1 503 ")
    assert "it printed a secret" in answer
    assert "the last line" in answer
    assert "portweave why web --stack shop/main" in answer
    if accept == HTML:
        assert 'failed <span data-s="12">12 s</span> ago' in answer
        assert "/home/me/shop" in answer
        assert EVIL not in answer


@ACCEPTS
def test_a_broken_answer_has_the_same_details(
    service: Callable[..., Service], proxy: Callable[..., Proxy], accept: str
) -> None:
    between = proxy(advice=Knows(), a=service(raw(b"")).port)
    answer = between.get("a.localhost", "/", accept).decode()
    assert answer.startswith("HTTP/1.1 502 ")
    assert "the last line" in answer
    assert "portweave logs web" in answer


@ACCEPTS
def test_a_proxy_for_all_users_tells_neither_output_nor_folders(accept: str) -> None:
    between = Proxy(routes_to({"a": 1, "b.shop": 1}), advice=Knows(), any_user=True)
    try:
        answer = between.get("a.localhost", "/", accept).decode()
        # The state and the commands stay.
        assert "failed" in answer
        assert "portweave why web" in answer
        index = between.get("localhost", "/", accept).decode()
        assert "b.shop.localhost" in index
        for text in (answer, index, between.get("c.localhost", "/", accept).decode()):
            assert not any(word in text for word in ("secret", "the last line", "/home/me"))
    finally:
        between.close()


@ACCEPTS
def test_a_hanging_supervisor_does_not_hold_a_page(
    proxy: Callable[..., Proxy], accept: str
) -> None:
    between = proxy(advice=Hangs(), **{"a.shop": 1})
    began_s = time.monotonic()
    if accept == HTML:
        answer = between.get("a.shop.localhost", "/", accept).decode()
        assert answer.startswith("HTTP/1.1 503 ")
        assert "supervisor does not answer" in answer
    index = between.get("localhost", "/", accept).decode()
    assert index.startswith("HTTP/1.1 200 ")
    assert "a.shop.localhost" in index
    assert time.monotonic() - began_s < 5


@ACCEPTS
@pytest.mark.parametrize("name", ["localhost", "shop.localhost", "LOCALHOST.", "Shop.localhost"])
def test_a_project_and_the_machine_have_an_index(
    proxy: Callable[..., Proxy], name: str, accept: str
) -> None:
    between = proxy(advice=Knows(), **{"web.shop": 1, "blog": 2})
    answer = between.get(name, "/?x=1", accept).decode()
    assert answer.startswith("HTTP/1.1 200 ")
    assert f"http://web.shop.localhost:{between.port}" in answer
    assert ("blog.localhost" in answer) is ("shop" not in name.lower())
    assert "failed" in answer
    assert "/home/me/shop" in answer


def test_only_the_root_of_an_index_is_a_page(proxy: Callable[..., Proxy]) -> None:
    between = proxy(**{"web.shop": 1})
    assert b" 404 " in between.get("shop.localhost", "/favicon.ico")
    request = "POST / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n"
    assert b" 404 " in between.ask(f"{request}Content-Length: 2\r\n\r\nab")
    assert b" 404 " in between.get("web.other.localhost")
    assert b" 404 " in between.get("other.localhost")


def test_a_route_with_the_name_of_an_index_comes_first(
    service: Callable[..., Service], proxy: Callable[..., Proxy]
) -> None:
    port = service().port
    between = proxy(**{"shop": port, "web.shop": 1})
    between.routes.append(RouteInfo("localhost", port))
    for name in ("localhost", "shop.localhost"):
        assert between.get(name).startswith(b"HTTP/1.1 200 Fine")


@pytest.mark.parametrize("host", ["evil.example", "shop.localhost.evil.example", "localhost.evil"])
def test_no_index_answers_a_foreign_name(proxy: Callable[..., Proxy], host: str) -> None:
    answer = proxy(**{"web.shop": 1}).get(host, "/", HTML)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"web.shop" not in answer


@ACCEPTS
def test_a_mistyped_name_gets_the_nearest_name_first(
    proxy: Callable[..., Proxy], accept: str
) -> None:
    between = proxy(**{"db.shop": 1, "web.shop": 2, "web.blog": 3})
    answer = between.get("wbe.shop.localhost", "/", accept).decode()
    assert answer.startswith("HTTP/1.1 404 ")
    order = [answer.index(f"http://{name}.localhost") for name in ("web.shop", "db.shop")]
    assert order == sorted(order)
    assert answer.index("Did you mean") < order[0] < answer.index("Names of shop") < order[1]


def test_the_pages_link_to_the_panel_and_the_index(proxy: Callable[..., Proxy]) -> None:
    between = proxy(advice=Knows(), a=1, portweave=2)
    answer = between.get("a.localhost", "/", HTML).decode()
    panel = f"http://portweave.localhost:{between.port}/"
    assert f'<a href="{panel}#/service/shop/main/web">Panel</a>' in answer
    assert f'<a href="http://localhost:{between.port}/">All names</a>' in answer
    assert f'<a href="{panel}">Panel</a>' in between.get("localhost", "/", HTML).decode()


def test_head_requests_get_the_head_of_a_page(proxy: Callable[..., Proxy]) -> None:
    between = proxy(**{"web.shop": 1})
    for name in ("shop.localhost", "nobody.localhost", "web.shop.localhost"):
        with between.connect() as caller:
            caller.send(f"HEAD / HTTP/1.1\r\nHost: {name}\r\n{HTML}\r\nConnection: close\r\n\r\n")
            answer = caller.rest()
        assert b"\r\nContent-Type: text/html" in answer
        assert answer.endswith(b"\r\n\r\n")


def test_the_pages_go_by_http_2(proxy: Callable[..., Proxy]) -> None:
    between = proxy(advice=Knows(), **{"web.shop": 1})
    for name, status in (("shop", 200), ("web.shop", 503), ("wbe.shop", 404)):
        with StreamCaller(between.port, None, f"{name}.localhost") as streams:
            found = streams.answer(streams.ask("/", ("accept", "text/html")))
        assert found.status == status
        assert found.fields["content-security-policy"].startswith("default-src 'none'")
        assert f"http://localhost:{between.port}/".encode() in found.body
        assert found.fields["content-length"] == str(len(found.body))


def test_the_pages_of_a_proxy_with_tls_link_to_https(tls_proxy: Callable[..., Secure]) -> None:
    between = tls_proxy(**{"web.shop": 1})
    with between.secure("shop.localhost") as caller:
        caller.send(f"GET / HTTP/1.1\r\nHost: shop.localhost:{between.port}\r\n{HTML}\r\n\r\n")
        answer = caller.answer()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert f'"https://web.shop.localhost:{between.port}"'.encode() in answer


# Stacks.


class Asker(UsersProxy):
    """A user's proxy, with requests by name."""

    def get(self, host: str) -> str:
        """The whole answer to a browser's request, as text."""
        with Caller(self.port) as caller:
            caller.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n{HTML}\r\nConnection: close\r\n\r\n")
            return caller.rest().decode()


@pytest.fixture
def asker(home: Path) -> Iterator[Asker]:
    asker = Asker(home, PORTWEAVE_PROXY_LINGER="20s")
    yield asker
    stop(asker.store)


def test_the_pages_of_a_stack(
    asker: Asker,
    detached: "Detached",
    project: Path,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    secret = "hunter2-of-mine"  # noqa: S105
    write(
        project,
        f"""
services:
  web: {{command: "{SERVE}"}}
  job: {{command: "echo my $PORTWEAVE_TOKEN; exec sleep 1000", ready: {{log: my}}, hostname: false}}
  bad:
    command: "echo $PORT $DB_PASSWORD '{EVIL}'; exit 3"
    environment: {{DB_PASSWORD: {secret}}}
    restart: "no"
""",
    )
    detached("up", "-d", env=asker.env, status=1)
    detached.remember_processes()
    eventually(lambda: find_proxy(asker.store) and len(asker.store.load_routes()) == 2)
    eventually(lambda: asker.get("web.shop.localhost").startswith("HTTP/1.1 200 "))
    page = asker.get("bad.shop.localhost")
    assert page.startswith("HTTP/1.1 503 ")
    assert 'class="pill bad">failed <span data-s="' in page
    assert "exited with status 3" in page
    assert "*** &lt;script&gt;alert(1)" in page
    assert secret not in page
    assert "portweave why bad --stack shop/main" in page
    assert str(project) in page
    index = asker.get("shop.localhost")
    assert index.startswith("HTTP/1.1 200 ")
    assert 'class="good">ready for' in index
    assert 'class="bad">failed' in index
    assert str(project) in index
    # The token of a running service is a secret too.
    port = str(detached.ps()["job"]["port"])
    told = json.loads(detached("ask", "--json", "/supervisor/at", port).stdout)
    assert "my ***" in json.dumps(told)
    # A supervisor that hangs holds no page.
    supervisor = detached.supervisor()
    supervisor.suspend()
    try:
        # The proxy keeps an answer for a moment.
        eventually(lambda: "supervisor does not answer" in asker.get("bad.shop.localhost"))
        began_s = time.monotonic()
        assert asker.get("bad.shop.localhost").startswith("HTTP/1.1 503 ")
        assert "its supervisor does not answer" in asker.get("localhost")
        assert time.monotonic() - began_s < 1.5
    finally:
        supervisor.resume()
    # Without the stack, the page has the command that starts it.
    detached("down")
    eventually(lambda: not asker.store.load_routes())
    page = asker.get("web.shop.localhost")
    assert page.startswith("HTTP/1.1 404 ")
    assert f"cd {project} &amp;&amp; portweave up" in page
