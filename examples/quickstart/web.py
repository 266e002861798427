"""The page. It forwards /api/… to the API, so that a browser needs only one address."""

import hashlib
import html
import http.client
import os
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from server import Handler, serve

PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
API = urlsplit(os.environ["API_URL"])
NAMESPACE = os.environ.get("PORTWEAVE_NAMESPACE", "none")
WORKTREE = Path(os.environ.get("PORTWEAVE_WORKTREE", ".")).resolve().name


class Web(Handler):
    def do_GET(self) -> None:  # noqa: N802
        if self.path == "/":
            self.reply(200, page())
        elif self.path == "/health":
            self.reply(200, "ok", "text/plain")
        elif self.path.startswith("/api/"):
            self.pass_on("GET")
        else:
            self.reply(404, "not found", "text/plain")

    def do_POST(self) -> None:  # noqa: N802
        if self.path.startswith("/api/"):
            self.pass_on("POST", self.body())
        else:
            self.reply(404, "not found", "text/plain")

    def pass_on(self, method: str, body: bytes | None = None) -> None:
        connection = http.client.HTTPConnection(API.hostname or "", API.port, timeout=10)
        try:
            connection.request(method, self.path.removeprefix("/api"), body)
            answer = connection.getresponse()
            status, data = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.reply_json(502, {"error": f"the API does not answer: {error}"})
        else:
            self.reply(status, data, "application/json")
        finally:
            connection.close()


def page() -> str:
    """Return the page of this worktree, in its own colour."""
    hue = int.from_bytes(hashlib.sha256(WORKTREE.encode()).digest()[:2], "big") % 360
    return PAGE.substitute(
        worktree=html.escape(WORKTREE),
        namespace=html.escape(NAMESPACE),
        web=os.environ["PORT"],
        api=API.port,
        hue=hue,
    )


serve(Web)
