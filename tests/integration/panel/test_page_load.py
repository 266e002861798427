"""The panel's page in a real browser, with much data and for a long time."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import WATCH_STATE
from tests.support.commands import Cli
from tests.support.panel_scenes import scene, scene_script
from tests.support.panels import wait_for_state
from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.browser import Pages
    from tests.support.panels import StartPanel
    from tests.support.running_stacks import StartUp


pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


# The longest time in which the page could not react, in milliseconds.
LONGEST_TASK = """new Promise((done) => {
    setTimeout(() => done(Math.max(0, ...window.tasks.map((one) => one.duration))), 400);
})"""
WATCH_TASKS = """
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries()))
        .observe({ type: "longtask", buffered: true });
"""


def test_fifty_worktrees_are_drawn_expanded_and_searched_at_once(
    panel: "StartPanel", pages: "Pages"
) -> None:
    """The rows of 50 worktrees take at most twice the time of those of 5."""
    one = panel()
    drawn_ms: dict[int, list[float]] = {5: [], 50: []}
    longest_ms: list[float] = []
    for count in (5, 50, 5, 50, 5, 50):
        page = pages()
        page.prepare(WATCH_TASKS)
        page.prepare(scene_script(scene(count)))
        page.go(one.url)
        page.wait(f"document.querySelectorAll('.slot').length === {count}")
        page.run("window.tasks.length = 0")
        drawn_ms[count].append(
            page.run(
                """new Promise((done) => {
                    const began = performance.now();
                    document.querySelector(".bulk button").click();
                    const look = () => document.querySelectorAll("tr.service").length >= 30
                        ? done(performance.now() - began) : requestAnimationFrame(look);
                    look();
                })"""
            )
        )
        page.run("document.querySelector('.search input').focus()")
        for letter in "worker":
            page.type(letter)
        page.wait("document.querySelectorAll('tr.service').length > 0")
        page.wait(
            "[...document.querySelectorAll('tr.service')]"
            ".every((e) => e.dataset.service === 'worker')"
        )
        longest_ms.append(page.run(LONGEST_TASK))
    # Another process may hold the processor: the best of several counts.
    assert min(longest_ms) < 100, longest_ms
    assert min(drawn_ms[50]) < 2 * min(drawn_ms[5]) + 20, drawn_ms


def test_a_row_far_below_is_reached_by_keys_and_by_scrolling(
    panel: "StartPanel", pages: "Pages"
) -> None:
    page = pages()
    page.prepare(scene_script(scene(50)))
    page.go(panel().url)
    page.press("Expand all")
    page.wait("document.querySelectorAll('tr.service').length > 20")
    # Most cards are not drawn.
    assert page.run("document.querySelectorAll('tr.service').length") < 400
    page.run("scrollTo(0, document.documentElement.scrollHeight)")
    last = "[...document.querySelectorAll('.slot')].at(-1)"
    page.wait(f"{last}.querySelectorAll('tr.service').length === 10")
    page.run("document.activeElement.blur()")
    page.key("k")
    page.wait(f"{last}.contains(document.activeElement)")
    for _ in range(15):
        page.key("k")
    page.wait(f"!{last}.contains(document.activeElement)")
    assert page.run("!!document.activeElement.dataset.key")


def test_the_end_of_a_large_log_is_kept(
    panel: "StartPanel", project: Path, up: "StartUp", pages: "Pages"
) -> None:
    write(
        project,
        "services: {flood: {port: false, command: \"seq -f 'line %g of a long, long night' 400000;"
        ' exec sleep 1000"}}',
    )
    up(project).wait_for("all ready")
    page = pages()
    page.go(panel().url)
    page.press("Logs of flood")
    page.wait_for_text("line 400000", within=".lines", timeout_s=60)
    assert page.run("document.querySelectorAll('.line').length") <= 5000
    # The search counts in the whole file.
    page.run("document.querySelector('.tools input').focus()")
    page.type("line 39999")
    page.wait_for_text("11 lines with “line 39999” in the whole log", within=".status")


def test_many_stacks_that_run_are_watched_at_once(
    panel: "StartPanel", project: Path, cli: Cli, pages: "Pages"
) -> None:
    """All are drawn, and a change in any of them appears soon."""
    roots = [project.parent / f"tree-{number:02}" for number in range(12)]
    ready = '"echo up; exec sleep 1000", port: false, restart: "no", ready: {log: up}'
    for root in roots:
        root.mkdir()
        write(root, f"services: {{one: {{command: {ready}}}, two: {{command: {ready}}}}}")

    def start(root: Path) -> int:
        return cli("up", "--detach", cwd=root).returncode

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(start, roots)) == [0] * len(roots)
    page = pages()
    page.go(panel().url)
    page.wait_for_text("12 running", within=".totals")
    # With this many, stacks are collapsed at first.
    assert page.run("document.querySelectorAll('tr.service').length") == 0
    page.wait(
        "[...document.querySelectorAll('article .pill.good')].filter("
        "(e) => e.innerText === '2 ready').length === 12"
    )
    page.press("Expand all")
    page.wait("document.querySelectorAll('tr.service .word.good').length >= 10")
    page.save_screenshot("panel-twelve")
    took_ms: list[float] = []
    for root in roots[::4]:
        (row,) = [row for row in services_of(cli, root) if row["name"] == "two"]
        rows = f"document.querySelector('[data-root={json.dumps(str(root))}] [data-service=two]')"
        page.run(f"document.querySelectorAll('.slot')[{roots.index(root)}].scrollIntoView()")
        page.wait(f"!!{rows}")
        page.run(WATCH_STATE % (root, "two"))
        killed_s = time.time()
        os.kill(row["pid"], signal.SIGKILL)
        took_ms.append(page.run("window.changed") - killed_s * 1e3)
    page.wait_for_text("3 in trouble", within=".filters")
    assert min(took_ms) < 500, took_ms


def services_of(cli: Cli, root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli("ps", "--json", cwd=root).stdout)["services"]
    return found


# The newest stream of each kind, so that the test can send the panel's events.
STREAMS = """
    window.streams = {};
    window.EventSource = class extends EventSource {
        constructor(url) {
            super(url);
            streams[url.split("?")[0]] = this;
        }
    };
    window.tell = (path, kind, data) =>
        streams[path].dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }));
"""


# Hours of events in a stack: services start, end, fail, recover, and use more or less memory.
# Sometimes the stack ends, and a message appears.
HOURS = """async (turns) => {
    const { state } = await import("/store.js");
    const { toast } = await import("/actions.js");
    const told = [...state.stacks.values()][0];
    const path = "/api/v1/stream";
    window.turn ||= 0;
    for (const last = turn + turns; turn < last; window.turn++) {
        const isWell = turn % 3 > 0;
        const services = told.services.flatMap((row) => [row, { ...row, instance: 2 }])
            .filter((row) => row.instance === 1 || turn % 5 === 0)
            .map((row) => ({
                ...row,
                fullName: `${row.name}.${row.instance}-main`,
                state: isWell ? "ready" : "backoff",
                reason: isWell ? null : `it has ended ${turn} times`,
                lastError: turn % 7 ? `Error: number ${turn}` : null,
                restarts: turn,
                samples: [[1e9 + turn * 2, turn % 100, 1e6 + turn]],
            }));
        tell(path, "stack", { ...told, services });
        if (turn % 500 === 0) {
            tell(path, "gone", { id: told.id });
            tell(path, "stacks", { stacks: [{ ...told, services }] });
            toast(`turn ${turn}`);
        }
        if (turn % 1000 === 0) await new Promise((done) => setTimeout(done, 0));
    }
    await new Promise((done) => setTimeout(done, 50));
    return state.stacks.get(told.id).services[0].samples.length;
}"""


LINES = r"""async (count) => {
    const line = (_, i) =>
        [Date.now(), "web", i % 9 ? "out" : "err", `\u001b[3${i % 8}mline\u001b[0m ${i}`, "", 1];
    for (let at = 0; at < count; at += 500) {
        tell("/api/v1/logs", "lines", Array.from({ length: 500 }, line));
        if (at % 5000 === 0) await new Promise((done) => setTimeout(done, 60));
    }
    await new Promise((done) => setTimeout(done, 200));
    return document.querySelectorAll(".line").length;
}"""


def test_memory_of_the_page_does_not_grow_over_night(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.prepare(STREAMS)
    page.go(panel().url)
    wait_for_state(page, "web", "ready")
    page.send("Performance.enable")

    def evening(turns: int, lines: int) -> None:
        page.press("Logs of web")
        page.wait_for_text("Serving HTTP", within=".lines")
        assert page.run(f"({LINES})({lines})") <= 5000
        assert page.run(f"({HOURS})({turns})") <= 60
        page.press("Stacks", within=".top")
        page.wait("!!document.querySelector('article')")

    def kept() -> dict[str, float]:
        page.run("document.querySelectorAll('.toast button').forEach((e) => e.click())")
        page.wait("!document.querySelector('.toast')")
        for _ in range(2):
            page.send("HeapProfiler.collectGarbage")
        metrics = page.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in metrics}

    # Until every limited list is full.
    evening(1000, 10_000)
    before = kept()
    for _ in range(5):
        evening(10_000, 20_000)
    after = kept()
    assert after["JSHeapUsedSize"] < before["JSHeapUsedSize"] + 1_000_000
    assert after["Nodes"] < before["Nodes"] + 500
    assert after["JSEventListeners"] < before["JSEventListeners"] + 50
