"""The proxy's error pages in a browser."""

import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.routes import RouteInfo
from portweave.supervisor.proxy.http.pages.index_page import StackSummary
from portweave.supervisor.proxy.http.pages.page import State
from portweave.supervisor.proxy.http.upstream_status import StackStatus, UpstreamStatus
from tests.support.proxies import Proxy

if TYPE_CHECKING:
    from tests.support.browser import Pages

EVIL = '<script>window.isHacked=1</script><img src=x onerror="window.isHacked=1">'


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_pages_in_a_browser(need: Callable[..., None], tmp_path: Path) -> None:
    need("chromium")
    proxy = Proxy([RouteInfo("shop.localhost", 1)])
    try:
        page = browse(f"http://nobody.localhost:{proxy.port}/", tmp_path)
        assert "nobody.localhost has no route" in page
        assert f'href="http://shop.localhost:{proxy.port}"' in page
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), http.server.BaseHTTPRequestHandler
        )
        proxy.routes[0] = RouteInfo("shop.localhost", server.server_port)
        server.server_close()
        # The service starts while the browser shows the error page.
        later = threading.Timer(2.0, lambda: proxy.routes.__setitem__(0, RouteInfo(*up())))
        later.start()
        page = browse(f"http://shop.localhost:{proxy.port}/", tmp_path, budget_ms=9000)
        later.join()
        assert "is not up yet" in page or "it is up" in page
        page = browse(f"http://shop.localhost:{proxy.port}/", tmp_path)
        assert "it is up" in page
    finally:
        proxy.close()
        for one in SERVERS:
            one.shutdown()
            one.server_close()


SERVERS: list[http.server.ThreadingHTTPServer] = []


class Up(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>it is up</p>")

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def up() -> tuple[str, int]:
    SERVERS.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Up))
    threading.Thread(target=SERVERS[-1].serve_forever, daemon=True).start()
    return "shop.localhost", SERVERS[-1].server_port


class Knows(StackStatus):
    """Knows texts that would be scripts, were they not escaped."""

    async def ask(self, target: object) -> UpstreamStatus:
        return UpstreamStatus(
            EVIL,
            service="web",
            phase="starting",
            reason=EVIL,
            since_s=58.0,
            output=f"printed {EVIL}",
            stack=f"{EVIL}/main",
            folder=EVIL,
        )

    async def branch_of(self, folder: str) -> str:
        return EVIL

    async def summarise(self, owners: Collection[int]) -> Mapping[int, StackSummary]:
        return {0: StackSummary(EVIL, EVIL, EVIL, EVIL, {1: State(EVIL, 58.0)})}


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_scripts_in_names_and_output_do_not_run(pages: "Pages") -> None:
    routes = [RouteInfo("web.shop.localhost", 1), RouteInfo(f"{EVIL}.localhost", 1)]
    proxy = Proxy(routes, advice=Knows())
    try:
        page = pages()
        for name in ("web.shop", "wbe.shop", "shop", "localhost"):
            host = name if name == "localhost" else f"{name}.localhost"
            page.go(f"http://{host}:{proxy.port}/")
            assert page.run("window.isHacked") is None
            assert page.run("document.images.length") == 0
            # At each width, no page is wider than its window.
            for width in (375, 768, 1440):
                page.set_view(width=width)
                assert page.run("document.documentElement.scrollWidth <= innerWidth")
        # A status that is no success is a problem for the browser's log alone.
        assert [one for one in page.problems if "Failed to load resource" not in one] == []
        page.problems.clear()
    finally:
        proxy.close()


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_a_click_copies_a_command_and_the_time_goes_on(pages: "Pages") -> None:
    proxy = Proxy([RouteInfo("web.shop.localhost", 1)], advice=Knows())
    try:
        page = pages()
        origin = f"http://web.shop.localhost:{proxy.port}"
        pages.browser.allow(origin, "clipboardReadWrite")
        page.go(f"{origin}/")
        command = f"portweave why web --stack '{EVIL}/main'"
        page.press(f"Copy {command}")
        page.wait(f"navigator.clipboard.readText().then((text) => text === {json.dumps(command)})")
        page.go(f"http://localhost:{proxy.port}/")
        # It was 58 seconds.
        page.wait("document.querySelector('[data-s]').textContent === '1 min'")
        page.problems.clear()
    finally:
        proxy.close()


def browse(url: str, folder: Path, budget_ms: int = 2000) -> str:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
    return subprocess.run(
        ["chromium", *flags, f"--virtual-time-budget={budget_ms}", "--dump-dom", url],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
