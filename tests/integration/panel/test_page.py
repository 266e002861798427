"""The panel's page in a real browser: stacks on the page, and actions on them."""

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Cli
from tests.support.locked_packages import npm_packages
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
    found = page.run("axe.run().then((found) => JSON.stringify(found.violations))")
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
    page.wait_for_text("ConnectionRefusedError: smtp.local refused", within=".last-error")
    page.wait_for_text("on disk", within=".facts")
    page.wait("document.querySelectorAll('[data-service=talker] svg.plot polyline').length === 2")
    page.wait_for_text("1 with problems", within=".totals")
    page.save_screenshot("panel-services")

    page.press("Stop web")
    wait_for_state(page, "web", "stopped")
    page.wait_for_text("web stopped", within=".toasts")
    page.press("Start web")
    wait_for_state(page, "web", "ready")
    old = page.run("document.querySelector('[data-service=talker]').innerText")
    page.press("Restart talker")
    page.wait_for_text("talker restarts", within=".toasts")
    wait_for_state(page, "talker", "ready")
    assert old

    page.press("More of web")
    page.run("document.querySelector('[data-service=web] .scale input').focus()")
    page.type("2")
    page.key("Enter", 13)
    wait_for_state(page, "web.2", "ready")
    page.save_screenshot("panel-scaled")

    page.press("More of web")
    page.press("Environment", within="[data-service=web]")
    page.wait_for_text("API_KEY", within=".drawer")
    assert "sk-very-secret" not in page.text()
    page.save_screenshot("panel-environment")
    page.press("Why", within=".drawer")
    page.wait_for_text("web is ready.", within=".drawer")
    page.key("Escape", 27)
    page.wait("!document.querySelector('.drawer')")

    page.press("More of mailer")
    page.press("Why?", within="[data-service=mailer]")
    page.wait_for_text("exited with status 3", within=".drawer")
    page.wait_for_text("smtp.local refused", within=".drawer")
    page.save_screenshot("panel-why")
    page.press("Close", within=".drawer")
    page.run("location.hash = '#memory'")
    page.wait_for_text("By worktree")
    page.wait_for_text("talker", within=".memory + .memory")
    page.save_screenshot("panel-memory")


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
    page.wait_for_text("Stopping …", within="[data-service=web] .acts")
    assert page.run("held.map(([action]) => action).join()") == "restart"
    page.run("held[0][1]()")
    page.wait("held.length === 2")
    assert page.run("held[1][0]") == "stop"
    page.run("held[1][1]()")
    wait_for_state(page, "web", "stopped")
    page.wait_for_text("web restarts", within=".toasts")
    page.wait_for_text("web stopped", within=".toasts")
    page.wait_for_text("Start", within="[data-service=web] .acts")
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
    page.save_screenshot("panel-logs-dark")
    page.set_view()

    page.press("Pause", within=".drawer")
    before = page.run("document.querySelectorAll('.line').length")
    page.wait("/Resume \\(\\d+ new\\)/.test(document.querySelector('.drawer').innerText)")
    assert page.run("document.querySelectorAll('.line').length") == before
    # Its name contains a counter, so it is found by its class.
    page.run("document.querySelector('[aria-pressed=true]').click()")
    page.wait(f"document.querySelectorAll('.line').length > {before}")
    # No line is missing or repeated.
    numbers = "[...document.querySelectorAll('.line .text')].map((e) => +e.innerText.split('/')[2])"
    assert page.run(f"{numbers}.every((n, i, all) => i === 0 || n === all[i - 1] + 1)")

    page.run("document.querySelector('.drawer input').focus()")
    page.type("PRODUCTS/7")
    page.wait("document.querySelectorAll('.line').length > 0 && "
              "[...document.querySelectorAll('.line .text')].every("
              "(e) => e.querySelector('mark')?.innerText === 'products/7')")  # fmt: skip
    page.save_screenshot("panel-logs-search")
    page.press("Logs of main")
    page.wait_for_text("All services", within=".drawer")
    page.wait_for_text("mailer", within=".lines")
    page.save_screenshot("panel-logs-all")


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
    page.press("Start the stack main")
    wait_for_state(page, "web", "ready")
    page.wait_for_text("main is ready", within=".toasts")
    page.press("Stop the stack main")
    page.wait_for_text("Stop", within="dialog")
    page.press("Cancel", within="dialog")
    page.press("Stop the stack main")
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
    page.press("Start the stack main")
    page.wait_for_text("up failed:", within=".toasts", timeout_s=60)
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
    page.press("Start the stack main")
    wait_for_state(page, "web", "starting")
    page.press("Stop the stack main")
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
    page.wait("document.activeElement.innerText.trim() === 'main'")
    page.key("Enter", 13)
    page.wait("!document.querySelector('[data-service=web]')")
    page.go(page.run("location.href"))
    page.wait_for_text("2 ready", within=".about")
    assert not page.run("document.querySelector('[data-service=web]')")
    page.key("/")
    page.wait("document.activeElement.type === 'search'")
    page.type("nobody")
    page.wait_for_text("Nothing matches “nobody”.")
    page.key("Escape", 27)
    page.wait_for_text("2 ready", within=".about")
    page.type("talker")
    wait_for_state(page, "talker", "ready")
    page.run("document.activeElement.blur()")
    page.key("?")
    page.wait_for_text("these keys", within=".help")
    page.key("?")
    page.wait("!document.querySelector('.help')")
    page.press("Logs of talker")
    page.wait("document.activeElement.id === 'drawer-title'")
    page.key("Escape", 27)
    page.wait("document.activeElement.getAttribute('aria-label') === 'Logs of talker'")


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
    page.wait_for_text("smtp.local refused", within=".last-error")
    found: dict[str, list[str]] = {}
    for dark in (False, True):
        for width in (1280, 390):
            page.set_view(width=width, dark=dark)
            found[f"list {width} {dark}"] = complaints(page, axe)
            page.save_screenshot(f"panel-{width}-{'dark' if dark else 'light'}")
            for menu in ("More of main", "More of web"):
                page.press(menu)
                page.wait("document.querySelectorAll('details.menu[open]').length === 1")
                # No part of the page extends beyond the edge.
                assert page.run("document.documentElement.scrollWidth <= innerWidth"), width
                if menu == "More of web":
                    page.save_screenshot(f"panel-{width}-menu-{'dark' if dark else 'light'}")
                page.key("Escape", 27)
                page.wait("!document.querySelector('details.menu[open]')")
            page.press("Logs of talker")
            page.wait_for_text("/products/", within=".lines")
            found[f"logs {width} {dark}"] = complaints(page, axe)
            page.press("Why", within=".drawer")
            page.wait_for_text("talker is ready", within=".drawer")
            found[f"why {width} {dark}"] = complaints(page, axe)
            page.press("Environment", within=".drawer")
            page.wait_for_text("PORTWEAVE_NAMESPACE", within=".drawer")
            found[f"environment {width} {dark}"] = complaints(page, axe)
            page.press("Close", within=".drawer")
        page.set_view(dark=dark)
        page.press("More of web")
        found[f"menu {dark}"] = complaints(page, axe)
        page.key("Escape", 27)
        page.press("Stop the stack main")
        found[f"dialog {dark}"] = complaints(page, axe)
        page.press("Cancel", within="dialog")
        page.run("location.hash = '#memory'")
        page.wait_for_text("By worktree")
        found[f"memory {dark}"] = complaints(page, axe)
        page.run("location.hash = ''")
    assert not [f"{view}: {text}" for view, texts in found.items() for text in texts]
