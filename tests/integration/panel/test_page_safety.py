"""Whatever comes from files, git, services and GitHub is text on the panel's page, never markup."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.panel_scenes import MARKUP, scene, scene_script
from tests.support.panels import wait_for_state
from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.browser import Page, Pages
    from tests.support.panels import StartPanel
    from tests.support.running_stacks import StartUp

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def assert_is_text(page: "Page", view: str) -> None:
    """Check that markup has made no element, and that none of its script ran."""
    made = page.run("document.querySelectorAll('#app img[src=x], #app script').length")
    assert (page.run("window.hacked ?? null"), made) == (None, 0), view


def hostile_scene() -> dict[str, Any]:
    """Return a scene in which every text is markup."""
    text = json.dumps(scene(2, "trouble"))
    for name in ("mailer", "fix-login", "billing-platform", "worker", "ECONNREFUSED"):
        text = text.replace(name, MARKUP)
    found: dict[str, Any] = json.loads(text)
    project = found["listing"]["projects"][0]
    project["name"] = MARKUP
    worktree = project["worktrees"][0]
    worktree.update(branch=MARKUP, problem=MARKUP, definitionFile=MARKUP, startOptions=MARKUP)
    worktree["worktreeRoot"] = f"/home/{MARKUP}"
    worktree["services"][0]["links"].append({"envVar": MARKUP, "url": "javascript:hacked=1"})
    row = found["stacks"][0]["services"][0]
    row.update(reason=MARKUP, lastError=MARKUP, url="javascript:window.hacked=1")
    found["lines"] = [
        [1_000, MARKUP, "out", MARKUP, "error", 1],
        [2_000, MARKUP, "err", json.dumps({"msg": MARKUP, MARKUP: MARKUP}), "", 2],
        [3_000, MARKUP, "note", f"\x1b[31m{MARKUP}\x1b[0m", "", 2],
    ]
    stamp = "2026-01-01T00:00:00.000Z"
    run = {"startedAt": stamp, "readyAt": None, "endedAt": stamp, "end": "failed", "exitCode": 1}
    found["answers"] = {
        "/api/v1/facts": {
            "branch": MARKUP, "kind": "linked", "isWhole": True, "diskSizeBytes": 1,
            "workingTreeClean": True, "removeCommand": MARKUP,
            "pullRequest": {
                "number": 1, "state": "open", "url": "", "title": MARKUP, "review": MARKUP,
                "isDraft": False, "checks": MARKUP,
            },
        },
        "/api/v1/details": {
            "plan": {
                "name": MARKUP, "command": MARKUP, "workingDir": MARKUP, "port": 1,
                "hostname": MARKUP, "oneshot": False, "restart": MARKUP, "watch": [MARKUP],
                "needs": [{"name": MARKUP, "condition": MARKUP}],
                "probes": [
                    {"kind": "exec", "target": MARKUP, "passed": False, "reason": MARKUP,
                     "at": stamp},
                ],
            },
            "runs": [{**run, "reason": MARKUP, "restarts": 0}],
            "samples": [],
        },
        "/api/v1/why": {
            "name": MARKUP, "state": MARKUP, "chain": [MARKUP, MARKUP], "lastLines": [MARKUP],
            "cause": {"kind": MARKUP, "text": MARKUP, "hint": MARKUP, "place": MARKUP},
            "lastGoodAt": stamp, "differences": [MARKUP],
        },
        "/api/v1/environment": {
            "name": MARKUP, "workingDir": MARKUP, "canReveal": True, "hidden": [MARKUP],
            "environment": {MARKUP: MARKUP},
        },
    }  # fmt: skip
    return found


def test_markup_in_any_text_stays_text(panel: "StartPanel", pages: "Pages") -> None:
    page = pages()
    page.prepare(scene_script(hostile_scene()))
    page.prepare("localStorage.setItem('portweave.log', '{\"json\": true}')")
    page.go(panel().url)
    page.wait_for_text(MARKUP, within="main")
    page.press("Expand all")
    page.wait("document.querySelectorAll('tr.service').length >= 10")
    assert_is_text(page, "list")
    assert not page.run("document.querySelectorAll('[href^=javascript]').length")
    stack = page.run("document.querySelector('.title').hash")
    service = page.run("document.querySelector('.cell-name a').hash")
    for view, sign in (
        (stack, ".services"),
        (f"{stack}/graph", ".graph"),
        (f"{stack}/logs", ".line"),
        (service, ".runs"),
        (f"{service}/logs?q=img", ".line mark"),
        (f"{service}/why", ".prose"),
        (f"{service}/environment", ".variables"),
        ("#/memory", ".memory"),
        (f"#/?q={quote(MARKUP)}", "article, .empty"),
        (f"#/stack/{quote(MARKUP, safe='')}/x", ".empty"),
    ):
        page.run(f"location.hash = {json.dumps(view)}")
        page.wait(f"!!document.querySelector({json.dumps(sign)})")
        assert_is_text(page, view)


def test_markup_from_git_and_a_real_service_stays_text(
    panel: "StartPanel", project: Path, up: "StartUp", pages: "Pages"
) -> None:
    branch = "<img/src=x/onerror=window.hacked=1>"
    who = ["-c", "user.name=x", "-c", "user.email=x@y"]
    for words in (
        ["init", "-q", "-b", branch],
        [*who, "commit", "-q", "--allow-empty", "-m", MARKUP],
    ):
        argv = ["/usr/bin/env", "git", *words]
        subprocess.run(argv, cwd=project, check=True, timeout=20)
    write(
        project,
        json.dumps(
            {
                "projectName": "shop",
                "services": {
                    "web": {
                        "command": f"echo '{MARKUP}'; echo 'Error: {MARKUP}' >&2; exit 3",
                        "port": False,
                        "restart": "no",
                    },
                    "other": {"command": "exec sleep 1000", "port": False},
                },
            }
        ),
    )
    up(project).wait_for("failed")
    page = pages()
    page.go(panel().url)
    wait_for_state(page, "web", "failed")
    page.wait_for_text(branch, within="article")
    page.wait_for_text("<img src=x", within=".told")
    assert_is_text(page, "list")
    page.press("Logs of web")
    page.wait_for_text(MARKUP, within=".lines")
    assert_is_text(page, "logs")
    page.press("Why", within=".tabs")
    page.wait_for_text("exited with status 3", within=".prose")
    assert_is_text(page, "why")
