"""Every button of the panel's page, in a real browser."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.panels import wait_for_state
from tests.support.proxies import proxy_run
from tests.support.stacks import (
    IDLE,
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.browser import Page, Pages
    from tests.support.commands import Cli
    from tests.support.panels import StartPanel
    from tests.support.running_stacks import StartUp

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

# A name with unusual characters, which folder names may contain.
ODD = 'it\'s -odd $(touch bad) "here"'
REFUSED = "Failed to load resource: the server responded with a status of 409 (Conflict)"


def stand_in(folder: Path, name: str) -> Path:
    """Create a program that records its folder and its arguments; return the record."""
    folder.mkdir(exist_ok=True)
    note = folder / f"{name}.note"
    program = folder / name
    quoted = shlex.quote(str(note))
    program.write_text(
        f'#!/bin/sh\nprintf "%s|" "$PWD" "$@" > {quoted}.new; mv {quoted}.new {quoted}\n'
    )
    program.chmod(0o755)
    return note


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A linked worktree."""
    main, linked = tmp_path / "shop", tmp_path / ODD
    main.mkdir()
    write(main, f"services: {{web: {{command: {SERVE}}}}}")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(tmp_path)}
    who = ["-c", "user.name=x", "-c", "user.email=x@y"]
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        [*who, "commit", "-q", "-m", "x"],
        ["worktree", "add", "-q", "-b", "fix", str(linked)],
    ):
        argv = ["/usr/bin/env", "git", *words]
        subprocess.run(argv, cwd=main, env=environ, check=True, timeout=20)
    return linked


def choose(page: "Page", menu: str, item: str) -> None:
    """Choose an item of a menu."""
    page.press(f"More of {menu}")
    page.wait("!!document.querySelector('.menu.placed:popover-open')")
    page.press(item, within=".menu:popover-open")
    page.wait("!document.querySelector('.menu:popover-open')")


def test_copies_are_in_the_clipboard_and_programs_are_started(
    panel: "StartPanel",
    linked: Path,
    cli: "Cli",
    pages: "Pages",
    tmp_path: Path,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    programs = tmp_path / "programs"
    editor, terminal = stand_in(programs, "code"), stand_in(programs, "gnome-terminal")
    assert cli("up", "--detach", cwd=linked).returncode == 0
    one = panel(PATH=f"{programs}:{os.environ['PATH']}", DISPLAY=":7", PORTWEAVE_EDITOR="")
    # A worktree's title is its branch.
    title = one.worktree(linked)["branch"]
    assert title == "fix"
    page = pages()
    pages.browser.allow(one.url[:-1], "clipboardReadWrite", "clipboardSanitizedWrite")
    page.go(one.url)
    wait_for_state(page, "web", "ready")
    page.wait_for_text("clean", within=".facts")

    def copied(what: str) -> str:
        page.wait_for_text(f"{what} copied", within=".toasts")
        page.press("Dismiss", within=".toasts")
        page.wait("!document.querySelector('.toast')")
        return str(page.run("navigator.clipboard.readText()"))

    choose(page, title, "Copy path")
    assert copied("Path") == str(linked)
    choose(page, title, "Copy remove command")
    command = copied("Command")
    assert shlex.split(command) == ["git", "worktree", "remove", str(linked)]
    choose(page, "web", "Copy name")
    assert copied("Name") == "web"
    choose(page, "web", "Copy port")
    port = copied("Port")
    choose(page, "web", "Copy URL")
    url = copied("URL")
    assert re.fullmatch(rf"http://(127\.0\.0\.1|localhost):{port}/?", url)
    choose(page, "web", "Copy command")
    assert copied("Command") == SERVE
    choose(page, "web", "Copy logs command")
    assert copied("Command") == "portweave logs -f web"
    link = json.dumps(f"[data-service=web] .host[href='{url}']")
    assert page.run(f"document.querySelector({link}).target") == "_blank"

    choose(page, title, "Open in editor")
    page.wait_for_text("Opened in editor", within=".toasts")
    eventually(editor.exists)
    assert editor.read_text() == f"/|{linked}|"
    choose(page, title, "Open in terminal")
    page.wait_for_text("Opened in terminal", within=".toasts")
    eventually(terminal.exists)
    assert terminal.read_text() == f"{linked}|--working-directory={linked}|"
    assert not list(tmp_path.glob("**/bad"))
    (programs / "code").unlink()
    choose(page, title, "Open in editor")
    page.wait_for_text("Not opened: no editor was found", within=".toasts")
    page.save_screenshot("panel-odd-folder")

    (linked / "new").write_text("x")
    choose(page, title, "Refresh")
    page.wait_for_text("uncommitted changes", within=".facts")


def test_views_open_and_close_by_keys_and_clicks(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "web", "ready")
    # Expand and collapse.
    shown = "document.querySelectorAll('tr.service').length"
    page.press("Collapse all", within=".bulk")
    page.wait(f"{shown} === 0")
    page.press("Expand all", within=".bulk")
    page.wait(f"{shown} === 3")
    page.press("Services of main", within="article")
    page.wait(f"{shown} === 0")
    page.press("Services of main", within="article")
    page.press("shop", within="section.project")
    page.wait("!document.querySelector('article')")
    page.press("shop", within="section.project")
    wait_for_state(page, "web", "ready")
    # A click beside a menu closes it, and so does Escape, which returns the focus.
    opened = "document.querySelectorAll('.menu:popover-open')"
    page.press("More of web")
    page.wait(f"{opened}.length === 1")
    page.press("More of main")
    page.wait(f"{opened}[0]?.ariaLabel === 'More of main'")
    assert page.run(f"{opened}.length") == 1
    page.wait("document.activeElement.innerText === 'Start all'")
    page.key("ArrowDown", 40)
    page.wait("document.activeElement.innerText === 'Restart all'")
    page.key("Escape", 27)
    page.wait(f"{opened}.length === 0")
    page.wait("document.activeElement.ariaLabel === 'More of main'")
    # Links switch the view, and back returns the focus.
    page.press("Memory", within=".top")
    page.wait_for_text("By worktree")
    page.press("talker", within=".memory + .memory")
    page.wait_for_text("printf", within=".about")
    page.press("Stacks", within=".top")
    wait_for_state(page, "mailer", "failed")
    # An error links to its explanation.
    page.wait_for_text("smtp.local refused", within=".told")
    page.run("document.querySelector('.reason').focus()")
    page.key("Enter", 13)
    page.wait_for_text("smtp.local refused", within=".prose")
    page.run("history.back()")
    page.wait("document.activeElement.className === 'reason'")
    page.press("Keys")
    page.wait_for_text("these keys", within="dialog")
    page.key("Escape", 27)
    page.wait("!document.querySelector('dialog')")
    # Escape closes a dialog without an action, and returns the focus.
    page.press("Stop", within="article")
    page.wait("document.querySelectorAll('dialog[open]').length === 1")
    assert page.run("document.activeElement.innerText") == "Cancel"
    page.key("Escape", 27)
    page.wait("!document.querySelector('dialog')")
    assert page.run("document.activeElement.innerText") == "Stop"
    wait_for_state(page, "web", "ready")
    # Three themes; the choice outlives a reload.
    page.press("Theme: system")
    page.press("Theme: light")
    page.wait("document.documentElement.dataset.theme === 'dark'")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.run(background) == "rgb(14, 18, 23)"
    page.reload()
    assert page.run(background) == "rgb(14, 18, 23)"
    page.press("Theme: dark")
    page.wait("!document.documentElement.dataset.theme")


def test_a_filter_and_a_search_show_what_is_in_trouble(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "mailer", "failed")
    names = "[...document.querySelectorAll('tr.service')].map((e) => e.dataset.service).join()"
    page.press("1 in trouble", within=".filters")
    page.wait(f"{names} === 'mailer'")
    page.reload()
    page.wait(f"{names} === 'mailer'")
    page.press("2 ready", within=".filters")
    page.wait(f"{names} === 'web,talker'")
    page.press("3 all", within=".filters")
    page.key("/")
    page.type("smtp refused")
    page.wait(f"{names} === 'mailer'")
    page.key("Escape", 27)
    page.wait(f"{names} === 'mailer,web,talker'")
    page.type("ready")
    page.wait(f"{names} === 'web,talker'")


def test_all_services_are_stopped_started_and_restarted(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url + "#/stack/shop/main")
    wait_for_state(page, "web", "ready")
    page.press("Stop all")
    wait_for_state(page, "web", "stopped")
    wait_for_state(page, "talker", "stopped")
    page.press("Start all")
    wait_for_state(page, "web", "ready")
    wait_for_state(page, "talker", "ready")
    page.wait_for_text("All of main starts", within=".toasts")
    page.press("Restart all")
    page.wait_for_text("All of main restarts", within=".toasts")
    wait_for_state(page, "web", "ready")


def test_a_stack_that_ended_badly_says_so_afterwards(
    panel: "StartPanel", project: Path, up: "StartUp", pages: "Pages"
) -> None:
    write(project, 'services: {mailer: {command: "exit 3", port: false, restart: "no"}}')
    stack = up(project)
    page = pages()
    page.go(panel().url)
    assert stack.wait() == 1
    page.wait_for_text("ended badly", within=".summary")
    page.wait("document.title === '(1) portweave'")
    page.press("1 in trouble", within=".filters")
    page.wait("document.querySelectorAll('article').length === 1")
    page.press("1 all", within=".filters")
    page.press("Services of main")
    page.wait_for_text("mailer failed: exited with status 3", within="article .problem")
    page.run("location.hash = document.querySelector('.cell-name a').hash")
    page.wait_for_text("The stack ended", within=".page")
    page.wait_for_text("status 3", within=".runs")


def test_a_log_is_cleared_and_a_pause_outlives_a_search(
    panel: "StartPanel", shop: Path, pages: "Pages"
) -> None:
    page = pages()
    page.go(panel().url)
    lines = "document.querySelectorAll('.line').length"
    page.press("Logs of mailer")
    page.wait_for_text("smtp.local refused", within=".lines")
    page.wait_for_text("1 line", within=".status")
    page.press("Clear", within=".tools")
    page.wait(f"{lines} === 0")
    page.wait_for_text("Cleared", within=".status")
    page.run("document.querySelector('main input[type=search]').focus()")
    page.type("nowhere to be found")
    page.wait_for_text("No line with", within=".status")
    page.run("history.back()")
    page.press("Logs of talker")
    page.wait_for_text("/products/", within=".lines")
    page.press("Pause", within=".tools")
    page.run("document.querySelector('main input[type=search]').focus()")
    # The search finds earlier lines. New lines are counted, not shown.
    page.type("PRODUCTS/")
    page.wait("document.querySelectorAll('.line mark').length > 0")
    page.wait("/\\d+ new lines?/.test(document.querySelector('.new-lines')?.innerText)")
    before = page.run(lines)
    page.press("Clear", within=".tools")
    page.wait(f"{lines} === 0")
    page.press("Resume", within=".tools")
    page.wait(f"{lines} > 0")
    assert before > 0


def test_a_secret_is_shown_on_demand(panel: "StartPanel", shop: Path, pages: "Pages") -> None:
    page = pages()
    one = panel()
    pages.browser.allow(one.url[:-1], "clipboardReadWrite", "clipboardSanitizedWrite")
    page.go(one.url)
    wait_for_state(page, "web", "ready")
    choose(page, "web", "Environment")
    page.wait_for_text("API_KEY", within=".variables")
    page.run("document.querySelector('main input[type=search]').focus()")
    page.type("api_k")
    rows = "document.querySelectorAll('.variables tbody tr').length"
    page.wait(f"{rows} === 1")
    assert "sk-very-secret" not in page.run("document.documentElement.outerHTML")
    page.press("Show API_KEY", within=".variables")
    page.wait_for_text("sk-very-secret", within=".variables")
    page.save_screenshot("panel-revealed")
    page.press("API_KEY", within=".variables")
    page.wait_for_text("API_KEY copied", within=".toasts")
    assert page.run("navigator.clipboard.readText()") == "API_KEY=sk-very-secret"
    page.press("Hide API_KEY", within=".variables")
    page.wait_for_text("hidden", within=".variables tbody")
    page.press("Show API_KEY", within=".variables")
    page.wait_for_text("sk-very-secret", within=".variables")
    page.press("Why", within=".tabs")
    page.wait_for_text("web is ready.", within=".prose")
    page.press("Refresh", within=".prose")
    page.press("Environment", within=".tabs")
    page.wait_for_text("API_KEY", within=".variables")
    assert "sk-very-secret" not in page.text()


def test_a_service_without_a_port_is_scaled_and_one_is_stopped_with_its_stack(
    panel: "StartPanel", project: Path, up: "StartUp", pages: "Pages"
) -> None:
    write(project, f"services: {{worker: {IDLE}}}")
    up(project).wait_for("all ready")
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "worker", "ready")

    def scale(count: int) -> None:
        page.press("More of worker")
        page.wait("!!document.querySelector('.menu.placed:popover-open')")
        page.run("document.querySelector('.menu:popover-open .scale input').focus()")
        page.run("document.activeElement.select()")
        page.type(str(count))
        page.press("Scale", within=".menu:popover-open")

    scale(3)
    wait_for_state(page, "worker.3", "ready")
    page.wait_for_text("worker has 3 instances", within=".toasts")
    page.press("Stop worker.3")
    wait_for_state(page, "worker.3", "stopped")
    scale(1)
    page.wait("document.querySelectorAll('tr.service').length === 1")
    page.press("Stop", within="article")
    page.press("Stop the stack", within="dialog")
    wait_for_state(page, "worker", "not running")
    page.press("Logs of worker")
    page.wait_for_text("up", within=".lines")
    page.press("Why", within=".tabs")
    page.wait_for_text("The stack is not running", within=".page")


def test_an_unreadable_list_is_reported_and_recovers(
    panel: "StartPanel", home: Path, pages: "Pages"
) -> None:
    registry = home / "config" / "portweave" / "registry.json"
    registry.parent.mkdir(parents=True, exist_ok=True)
    registry.write_text("[]")
    page = pages()
    page.go(panel().url)
    page.wait_for_text("Cannot read the list")
    page.save_screenshot("panel-damaged")
    assert {problem.partition(" http")[0] for problem in page.problems} == {REFUSED}
    page.problems.clear()
    registry.unlink()
    page.wait_for_text("No worktree has ports yet")


def test_pull_requests_are_shown_where_gh_knows_them(
    panel: "StartPanel", linked: Path, cli: "Cli", pages: "Pages", tmp_path: Path
) -> None:
    assert cli("run", "--", "true", cwd=linked).returncode == 0
    programs = tmp_path / "programs"
    programs.mkdir()
    answer = tmp_path / "answer"
    (programs / "gh").write_text(f'#!/bin/sh\ntest "$1" = auth || cat {answer}\n')
    (programs / "gh").chmod(0o755)
    request: dict[str, object] = {
        "number": 42, "url": "https://github.com/shop/shop/pull/42", "title": "<b>Sell</b> more",
        "state": "OPEN", "isDraft": False, "reviewDecision": "CHANGES_REQUESTED",
        "statusCheckRollup": [{"__typename": "StatusContext", "state": "FAILURE"}],
    }  # fmt: skip
    answer.write_text(json.dumps(request))
    one = panel(PATH=f"{programs}:{os.environ['PATH']}")
    # A worktree's title is its branch.
    title = one.worktree(linked)["branch"]
    assert title == "fix"
    page = pages()
    page.go(one.url)
    page.press("Services of fix")
    page.wait_for_text("#42 open, checks failed, changes requested", within=".facts")
    tag = "document.querySelector('.facts a')"
    assert page.run(f"[{tag}.href, {tag}.title, {tag}.target, {tag}.rel]") == [
        request["url"],
        request["title"],
        "_blank",
        "noreferrer",
    ]
    page.save_screenshot("panel-request")
    answer.write_text(json.dumps({**request, "state": "MERGED"}))
    choose(page, title, "Refresh")
    page.wait_for_text("#42 merged", within=".facts")
    page.wait_for_text("safe to prune", within=".facts")


# As if the tab were hidden for half a minute.
UNSEEN = """
    const wait = setTimeout;
    window.setTimeout = (work, ms, ...more) => wait(work, ms === 30000 ? 10 : ms, ...more);
    window.look = (isSeen) => {
        Object.defineProperty(document, "hidden", { configurable: true, value: !isSeen });
        document.dispatchEvent(new Event("visibilitychange"));
    };
    window.streams = {};
    window.EventSource = class extends EventSource {
        constructor(url) {
            super(url);
            streams[url.split("?")[0]] = this;
        }
    };
"""


def test_a_hidden_tab_holds_no_connection_and_catches_up(
    panel: "StartPanel", shop: Path, cli: "Cli", pages: "Pages"
) -> None:
    page = pages()
    page.prepare(UNSEEN)
    page.go(panel().url)
    wait_for_state(page, "web", "ready")
    page.press("Logs of talker")
    page.wait_for_text("/products/", within=".lines")
    page.run("look(false)")
    page.wait("Object.values(streams).every((one) => one.readyState === EventSource.CLOSED)")
    assert cli("stop", "web", cwd=shop).returncode == 0
    assert cli("restart", "talker", cwd=shop).returncode == 0
    page.run("look(true)")
    page.wait_for_text("/products/1", within=".lines")
    page.run("history.back()")
    wait_for_state(page, "web", "stopped")
    page.press("Logs of talker")
    page.wait_for_text("/products/", within=".lines")
    # The lines at the pause stay.
    page.press("Pause", within=".tools")
    page.run("look(false)")
    page.wait("streams['/api/v1/stream'].readyState === EventSource.CLOSED")
    assert page.run("streams['/api/v1/logs'].readyState") == 1
    page.run("look(true)")
    page.wait("streams['/api/v1/stream'].readyState === EventSource.OPEN")


def test_it_is_used_by_its_name(
    panel: "StartPanel", shop: Path, cli: "Cli", pages: "Pages"
) -> None:
    """Through the proxy, events arrive and changes work as on the panel's own port."""
    with proxy_run(cli) as (_, port):
        one = panel(PORTWEAVE_PROXY="1")
        assert f"http://portweave.localhost:{port}/" in one.said
        page = pages()
        page.go(f"http://portweave.localhost:{port}/")
        page.wait_for_text("live", within=".connection")
        wait_for_state(page, "web", "ready")
        page.press("Stop web")
        wait_for_state(page, "web", "stopped")
        page.press("Logs of talker")
        page.wait_for_text("/products/", within=".lines")
        count = page.run("document.querySelectorAll('.line').length")
        page.wait(f"document.querySelectorAll('.line').length > {count}")
        page.save_screenshot("panel-by-name")
        # The page of a service whose name has the same suffix gets nothing.
        answer = page.run(
            f"fetch('{one.url}api/v1/worktrees', {{mode: 'no-cors'}})"
            ".then((r) => r.type, (e) => String(e))"
        )
        assert "TypeError" in answer
        page.problems.clear()
        one.end()
        page.wait_for_text("connection lost", within=".connection")
        page.problems.clear()
