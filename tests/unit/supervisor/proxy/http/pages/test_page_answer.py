"""The pages as answers, and each as a whole in the folder `golden`.

`RENEW_GOLDEN=1 pytest tests/unit/supervisor/proxy/http/pages` writes the files again.
"""

import os
import re
from pathlib import Path

import pytest

from portweave.supervisor.proxy.http.pages import error_pages
from portweave.supervisor.proxy.http.pages.error_pages import IdleWorktree, Origin, ServiceFacts
from portweave.supervisor.proxy.http.pages.index_page import NamedPort, StackSummary, index
from portweave.supervisor.proxy.http.pages.page import Page, State
from portweave.supervisor.proxy.http.pages.page_answer import render

GOLDEN = Path(__file__).parent / "golden"
EVIL = "<script>alert(1)</script>"
NAME = "api.shop.localhost"
ORIGIN = Origin(1355)
LINKS = (
    ("Panel", "http://portweave.localhost:1355/"),
    ("All names", "http://localhost:1355/"),
)
STARTING = ServiceFacts(
    NAME,
    30_001,
    phase="starting",
    reason="exec: exit 1",
    since_s=12.4,
    output=f"connecting with password=*** {EVIL}",
    service="api",
    stack="my shop/main",
    branch='fix"&<b>',
    folder="/code/shop",
    links=LINKS,
)
NAMES = ["web.shop.localhost", "db.shop.localhost", "web.blog.localhost"]
STACKS = {
    1: StackSummary(
        "shop",
        "main",
        "/code/shop",
        "main",
        {30_000: State("ready", 90), 30_001: State("failed", 4_000)},
    ),
    2: StackSummary("shop", "fix-1a2b3c4d", "/code/fix", f"fix/{EVIL}", is_silent=True),
}
INDEX = [
    NamedPort("web.shop.localhost", 30_000, 1),
    NamedPort(NAME, 30_001, 1),
    NamedPort("web.fix.shop.localhost", 30_010, 2),
    NamedPort(f"{EVIL}.localhost", 8000),
]
PAGES = {
    "starting": error_pages.not_up(STARTING),
    "failed": error_pages.not_up(
        ServiceFacts(NAME, 30_001, "failed", reason="exited with status 3", service="api")
    ),
    "unknown-state": error_pages.not_up(ServiceFacts(NAME, 30_001, may_act=False)),
    "wrong-port": error_pages.wrong_port(STARTING, [8000]),
    "broken": error_pages.broken(STARTING, "it has closed the connection"),
    "mistyped": error_pages.unknown("wbe.shop.localhost", NAMES, ORIGIN, links=LINKS),
    "idle": error_pages.unknown(NAME, [], ORIGIN, [IdleWorktree("/code/shop", "shop.localhost")]),
    "foreign": error_pages.foreign(),
    "no-panel": error_pages.unknown("portweave.localhost", NAMES, ORIGIN),
    "refused": error_pages.refused(400, "there is no Host field"),
    "other-user": error_pages.other_user(),
    "not-yours": error_pages.not_yours("portweave.localhost"),
    "loop": error_pages.loop(NAME, 6),
    "redirect": error_pages.secured("a.localhost", b"/x?y", 1355),
    "index": index("localhost", INDEX, STACKS, ORIGIN, LINKS[:1]),
    "project-index": index("shop.localhost", INDEX[:2], STACKS, ORIGIN, LINKS),
}


def shown(page: Page) -> str:
    """Both answers of a page, without style and script, with a line for each tag."""
    html = render(page, html=True).decode()
    html = re.sub(r"(<style>).*(</style>)", r"\1…\2", html, flags=re.DOTALL)
    html = re.sub(r"(<script>)\n.*?(</script>)", r"\1…\2", html, flags=re.DOTALL)
    html = re.sub(r"sha256-[\w+/=]+|(Content-Length: )\d+", r"\1…", html)
    html = re.sub(r"(?<=>)(?=<(?!/))", "\n", html.replace("\r\n", "\n"))
    text = render(page, html=False).decode().partition("\r\n\r\n")[2]
    return f"{html}\n=== text\n{text}"


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_as_its_golden_file(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(shown(PAGES[name]), encoding="utf-8")
    assert shown(PAGES[name]) == path.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(PAGES)


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_head_states_the_length_of_the_body(page: Page, *, html: bool) -> None:
    head, end, body = render(page, html=html).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {page.status} ".encode())
    assert f"Content-Length: {len(body)}\r\n".encode() in head + end
    assert render(page, html=html, body_wanted=False) == head + end


def test_a_closing_connection_is_announced() -> None:
    assert b"\r\nConnection: close\r\n" in render(PAGES["loop"], html=False, keep_alive=False)


def test_a_page_that_reloads_says_when_to_come_again() -> None:
    data = render(PAGES["starting"], html=True)
    assert b"\r\nRetry-After: 1\r\n" in data
    assert b'<meta http-equiv="refresh" content="1">' in data
    assert b"Retry-After" not in render(PAGES["broken"], html=True)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_nothing_from_outside_is_markup(page: Page) -> None:
    body = render(page, html=True).decode().partition("\r\n\r\n")[2]
    # The only scripts of a page are its own, which begin with a line feed.
    assert body.count("<script") == (1 if page.has_script else 0)
    assert "<script>alert" not in body
    assert "<b>" not in body


def test_control_characters_reach_no_terminal() -> None:
    data = render(Page(404, "\x1b]0;title\x07", ("\u202e",)), html=False)
    assert b"\\x1b]0;title\\x07\n\\u202e\n" in data


def test_characters_that_are_no_text_do_not_break_a_page() -> None:
    page = Page(404, "name \udcff", ("\x00\ud800",))
    assert b"name ?" in render(page, html=True)
    assert b"name ?" in render(page, html=False)
