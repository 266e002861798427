"""No width breaks the panel's page: its boxes are measured in a real browser."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.panel_scenes import scene, scene_script
from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from tests.support.browser import Page, Pages
    from tests.support.panels import StartPanel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

WIDTHS = (375, 480, 600, 700, 761, 900, 1024, 1150, 1280, 1440, 1600, 1920)
ZOOMS = (1.0, 1.25, 1.5, 2.0)
VIEWS = {
    "list": "#/",
    "stack": "#/stack/shop/main",
    "graph": "#/stack/shop/main/graph",
    "stack-logs": "#/stack/shop/main/logs",
    "service": "#/service/shop/main/api",
    "logs": "#/service/shop/main/api/logs",
    "why": "#/service/shop/main/api/why",
    "environment": "#/service/shop/main/api/environment",
    "memory": "#/memory",
}
# What is wrong with the boxes of the page, in words.
MEASURE = (REPOSITORY / "tests" / "support" / "page_boxes.js").read_text()
FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
# Each width at each zoom, as the page sees it; below 320 px nothing is promised (WCAG 2.2, 1.4.10).
SEEN_WIDTHS = sorted({round(width / zoom) for width in WIDTHS for zoom in ZOOMS} - set(range(320)))


def shown(pages: "Pages", url: str, view: str, told: dict[str, Any]) -> "Page":
    """Open a view of a scene."""
    page = pages()
    page.prepare(scene_script(told))
    page.go(url + view)
    page.wait("document.querySelector('main').innerText.trim()")
    page.wait("!document.querySelector('[aria-busy=true]')")
    return page


def wrong(page: "Page", widths: list[int], *, dark: bool = False) -> list[str]:
    """Return what is wrong with a view at some widths."""
    found: list[str] = []
    for width in widths:
        page.set_view(width=width, dark=dark)
        page.run(FRAME)
        texts: list[str] = json.loads(page.run(MEASURE))
        found += [f"{width}: {text}" for text in texts]
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_no_width_and_no_zoom_breaks_a_view(panel: "StartPanel", pages: "Pages", view: str) -> None:
    page = shown(pages, panel().url, VIEWS[view], scene(3, "trouble"))
    assert not wrong(page, SEEN_WIDTHS)
    # Pictures for those who look: each view at each width, light and dark.
    for dark in (False, True):
        for width in WIDTHS:
            page.set_view(width=width, dark=dark)
            page.run(FRAME)
            page.save_screenshot(f"layout/{view}-{width}-{'dark' if dark else 'light'}")


def test_many_or_idle_or_loading_worktrees_break_no_width(
    panel: "StartPanel", pages: "Pages"
) -> None:
    url = panel().url
    for count, mood in ((1, "well"), (20, "trouble"), (50, "idle"), (3, "loading")):
        page = pages()
        page.prepare(scene_script(scene(count, mood)))
        page.go(url)
        page.wait("!!document.querySelector('.skeleton, article')")
        assert not wrong(page, list(WIDTHS), dark=True), (count, mood)
        for width in (375, 1280):
            page.set_view(width=width)
            page.run(FRAME)
            page.save_screenshot(f"layout/list-{count}-{mood}-{width}")


def test_menus_and_dialogs_stay_inside_the_window(panel: "StartPanel", pages: "Pages") -> None:
    page = shown(pages, panel().url, "#/", scene(3, "trouble"))
    inside = """(() => {
        const box = document.querySelector("%s").getBoundingClientRect();
        return box.width > 100 && box.left >= 0 && box.top >= 0 && box.right <= innerWidth
            && box.bottom <= innerHeight;
    })()"""
    for at, width in enumerate(WIDTHS):
        page.set_view(width=width, height=(500, 900)[at % 2])
        page.run(FRAME)
        for menu in ("More of main", "More of web"):
            page.press(menu)
            page.wait("!!document.querySelector('.menu.placed:popover-open')")
            page.wait(inside % ".menu:popover-open")
            page.key("Escape", 27)
            page.wait("!document.querySelector('.menu:popover-open')")
    for width in (375, 1280):
        page.set_view(width=width)
        page.press("Keys")
        page.wait(inside % "dialog[open]")
        page.save_screenshot(f"layout/keys-{width}")
        page.key("Escape", 27)
        page.wait("!document.querySelector('dialog')")
