"""No width breaks the panel's page: its boxes are measured in a real browser."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.panel_scenes import scene, scene_script

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
MEASURE = r"""(() => {
    const found = [];
    const name = (e) => `${e.tagName.toLowerCase()}.${e.className.baseVal ?? e.className} ${(e.getAttribute("aria-label") || e.textContent).trim().slice(0, 40)}`;
    const seen = (e) => e.checkVisibility() && !e.closest(".sr, .skip") && e.getClientRects().length > 0;
    const scrolls = (e) => e.closest(".lines, .graph, .scroll");
    if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
    const edge = document.documentElement.clientWidth + 1;
    const boxes = [...document.querySelectorAll("button, .button, a, input, select, .word, .pill, .chip, .tag, th, td, h1, h2, h3, .port")].filter((e) => seen(e) && !scrolls(e));
    for (const e of boxes) {
        const box = e.getBoundingClientRect();
        if (box.right > edge || box.left < -1) found.push(`beyond the edge: ${name(e)}`);
        if (e.matches(".word, .pill, .chip, button:not(.text):not(.fold)") && !e.querySelector(".fold") && box.height > 36) found.push(`broken into lines: ${name(e)}`);
        if (e.matches("button, .button, input, select") && (box.width < 24 || box.height < 23.5)) found.push(`small: ${name(e)}`);
        if (e.matches(".service > *") && e.textContent.trim() && box.width < 28) found.push(`narrow: ${name(e)}`);
    }
    // Controls and texts lie beside each other.
    const leaves = boxes.filter((e) => e.matches("button, .button, a, input, select, .word, .pill, .chip, .tag, .port, .count"));
    const rows = new Map();
    for (const e of leaves) {
        const top = e.closest(".service, .told, header, .filters, .tools, .tabs, .crumbs, .facts, h2");
        if (!top) continue;
        if (!rows.has(top)) rows.set(top, []);
        rows.get(top).push(e);
    }
    for (const members of rows.values()) {
        for (let at = 0; at < members.length; at++) {
            for (const other of members.slice(at + 1)) {
                const one = members[at];
                if (one.contains(other) || other.contains(one)) continue;
                const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
                const overlap = Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
                if (overlap) found.push(`overlap: ${name(one)} and ${name(other)}`);
            }
        }
    }
    // Texts stay inside their cells.
    for (const cell of document.querySelectorAll(".service > *")) {
        const range = document.createRange();
        range.selectNodeContents(cell);
        const [inner, outer] = [range.getBoundingClientRect(), cell.getBoundingClientRect()];
        if (seen(cell) && inner.right > outer.right + 2) found.push(`out of its cell: ${name(cell)}`);
    }
    // Columns stand below their headings.
    for (const table of document.querySelectorAll(".services")) {
        const heads = [...table.querySelectorAll("thead th")].filter((e) => seen(e));
        for (const row of table.querySelectorAll(".service")) {
            const cells = [...row.children].filter((e) => seen(e));
            if (heads.length && cells.length === heads.length && cells.some((e, at) => Math.abs(e.getBoundingClientRect().left - heads[at].getBoundingClientRect().left) > 1)) found.push(`not below its heading: ${name(row)}`);
        }
    }
    // A row of services takes a few lines.
    for (const row of document.querySelectorAll(".service")) {
        if (row.getBoundingClientRect().height > 200) found.push(`high: ${name(row)} ${row.getBoundingClientRect().height}`);
    }
    return JSON.stringify([...new Set(found)].slice(0, 12));
})()"""
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
def test_no_width_and_no_zoom_breaks_a_view(
    panel: "StartPanel", pages: "Pages", view: str
) -> None:
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
    for width in WIDTHS:
        for height in (500, 900):
            page.set_view(width=width, height=height)
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
