"""The panel's page in a real browser: stacks on the page, and actions on them."""

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Cli
from tests.support.locked_packages import npm_packages
from tests.support.panel_scenes import scene, scene_script
from tests.support.panels import (
    state_of,
    wait_for_state,
)
from tests.support.stacks import (
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.browser import Page, Pages
    from tests.support.panels import StartPanel
    from tests.support.running_stacks import StartUp


pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


CONFLICT = "Failed to load resource: the server responded with a status of 409 (Conflict)"


@pytest.fixture(scope="session")
def axe(pytestconfig: pytest.Config) -> str:
    """The script of axe, which finds accessibility problems."""
    folder = npm_packages(pytestconfig) / "node_modules" / "axe-core"
    return (folder / "axe.min.js").read_text()


def complaints(page: "Page", axe: str) -> list[str]:
    """Return axe's findings for the current page."""
    # It runs as a debugger would: the page's policy allows no other script.
    page.send("Page.setBypassCSP", enabled=True)
    page.run(f"{axe}; true")
    # A button's name has to contain its text: this rule is off by default.
    options = "{rules: {'label-content-name-mismatch': {enabled: true}}}"
    found = page.run(f"axe.run({options}).then((found) => JSON.stringify(found.violations))")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in json.loads(found)
        for node in one["nodes"]
    ]


def test_services_are_shown_and_controlled(panel: "StartPanel", shop: Path, pages: "Pages") -> None:
    page = pages()
    page.go(panel().url)
    page.wait_for_text("live", within=".connection")
    wait_for_state(page, "web", "ready")
    wait_for_state(page, "mailer", "failed")
    # What is in trouble stands first, with its reason.
    assert page.run("document.querySelector('[data-service]').dataset.service") == "mailer"
    page.wait_for_text("ConnectionRefusedError: smtp.local refused", within=".told")
    page.wait_for_text("on disk", within=".facts")
    page.wait("document.querySelectorAll('[data-service=talker] svg.plot polyline').length === 2")
    page.wait_for_text("1 in trouble", within=".filters")
    page.wait("document.title === '(1) portweave'")
    assert page.run("document.querySelector('link[rel=icon]').href").endswith("/icon-trouble.svg")
    page.save_screenshot("panel-services")

    page.press("Stop web")
    wait_for_state(page, "web", "stopped")
    page.wait_for_text("web stopped", within=".toasts")
    # What does not run links nowhere.
    assert not page.run("document.querySelectorAll('[data-service=web] .host').length")
    page.press("Start web")
    wait_for_state(page, "web", "ready")
    assert page.run("document.querySelectorAll('[data-service=web] .host').length") == 1
    page.press("Restart talker")
    page.wait_for_text("talker restarts", within=".toasts")
    wait_for_state(page, "talker", "ready")

    page.press("More of web")
    page.wait("!!document.querySelector('.menu.placed:popover-open')")
    page.run("document.querySelector('.menu:popover-open .scale input').focus()")
    page.type("2")
    page.key("Enter", 13)
    wait_for_state(page, "web.2", "ready")
    page.save_screenshot("panel-scaled")

    page.press("More of web")
    page.press("Environment", within=".menu:popover-open")
    page.wait_for_text("API_KEY", within=".variables")
    assert "sk-very-secret" not in page.text()
    page.press("Why", within=".tabs")
    page.wait_for_text("web is ready.", within=".prose")
    page.key("Escape", 27)
    page.wait_for_text("Restart all", within=".acts.all")
    page.key("Escape", 27)

    page.press("More of mailer")
    page.press("Why?", within=".menu:popover-open")
    page.wait_for_text("exited with status 3", within=".prose")
    page.wait_for_text("smtp.local refused", within=".prose")
    page.press("Memory", within=".top")
    page.wait_for_text("By worktree")
    page.wait_for_text("talker", within=".memory + .memory")


def test_a_service_and_a_stack_have_pages_with_addresses(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "web", "ready")
    page.press("mailer", within="[data-service=mailer]")
    page.wait("location.hash === '#/service/shop/main/mailer'")
    page.wait_for_text("echo 'ConnectionRefusedError", within=".about")
    page.wait_for_text(str(shop), within=".about")
    page.wait_for_text("status 3", within=".runs")
    page.press("Logs", within=".tabs")
    page.wait_for_text("smtp.local refused", within=".lines")
    # A reload shows the same; back leads through the views, and to the place of the list.
    page.reload()
    page.wait_for_text("smtp.local refused", within=".lines")
    page.run("history.back()")
    page.wait_for_text("status 3", within=".runs")
    page.run("history.back()")
    page.wait("document.activeElement.innerText === 'mailer'")
    page.press("web", within="[data-service=web]")
    page.wait_for_text("passed", within=".probes")
    page.wait("document.querySelectorAll('svg.chart polyline').length === 2", timeout_s=40)
    page.run("document.querySelector('svg.chart').focus()")
    page.key("ArrowLeft", 37)
    page.wait_for_text("at ", within=".chart-value")
    page.press("main", within=".crumbs")
    page.press("Graph", within=".tabs")
    page.wait("document.querySelectorAll('.graph .node').length === 3")
    page.wait("document.querySelector('.graph .node.bad').textContent.includes('mailer')")
    page.run("document.querySelectorAll('.graph a')[0].focus()")
    page.key("Enter", 13)
    page.wait("location.hash === '#/service/shop/main/web'")
    # Escape closes an open menu or a dialog, and only then leads up.
    page.press("More of web")
    page.wait("!!document.querySelector('.menu.placed:popover-open')")
    page.key("Escape", 27)
    page.wait("!document.querySelector('.menu:popover-open')")
    page.key("?")
    page.wait("!!document.querySelector('dialog[open]')")
    page.key("Escape", 27)
    page.wait("!document.querySelector('dialog')")
    assert page.run("location.hash") == "#/service/shop/main/web"
    page.key("Escape", 27)
    page.wait("location.hash === '#/stack/shop/main'")
    page.run("location.hash = '#/service/shop/nowhere/web'")
    page.wait_for_text("No such stack")
    page.run("location.hash = '#/service/shop/main/nothing'")
    page.wait_for_text("has no service nothing")


def test_an_action_waits_for_the_pending_one(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "web", "ready")
    page.run("""{
        const real = window.fetch;
        window.held = [];
        window.fetch = async (path, ...rest) => {
            if (path.endsWith('/service')) {
                await new Promise((go) => window.held.push([JSON.parse(rest[0].body).action, go]));
            }
            return real(path, ...rest);
        };
    }""")
    page.press("Restart web")
    page.press("Restart web")
    page.press("Stop web")
    page.press("Stop web")
    page.wait("!!document.querySelector('[data-service=web] [aria-busy=true]')")
    assert page.run("held.map(([action]) => action).join()") == "restart"
    page.run("held[0][1]()")
    page.wait("held.length === 2")
    assert page.run("held[1][0]") == "stop"
    page.run("held[1][1]()")
    wait_for_state(page, "web", "stopped")
    page.wait_for_text("web restarts", within=".toasts")
    page.wait_for_text("web stopped", within=".toasts")
    page.wait("!document.querySelector('[data-service=web] [aria-busy=true]')")
    assert page.run("held.length") == 2


def test_a_log_is_followed_searched_and_paused(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    page.press("Logs of talker")
    page.wait_for_text("/products/20", within=".lines")
    colour = "getComputedStyle(document.querySelector('.lines .a2')).color"
    assert page.run(colour) == "rgb(21, 112, 60)"
    page.set_view(dark=True)
    assert page.run(colour) == "rgb(110, 231, 160)"
    page.set_view()

    page.press("Pause", within=".tools")
    before = page.run("document.querySelectorAll('.line').length")
    page.wait("/\\d+ new lines/.test(document.querySelector('.new-lines')?.innerText)")
    assert page.run("document.querySelectorAll('.line').length") == before
    # Its name contains a counter, so it is found by its class.
    page.run("document.querySelector('.new-lines').click()")
    page.wait(f"document.querySelectorAll('.line').length > {before}")
    # No line is missing or repeated.
    numbers = "[...document.querySelectorAll('.line .text')].map((e) => +e.innerText.split('/')[2])"
    assert page.run(f"{numbers}.every((n, i, all) => i === 0 || n === all[i - 1] + 1)")

    # The end stays in view when the window changes.
    bottom = "(e => e.scrollHeight - e.scrollTop - e.clientHeight < 40)"
    bottom += "(document.querySelector('.lines'))"
    page.wait(bottom)
    page.set_view(width=500)
    page.wait(bottom)
    page.set_view()
    page.wait(bottom)
    # A reader who has scrolled up is not disturbed.
    page.wait("(e => e.scrollHeight > e.clientHeight + 200)(document.querySelector('.lines'))")
    page.run("document.querySelector('.lines').scrollTop = 0")
    page.wait("/\\d+ new lines?/.test(document.querySelector('.new-lines')?.innerText)")
    assert page.run("document.querySelector('.lines').scrollTop") == 0

    page.run("document.querySelector('.tools input').focus()")
    page.type("PRODUCTS/7")
    page.wait("document.querySelectorAll('.line').length > 0 && "
              "[...document.querySelectorAll('.line .text')].every("
              "(e) => e.querySelector('mark')?.innerText === 'products/7')")  # fmt: skip
    page.wait_for_text("in the whole log", within=".status")
    page.wait("location.hash.includes('q=PRODUCTS')")
    page.key("Escape", 27)
    page.press("Logs", within=".tabs")
    page.wait_for_text("talker", within=".lines")
    page.wait_for_text("mailer", within=".lines")
    # Filters are part of the address.
    page.run("location.hash += '?level=error'")
    page.wait("[...document.querySelectorAll('.line')].length === 1")
    page.wait_for_text("smtp.local refused", within=".lines")
    assert page.run("document.querySelector('.line').classList.contains('error')")


def test_a_stack_is_started_stopped_and_pruned(
    panel: "StartPanel", project: Path, cli: Cli, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    page.wait_for_text("No worktree has ports yet")
    page.save_screenshot("panel-empty")
    write(project, f"web: {SERVE}\n", "Procfile")
    assert cli("run", "--", "true", cwd=project).returncode == 0
    # It appears automatically.
    page.press("Start", within="article")
    wait_for_state(page, "web", "ready")
    page.wait_for_text("main is ready", within=".toasts")
    page.press("Stop", within="article")
    page.wait_for_text("All its services stop", within="dialog")
    page.press("Cancel", within="dialog")
    page.press("Stop", within="article")
    page.press("Stop the stack", within="dialog")
    page.wait_for_text("main stopped", within=".toasts")
    wait_for_state(page, "web", "not running")
    page.press("More of main")
    page.press("Release ports …")
    page.wait_for_text("No file is removed", within="dialog")
    page.save_screenshot("panel-prune")
    page.press("Cancel", within="dialog")
    page.wait("!document.querySelector('dialog')")
    assert state_of(page, "web") == "not running"
    page.press("More of main")
    page.press("Release ports …")
    page.press("Release ports", within="dialog")
    page.wait_for_text("No worktree has ports yet")

    (project / "Procfile").unlink()
    write(project, "services: {web: {command: exit 7, restart: 'no'}}")
    assert cli("run", "--", "true", cwd=project).returncode == 0
    page.press("Start", within="article")
    page.wait_for_text("up failed:", within=".toasts", timeout_s=60)
    wait_for_state(page, "web", "failed")
    page.save_screenshot("panel-up-failed")
    # The browser reports each response with an error status.
    assert [problem.partition(" http")[0] for problem in page.problems] == [CONFLICT]
    page.problems.clear()


def test_a_stack_that_is_not_ready_yet_is_stopped(
    panel: "StartPanel", project: Path, cli: Cli, pages: "Pages"
) -> None:
    write(project, "services: {web: {command: exec sleep 1000, ready: {tcp: true}}}")
    assert cli("run", "--", "true", cwd=project).returncode == 0
    page = pages()
    page.go(panel().url)
    page.press("Start", within="article")
    wait_for_state(page, "web", "starting")
    page.press("Stop", within="article")
    page.press("Stop the stack", within="dialog")
    page.wait_for_text("main stopped", within=".toasts")
    wait_for_state(page, "web", "not running")
    page.wait_for_text("up failed:", within=".toasts")
    assert [problem.partition(" http")[0] for problem in page.problems] == [CONFLICT]
    page.problems.clear()


def test_a_stack_that_dies_while_it_is_watched_and_two_panels(
    panel: "StartPanel", project: Path, up: "StartUp", pages: "Pages"
) -> None:
    write(project, f"web: {SERVE}\n", "Procfile")
    stack = up(project)
    stack.wait_for("all ready")
    first, second = pages(), pages()
    one, other = panel(), panel()
    first.go(one.url)
    second.go(other.url)
    for page in (first, second):
        wait_for_state(page, "web", "ready")
    first.press("Stop web")
    wait_for_state(second, "web", "stopped")
    second.press("Start web")
    wait_for_state(first, "web", "ready")
    stack.send(signal.SIGKILL)
    for page in (first, second):
        wait_for_state(page, "web", "not running")
    stack.wait()
    other.process.send_signal(signal.SIGINT)
    second.wait_for_text("connection lost", within=".connection")
    second.wait_for_text("The panel does not answer", within=".lost")
    second.save_screenshot("panel-lost")
    second.problems.clear()
    assert state_of(first, "web") == "not running"


def test_the_page_remembers_expanded_worktrees_and_keys_work(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "web", "ready")
    page.key("j")
    page.key("j")
    page.wait("document.activeElement.ariaLabel === 'Services of main'")
    page.key("Enter", 13)
    page.wait("!document.querySelector('[data-service=web]')")
    page.reload()
    page.wait_for_text("2 ready", within=".summary")
    assert not page.run("document.querySelector('[data-service=web]')")
    page.key("/")
    page.wait("document.activeElement.type === 'search'")
    page.type("nobody")
    page.wait_for_text("Nothing matches “nobody”.")
    page.key("Escape", 27)
    page.wait_for_text("2 ready", within=".summary")
    page.type("talker")
    wait_for_state(page, "talker", "ready")
    page.run("document.activeElement.blur()")
    page.key("?")
    page.wait_for_text("these keys", within="dialog")
    page.key("Escape", 27)
    page.wait("!document.querySelector('dialog')")
    # Services have keys too.
    for _ in range(3):
        page.key("j")
    page.wait("document.activeElement.innerText === 'talker'")
    page.key("l")
    page.wait("location.hash === '#/service/shop/main/talker/logs'")
    page.wait_for_text("/products/", within=".lines")
    page.key("w")
    page.wait_for_text("talker is ready", within=".prose")
    page.key("e")
    page.wait_for_text("PORTWEAVE_NAMESPACE", within=".variables")
    page.key("g")
    page.wait("document.querySelectorAll('.graph .node').length === 3")
    page.run("history.back()")
    page.wait_for_text("PORTWEAVE_NAMESPACE", within=".variables")
    page.key("s")
    wait_for_state(page, "talker", "stopped")
    page.key("r")
    wait_for_state(page, "talker", "ready")
    page.run("window.opened = []; window.open = (url) => opened.push(url); 0")
    page.key("o")
    page.run("location.hash = '#/service/shop/main/web'")
    page.wait_for_text("web", within="h1")
    page.key("o")
    page.wait("opened.length === 1 && /^http:.*:\\d+/.test(opened[0])")


def test_a_long_name_does_not_widen_the_page(
    panel: "StartPanel", cli: "Cli", project: Path, pages: "Pages"
) -> None:
    write(project, f"projectName: {'W' * 100}\nservices: {{web: {{command: 'true'}}}}\n")
    assert cli("run", "--", "true", cwd=project).returncode == 0
    page = pages()
    page.go(panel().url)
    page.wait_for_text("WWW")
    for width in (1280, 390):
        page.set_view(width=width)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), width


def test_screen_readers_and_keyboards_can_use_every_view(
    panel: "StartPanel", shop: Path, pages: "Pages", axe: str
) -> None:
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "web", "ready")
    page.wait_for_text("smtp.local refused", within=".told")
    found: dict[str, list[str]] = {}
    for dark, width in ((False, 1280), (True, 390)):
        page.set_view(width=width, dark=dark)
        found[f"list {width}"] = complaints(page, axe)
        page.press("More of web")
        page.wait("!!document.querySelector('.menu.placed:popover-open')")
        found[f"menu {width}"] = complaints(page, axe)
        page.key("Escape", 27)
        page.wait("!document.querySelector('.menu:popover-open')")
        for view, sign in (
            ("stack/shop/main", ".services"),
            ("stack/shop/main/graph", ".graph"),
            ("service/shop/main/talker", ".runs"),
            ("service/shop/main/talker/logs", ".line"),
            ("service/shop/main/talker/why", ".prose"),
            ("service/shop/main/talker/environment", ".variables"),
            ("memory", ".memory"),
        ):
            page.run(f"location.hash = '#/{view}'")
            page.wait(f"!!document.querySelector('{sign}')")
            found[f"{view} {width}"] = complaints(page, axe)
        page.run("location.hash = '#/'")
        wait_for_state(page, "web", "ready")
        page.set_view(dark=dark)
        page.press("Stop", within="article")
        found[f"dialog {dark}"] = complaints(page, axe)
        page.press("Cancel", within="dialog")
        page.press("Keys")
        found[f"keys {dark}"] = complaints(page, axe)
        page.press("Close", within="dialog")
    assert not "\n".join(f"{view}: {text}" for view, texts in found.items() for text in texts)


def rows_of(page: "Page") -> list[list[str | None]]:
    """Return name, state, link and port of each drawn row."""
    found: list[list[str | None]] = (
        page.run("""[...document.querySelectorAll("tr.service")].map((e) => [
        e.dataset.service,
        e.querySelector(".word").innerText,
        e.querySelector(".host")?.innerText ?? null,
        e.querySelector(".port")?.innerText ?? null,
    ])""")
    )
    return found


def test_names_come_before_ports_and_idle_services_link_nowhere(
    panel: "StartPanel", pages: "Pages"
) -> None:
    page = pages()
    page.prepare(scene_script(scene(1, services=6)))
    page.go(panel().url)
    page.wait("document.querySelectorAll('tr.service').length === 6")
    assert rows_of(page) == [
        ["web", "ready", "web.shop.localhost:1355", ":30000"],
        ["api", "ready", "api.shop.localhost:1355", ":30001"],
        ["worker", "ready", None, None],
        # What speaks no HTTP has no link.
        ["db", "ready", None, ":30003"],
        ["redis", "ready", None, ":30004"],
        ["migrate", "completed", None, None],
    ]
    page.press("Run migrate again")
    page.wait("sent.length === 1")
    assert page.run("[sent[0][1].action, sent[0][1].service]") == ["start", "migrate"]
    # The stack ends: its services keep the order of the definition.
    page.run("tell('/api/v1/stream', 'gone', { id: scene.stacks[0].id })")
    page.wait("document.querySelector('.word').innerText === 'not running'")
    assert rows_of(page) == [
        [name, "not running", None, port]
        for name, port in (
            ("web", ":30000"), ("api", ":30001"), ("worker", None), ("db", ":30003"),
            ("redis", ":30004"), ("migrate", None),
        )
    ]  # fmt: skip


def test_a_change_is_marked_for_a_second(panel: "StartPanel", pages: "Pages") -> None:
    page = pages()
    page.prepare(scene_script(scene(1, services=2)))
    page.go(panel().url)
    page.wait("document.querySelectorAll('tr.service').length === 2")
    assert not page.run("document.querySelectorAll('.word.changed').length")
    marked_ms = page.run("""new Promise((done) => {
        const [stack] = scene.stacks;
        stack.services[1].state = "unhealthy";
        tell("/api/v1/stream", "stack", structuredClone(stack));
        const word = () => document.querySelector("[data-service=api] .word");
        let began = null;
        const look = () => {
            if (word().matches(".changed")) began ??= performance.now();
            else if (began !== null) return done(performance.now() - began);
            requestAnimationFrame(look);
        };
        look();
    })""")
    assert 500 < marked_ms < 3000
    assert not page.run("document.querySelectorAll('[data-service=web] .changed').length")
    # A row that leaves its trouble does not move away below the pointer.
    assert [name for name, *_ in rows_of(page)] == ["api", "web"]
    page.run("""{
        const [stack] = scene.stacks;
        stack.services[1].state = "ready";
        tell("/api/v1/stream", "stack", structuredClone(stack));
    }""")
    page.wait("document.querySelector('[data-service=api] .word').innerText === 'ready'")
    assert [name for name, *_ in rows_of(page)] == ["api", "web"]


def test_all_idle_stacks_of_a_project_are_started(panel: "StartPanel", pages: "Pages") -> None:
    page = pages()
    page.prepare(scene_script(scene(3, "idle", services=2)))
    page.go(panel().url)
    page.press("Start all idle")
    page.wait_for_text("Start 3 stacks of shop?", within="dialog")
    page.press("Start all", within="dialog")
    page.wait("sent.length === 3")
    assert page.run("sent.every(([path, body]) => path.endsWith('/stack') && body.action === 'up')")
    assert page.run("new Set(sent.map(([, body]) => body.worktree)).size") == 3


# Random graphs: each node waits for some of those before it, and one pair for each other.
GRAPHS = """(async () => {
    const { layout } = await import("/graph.js");
    const problems = [];
    let seed = 7;
    const need = (name) => ({ name, condition: "ready" });
    const chance = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let turn = 0; turn < 60; turn++) {
        const services = Array.from({ length: 1 + (turn % 14) }, (_, at) => ({
            name: `s${at}`,
            needs: Array.from({ length: at }, (_, before) => need(`s${before}`))
                .filter(() => chance() < 0.3),
        }));
        services[0].needs.push(need("elsewhere"));
        const isCircle = turn % 10 === 9;
        if (isCircle) services[0].needs.push(need("s1"));
        const { nodes, edges, width, height } = layout(services);
        for (const [at, one] of nodes.entries()) {
            if (one.x + 168 > width || one.y + 46 > height) problems.push(`outside: ${turn}`);
            for (const other of nodes.slice(at + 1)) {
                const [x, y] = [Math.abs(one.x - other.x), Math.abs(one.y - other.y)];
                if (x < 168 && y < 46) problems.push(`overlap: ${turn}`);
            }
        }
        const at = new Map(nodes.map((one) => [one.service.name, one]));
        for (const { from, to } of edges) {
            if (!isCircle && at.get(from).x >= at.get(to).x) problems.push(`order: ${turn}`);
        }
    }
    return problems;
})()"""


def test_a_graph_puts_each_service_to_the_right_of_what_it_waits_for(
    panel: "StartPanel", pages: "Pages"
) -> None:
    page = pages()
    page.prepare(scene_script(scene(1, services=2)))
    page.go(panel().url)
    assert page.run(GRAPHS) == []


def test_a_log_shows_levels_runs_dates_and_json_columns(
    panel: "StartPanel", pages: "Pages"
) -> None:
    page = pages()
    page.prepare(scene_script(scene(1)))
    one = panel()
    pages.browser.allow(one.url[:-1], "clipboardReadWrite", "clipboardSanitizedWrite")
    page.go(f"{one.url}#/stack/shop/main/logs")
    page.wait("document.querySelectorAll('.line').length > 50")
    # The scene says the levels; lines on stderr are not red for that.
    assert page.run("document.querySelectorAll('.line.err:not(.error)').length") > 0
    colour = "getComputedStyle(document.querySelector('.line.%s .text')).color"
    assert page.run(colour % "err.info") == page.run(colour % "out.info")
    assert page.run(colour % "err.error") != page.run(colour % "err.info")
    page.wait_for_text("api started again at", within=".between-runs")
    # Names are aligned.
    lefts = "new Set([...document.querySelectorAll('.line .text')].map((e) => e.offsetLeft))"
    assert page.run(f"{lefts}.size") == 1
    page.press("Dates", within=".tools")
    page.wait(
        "/^\\d{4}-\\d\\d-\\d\\d \\d\\d:/.test(document.querySelector('.line .time').innerText)"
    )
    page.press("JSON columns", within=".tools")
    page.wait("document.querySelectorAll('.head-line .column').length > 3")
    heads = page.run("[...document.querySelectorAll('.head-line .column')].map((e) => e.innerText)")
    assert heads[0] == "Message"
    assert {"ms", "method", "path", "status"} <= set(heads)
    cells = "[...document.querySelectorAll('.line:has(.column):not(.head-line)')].at(-1).children"
    assert page.run(f"[...{cells}].map((e) => e.innerText)")[2] == "cache"
    page.press("JSON columns", within=".tools")
    page.press("Wrap", within=".tools")
    page.wait("document.querySelector('.lines').classList.contains('nowrap')")
    page.press("Copy", within=".tools")
    page.wait_for_text("Log copied", within=".toasts")
    copied = page.run("navigator.clipboard.readText()").splitlines()
    assert len(copied) == page.run("document.querySelectorAll('.line').length")
    assert copied[-1].endswith(' api | {"level":"debug","msg":"cache","hit":true,"ms":1}')
    # The appearance outlives a reload; filters are part of the address.
    page.reload()
    page.wait("!!document.querySelector('.lines.nowrap.with-dates .line')")
    link = "new URLSearchParams(document.querySelector('[download]').href.split('?')[1])"
    page.run("location.hash += '?level=warn&stream=err&service=api'")
    page.wait(f"{link}.get('levels') === 'error,warn'")
    assert page.run(f"[...{link}].slice(1).map(([name]) => name)") == [
        "service",
        "levels",
        "stream",
    ]
    assert page.run("[...document.querySelectorAll('select')].map((e) => e.value)") == [
        "api", "warn", "err", "",
    ]  # fmt: skip
