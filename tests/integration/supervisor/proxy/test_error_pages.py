"""The proxy's error pages in a browser."""

import http.server
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.routes import RouteInfo
from tests.support.proxies import Proxy


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
