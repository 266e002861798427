"""`portweave settle` with real services."""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Git
    from tests.support.detached_stacks import Detached

STACK = """
services:
  web: {command: python3 -u web.py, port: false, watch: [web.py]}
  idle: {command: sleep 99, port: false}
"""
GOOD = "import time\nprint('up', flush=True)\ntime.sleep(99)\n"
SETTINGS = ("--json", "--timeout", "30")


def age(path: Path) -> None:
    """Make a file older than settle looks."""
    old_s = time.time() - 300
    os.utime(path, (old_s, old_s))


def settle(stack: "Detached", *words: str, status: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(stack("settle", *SETTINGS, *words, status=status).stdout)
    return answer


def test_an_edit_that_breaks_a_service_and_one_that_mends_it(
    project: Path, detached: "Detached", git: "Git"
) -> None:
    git("init", "-q", cwd=project)
    source = project / "web.py"
    source.write_text(GOOD)
    write(project, STACK)
    for path in project.iterdir():
        if path.is_file():
            age(path)
    detached.up()
    calm = settle(detached, status=0)
    assert (calm["verdict"], calm["reaction"], calm["changed"]) == ("ok", "none", None)

    source.write_text("prnt()\n" + GOOD)
    broken = settle(detached, "--since", calm["cursor"], status=1)
    assert (broken["verdict"], broken["changed"]["file"]) == ("new", "web.py")
    web = broken["services"][0]
    assert (web["name"], web["reaction"]) == ("web", "restart")
    assert [(error["place"], error["message"][:9]) for error in web["errors"]] == [
        ("web.py:1", "NameError")
    ]
    assert web["changes"][0]["exitCode"] == 1

    again = settle(detached, status=1)
    assert again["verdict"] == "still"
    assert "NameError" in again["services"][0]["broken"]
    brief = detached("logs", "--brief", "--after", broken["cursor"]).stdout
    assert "cursor: " in brief

    source.write_text(GOOD)
    mended = settle(detached, "--since", again["cursor"], status=0)
    assert mended["verdict"] == "ok"
    assert mended["services"][0]["state"] == "ready"
    text = detached("settle", "idle").stdout
    assert text.startswith("ok: ")
    assert text.splitlines()[-1].startswith("cursor: ")


def test_a_service_that_goes_on_printing_has_not_settled(
    project: Path, detached: "Detached"
) -> None:
    write(project, "services:\n  web: {command: 'while :; do echo; date; done', port: false}\n")
    detached.up()
    done = settle(detached, "--timeout", "300ms", status=124)
    assert done["verdict"] == "not-settled"
    assert done["services"][0]["waits"]


def test_a_wrong_cursor_and_an_unknown_service_are_refused(
    project: Path, detached: "Detached"
) -> None:
    write(project, "services:\n  web: {command: sleep 99, port: false}\n")
    detached.up()
    assert "--since takes a cursor" in detached("settle", "--since", "x", status=1).stderr
    assert "no service 'nosuch'" in detached("settle", "nosuch", status=1).stderr


@pytest.mark.slow
def test_a_service_that_prints_the_same_all_the_time_does_not_hold_up_the_answer(
    project: Path, detached: "Detached"
) -> None:
    beat = "while :; do echo beat; sleep 0.2; done"
    write(project, f"services:\n  web: {{command: '{beat}', port: false}}\n")
    detached.up()
    (project / "new.py").write_text("x = 1\n")
    assert settle(detached, status=0)["verdict"] == "ok"
