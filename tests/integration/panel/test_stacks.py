"""The panel over HTTP, with real stacks."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from portweave.errors import PanelForbiddenError
from portweave.panel.actions import Actions
from portweave.panel.worktrees import KnownWorktree, Worktrees
from portweave.supervisor.reporting.run_history import RunHistory
from tests.support.commands import Cli
from tests.support.panels import Panel
from tests.support.stacks import (
    IDLE,
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.panels import StartPanel
    from tests.support.running_stacks import Stack, StartUp


STACK = f"""
projectName: shop
services:
  web:
    command: {SERVE}
    environment:
      API_KEY: sk-very-secret
      DATABASE_URL: postgres://user:hunter22@db/shop
  worker:
    port: false
    command: "echo it runs; echo 'fatal: sk-very-secret' >&2; exec sleep 1000"
    environment:
      API_KEY: sk-very-secret
"""


def started(up: "StartUp", project: Path) -> "Stack":
    write(project, STACK)
    stack = up(project)
    stack.wait_for("all ready")
    return stack


def rows(panel: Panel, root: Path, seen: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the services of a stack by instance, once they satisfy a condition."""
    with panel.events("/api/v1/stream") as events:
        found: dict[str, Any] = {}
        for kind, data in events:
            if kind == "hello":
                ids = [panel.worktree(root)["id"]]
                panel.post("/api/v1/open", {"stream": data["stream"], "worktrees": ids})
            for stack in data["stacks"] if kind == "stacks" else [data] * (kind == "stack"):
                if stack["worktreeRoot"] == str(root):
                    found = {f"{row['name']}.{row['instance']}": row for row in stack["services"]}
                    if found and seen(found):
                        return found
    raise AssertionError(found)


@pytest.mark.slow
def test_states_and_usage_of_services_are_streamed(
    panel: "StartPanel", up: "StartUp", project: Path
) -> None:
    stack = started(up, project)
    one = panel()

    def is_measured(found: dict[str, Any]) -> bool:
        return bool(found["web.1"]["samples"]) and bool(found["worker.1"]["lastError"])

    found = rows(one, project, is_measured)
    assert found["web.1"]["state"] == "ready"
    assert found["web.1"]["rssBytes"] > 1_000_000
    at_s, percent, rss_bytes = found["web.1"]["samples"][-1]
    assert at_s > 1e9
    assert percent >= 0
    assert rss_bytes > 1_000_000
    assert found["worker.1"]["lastError"].startswith("fatal: ")
    # A page that opens later gets what an earlier one has measured.
    path = f"/api/v1/details?worktree={one.worktree(project)['id']}&service=web"
    assert one.get(path)["samples"][-1][2] > 1_000_000
    states: set[str] = set()
    with one.events("/api/v1/stream") as events:
        for kind, data in events:
            if kind == "hello":
                stack.send(signal.SIGINT)
            states |= {row["state"] for row in data["services"]} if kind == "stack" else set()
            if kind == "gone":
                break
    assert states & {"stopping", "stopped"}
    assert stack.wait() == 130


@pytest.mark.slow
def test_a_supervisor_that_is_killed_while_it_is_watched_is_gone(
    panel: "StartPanel", up: "StartUp", project: Path
) -> None:
    stack = started(up, project)
    one = panel()
    rows(one, project, lambda found: found["web.1"]["state"] == "ready")
    with one.events("/api/v1/stream") as events:
        for kind, data in events:
            if kind == "stacks" and data["stacks"]:
                os.kill(data["stacks"][0]["supervisor"]["pid"], signal.SIGKILL)
            if kind == "gone":
                break
    stack.wait()
    assert one.get("/api/v1/worktrees")


def test_services_are_stopped_started_restarted_and_scaled(
    panel: "StartPanel", up: "StartUp", project: Path
) -> None:
    started(up, project)
    one = panel()
    where = one.worktree(project)["id"]

    def act(action: str, service: str, **more: object) -> Any:
        fields = {"worktree": where, "action": action, "service": service, **more}
        return one.post("/api/v1/service", fields)

    before = rows(one, project, lambda found: found["web.1"]["pid"])
    act("stop", "web")
    assert rows(one, project, lambda found: found["web.1"]["state"] == "stopped")
    act("start", "web")
    assert rows(one, project, lambda found: found["web.1"]["state"] == "ready")
    act("restart", "worker")
    old = before["worker.1"]["pid"]
    assert rows(
        one,
        project,
        lambda found: found["worker.1"]["state"] == "ready" and found["worker.1"]["pid"] != old,
    )
    one.post("/api/v1/scale", {"worktree": where, "service": "web", "count": 2})
    assert rows(one, project, lambda found: found.get("web.2", {}).get("state") == "ready")
    for fields, status in (
        ({"action": "restart", "service": "nobody"}, 409),
        ({"action": "kill", "service": "web"}, 400),
        ({"action": "restart", "service": ""}, 400),
        ({"action": "restart"}, 400),
    ):
        one.post("/api/v1/service", {"worktree": where, **fields}, status=status)
    for count in (-1, 101, 1.5, True, "2", None):
        wrong = {"worktree": where, "service": "web", "count": count}
        one.post("/api/v1/scale", wrong, status=400)
    refused = one.post(
        "/api/v1/scale", {"worktree": where, "service": "nobody", "count": 1}, status=409
    )
    assert refused["code"] == "PW0608"
    assert "nobody" in refused["error"]


def test_secrets_are_masked(panel: "StartPanel", up: "StartUp", project: Path) -> None:
    started(up, project)
    one = panel()
    where = one.worktree(project)["id"]
    found = one.get(f"/api/v1/environment?worktree={where}&service=web")["environment"]
    assert found["API_KEY"] == "***"
    assert found["DATABASE_URL"] == "postgres://user:***@db/shop"
    assert found["PORTWEAVE_SERVICE"] == "web-main"
    # The panel's own page may ask for one of them.
    one_of = {"worktree": where, "service": "web", "name": "API_KEY"}
    assert one.post("/api/v1/reveal", one_of) == {"value": "sk-very-secret"}
    one.post("/api/v1/reveal", {**one_of, "name": "NO_KEY"}, status=404)
    one.post("/api/v1/reveal", {**one_of, "name": None}, status=400)
    one.post("/api/v1/reveal", {**one_of, "service": "nobody"}, status=409)
    one.post("/api/v1/reveal", {**one_of, "worktree": "x"}, status=404)
    told = one.get(f"/api/v1/why?worktree={where}&service=worker")
    assert told["name"] == "worker"
    assert "fatal: ***" in told["lastLines"]
    assert one.send("GET", f"/api/v1/why?worktree={where}&service=nobody")[0] == 409


def test_no_secret_is_revealed_where_the_user_of_a_request_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """macOS does not tell which user owns a connection."""
    monkeypatch.setattr("portweave.system.peer_credentials.IS_KNOWN", False)
    actions = Actions({}, Worktrees({}))
    nowhere = KnownWorktree("x", None, "main", "/x", "", {}, None)
    with pytest.raises(PanelForbiddenError):
        anyio.run(actions.reveal, nowhere, "web", "API_KEY")


@pytest.mark.slow
def test_a_stack_is_started_stopped_and_pruned_from_the_page(
    panel: "StartPanel", project: Path, cli: Cli
) -> None:
    write(project, STACK)
    assert cli("run", "--", "true", cwd=project).returncode == 0
    one = panel()
    known = one.worktree(project)
    assert known["canStart"]
    where = known["id"]
    one.post("/api/v1/service", {"worktree": where, "action": "stop", "service": "web"}, status=409)
    one.post("/api/v1/stack", {"worktree": where, "action": "up"})
    assert rows(one, project, lambda found: found["web.1"]["state"] == "ready")
    key = {name: known[name] for name in ("gitCommonDir", "namespace", "worktreeRoot")}
    refused = one.post("/api/prune", {"confirm": True, **key}, status=409)
    assert refused["code"] == "PW0951"
    one.post("/api/v1/stack", {"worktree": where, "action": "down"})
    assert json.loads(cli("ls", "--json", cwd=project).stdout)["stacks"] == []
    assert one.post("/api/prune", {"confirm": True, **key}) == {"removed": True}
    assert one.post("/api/prune", {"confirm": True, **key}) == {"removed": False}
    assert one.get("/api/v1/worktrees")["projects"] == []


@pytest.mark.slow
def test_a_stack_that_cannot_start_says_why(panel: "StartPanel", project: Path, cli: Cli) -> None:
    write(project, STACK)
    assert cli("run", "--", "true", cwd=project).returncode == 0
    one = panel()
    where = one.worktree(project)["id"]
    write(project, "services: {web: {command: 'true', prot: 1}}")
    refused = one.post("/api/v1/stack", {"worktree": where, "action": "up"}, status=409)
    assert refused["code"] == "PW0608"
    assert "prot" in refused["error"]
    shutil.rmtree(project)
    refused = one.post("/api/v1/stack", {"worktree": where, "action": "up"}, status=409)
    assert "does not exist" in refused["error"]


@pytest.mark.slow
def test_a_stack_is_started_again_as_it_was_started_last(
    panel: "StartPanel", project: Path, cli: Cli
) -> None:
    """In another folder of the worktree, and with another definition file."""
    app = project / "app"
    app.mkdir()
    write(project, "services: {usual: {command: exec sleep 1000, port: false}}")
    write(app, "services: {other: {command: exec sleep 1000}}", "dev.yaml")
    root = app
    up = ("--config", "app/dev.yaml", "up", "--detach")
    assert cli(*up, cwd=project).returncode == 0
    assert cli("--config", "dev.yaml", "down", cwd=app).returncode == 0
    one = panel()
    known = one.worktree(root)
    assert [service["name"] for service in known["services"]] == ["other"]
    assert (known["problem"], known["canStart"]) == (None, True)
    assert known["definitionFile"] == "dev.yaml"
    one.post("/api/v1/stack", {"worktree": known["id"], "action": "up"})
    assert rows(one, root, lambda found: found["other.1"]["state"] == "ready")
    scale = {"worktree": known["id"], "service": "other", "count": 2}
    one.post("/api/v1/scale", scale)
    assert rows(one, root, lambda found: found.get("other.2", {}).get("state") == "ready")
    one.post("/api/v1/stack", {"worktree": known["id"], "action": "down"})
    assert json.loads(cli("ls", "--json", cwd=project).stdout)["stacks"] == []
    # After that file was deleted, the last start counts as unknown.
    (app / "dev.yaml").unlink()
    known = one.worktree(root)
    assert known["definitionFile"] is None
    assert known["problem"].startswith("it has no definition file")


@pytest.mark.slow
def test_a_restart_repeats_the_start_options(panel: "StartPanel", project: Path, cli: Cli) -> None:
    services = f"""
services:
  web: {IDLE}
  rests: {IDLE.removesuffix("}")}, profiles: [extra]}}
  gone: {IDLE}
"""
    write(project, services)
    asked = ("--profile", "extra", "--scale", "web=2", "--scale", "gone=2", "--timeout", "50")
    assert cli("up", "-d", *asked, "--watch", cwd=project).returncode == 0
    assert cli("down", cwd=project).returncode == 0
    # Removed services are no longer started.
    write(project, services.partition("  gone")[0])
    one = panel()
    known = one.worktree(project)
    assert known["startOptions"] == "--profile=extra --scale=web=2 --watch --timeout=50000ms"
    one.post("/api/v1/stack", {"worktree": known["id"], "action": "up"})
    try:
        found = json.loads(cli("ps", "--json", cwd=project).stdout)["services"]
        states = {(row["name"], row["instance"]): row["state"] for row in found}
        assert states == {("web", 1): "ready", ("web", 2): "ready", ("rests", 1): "ready"}
    finally:
        one.post("/api/v1/stack", {"worktree": known["id"], "action": "down"})


def test_the_folder_of_the_last_start_is_used_while_it_exists(
    tmp_path: Path,
) -> None:
    root = tmp_path / "shop"
    app = root / "app"
    app.mkdir(parents=True)
    write(app, "services: {web: {command: 'true'}}")
    write(app, "services: {other: {command: 'true'}}", "dev.yaml")
    worktrees = Worktrees({"HOME": str(tmp_path)})

    def told(**origin: object) -> tuple[str, str | None]:
        runs = RunHistory(str(root), "main")
        runs.record_start(origin)
        runs.flush()
        return worktrees.started_from(str(root), "main")

    assert worktrees.started_from(str(root), "main") == (str(root), None)
    assert told(workingDir=str(app)) == (str(app), None)
    assert told(workingDir=str(app), config="dev.yaml") == (str(app), f"{app}/dev.yaml")
    assert told(workingDir=str(root), config="app/dev.yaml") == (str(root), f"{app}/dev.yaml")
    assert told(workingDir="/", config=f"{app}/dev.yaml") == (str(root), f"{app}/dev.yaml")
    # As for a stack that a program started.
    assert told(config="x") == (str(root), f"{app}/dev.yaml")
    assert told(workingDir=f"{root}2", config="gone.yaml") == (str(root), None)
    (root / ".portweave/runs/.started.json").write_text("[1]")
    assert worktrees.started_from(str(root), "main") == (str(root), None)


def lines_until(events: Iterator[tuple[str, Any]], last: str) -> list[str]:
    found: list[str] = []
    for kind, data in events:
        found += [record[3] for record in data] if kind == "lines" else []
        if last in found:
            return found
    raise AssertionError(found)


@pytest.mark.slow
def test_a_log_is_followed_without_loss(panel: "StartPanel", up: "StartUp", project: Path) -> None:
    write(
        project,
        """
services:
  noisy:
    port: false
    command: >-
      i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done;
      read x < go; while [ $i -lt 9000 ]; do i=$((i+1)); echo line $i; done; exec sleep 1000
""",
    )
    os.mkfifo(project / "go")
    up(project).wait_for("all ready")
    one = panel()
    where = one.worktree(project)["id"]
    path = f"/api/v1/logs?worktree={where}&service=noisy&lines=100"
    with one.events(path) as events, one.events(f"{path}&find=NE%201234") as few:
        begun = lines_until(events, "line 3000")
        assert begun == [f"line {n}" for n in range(2901, 3001)]
        assert lines_until(few, "line 1234") == ["line 1234"]
        (project / "go").write_text("now\n")
        assert lines_until(events, "line 9000") == [f"line {n}" for n in range(3001, 9001)]
    assert one.send("GET", f"/api/v1/logs?worktree={where}&lines=-1")[0] == 400
    assert one.send("GET", "/api/v1/logs?worktree=none")[0] == 404


@pytest.mark.slow
def test_an_editor_is_started_without_a_shell(
    panel: "StartPanel", project: Path, cli: Cli, eventually: Callable[[Callable[[], object]], None]
) -> None:
    write(project, STACK)
    assert cli("run", "--", "true", cwd=project).returncode == 0
    seen = project / "seen"
    editor = project / "my editor"
    editor.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {seen}.new; mv {seen}.new {seen}\n')
    editor.chmod(0o755)
    one = panel(PORTWEAVE_EDITOR=f"'{editor}' --wait '$(touch {project}/bad)'")
    assert one.get("/api/v1/worktrees")["launch"]["editor"]
    body = {"target": "editor", "worktreeRoot": str(project)}
    assert one.post("/api/open", body) == {"launched": True}
    eventually(seen.exists)
    assert seen.read_text() == f"--wait|$(touch {project}/bad)|{project}|"
    assert not (project / "bad").exists()
    missing = panel(PORTWEAVE_EDITOR="no-such-editor")
    answer = missing.post("/api/open", body)
    assert answer == {"launched": False, "reason": "no-editor-found"}


def test_the_page_of_a_service_gets_its_plan_probes_and_runs(
    panel: "StartPanel", up: "StartUp", project: Path
) -> None:
    started(up, project)
    one = panel()
    known = one.worktree(project)
    assert [service["name"] for service in known["services"]] == ["web", "worker"]
    assert known["lastEnd"] is None
    path = f"/api/v1/details?worktree={known['id']}&service="
    found = one.get(path + "web")
    assert found["plan"]["workingDir"] == str(project)
    assert found["plan"]["command"] == SERVE
    (run,) = found["runs"]
    assert (run["end"], run["restarts"]) == (None, 0)
    assert run["readyAt"] >= run["startedAt"]
    # Nothing is known of a service that does not exist.
    assert one.get(path + "nothing") == {"plan": None, "runs": [], "samples": []}


def test_all_services_stop_and_start_together(
    panel: "StartPanel", up: "StartUp", project: Path
) -> None:
    started(up, project)
    one = panel()
    fields = {"worktree": one.worktree(project)["id"], "all": True}
    stopped = one.post("/api/v1/service", {**fields, "action": "stop"})["services"]
    assert {row["state"] for row in stopped} == {"stopped"}
    again = one.post("/api/v1/service", {**fields, "action": "start"})["services"]
    assert sorted(row["name"] for row in again) == ["web", "worker"]
    one.post("/api/v1/service", {"worktree": fields["worktree"], "action": "stop"}, status=400)


LINES = """
services:
  api:
    port: false
    command: >-
      echo 'INFO: started'; echo 'level=warn msg=slow'; echo 'ERROR: broken' >&2;
      printf '\\033[31mERROR: red\\033[0m\\n'; echo done; exec sleep 1000
    ready: {log: done}
"""


def shown(panel: Panel, path: str) -> tuple[list[str], int | None]:
    """Return the first lines of a log, and the count of its matches."""
    found: list[str] = []
    with panel.events(path) as events:
        for kind, data in events:
            found += [record[3] for record in data] if kind == "lines" else []
            if kind == "end":
                return found, data["matches"]
    raise AssertionError(found)


def test_a_log_is_filtered_on_the_server_and_downloaded(
    panel: "StartPanel", up: "StartUp", project: Path
) -> None:
    write(project, LINES)
    up(project).wait_for("all ready")
    one = panel()
    query = f"worktree={one.worktree(project)['id']}"
    path = f"/api/v1/logs?{query}"
    red = "\x1b[31mERROR: red\x1b[0m\x1b[0m"
    every = ["INFO: started", "level=warn msg=slow", "ERROR: broken", red, "done"]
    # The order of two streams is not certain.
    assert (sorted(shown(one, path)[0]), shown(one, path)[1]) == (sorted(every), None)
    for more, lines, count in (
        ("&levels=error", ["ERROR: broken", red], 2),
        ("&levels=warn,error", every[1:4], 3),
        ("&levels=error&stream=err", ["ERROR: broken"], 1),
        ("&stream=err", ["ERROR: broken"], None),
        ("&find=ERROR", ["ERROR: broken", red], 2),
        ("&find=error&lines=1&stream=out", [red], 1),
        ("&find=d&lines=1&stream=out", ["done"], 3),
        ("&since=99999999999999", [], None),
        ("&service=other", [], None),
    ):
        found, matches = shown(one, path + more)
        assert (sorted(found), matches) == (sorted(lines), count), more
    for wrong in ("levels=loud", "stream=in", "since=yesterday", "lines=x"):
        assert one.send("GET", f"{path}&{wrong}")[0] == 400
    status, headers, body = one.send("GET", f"/api/v1/log-file?{query}&service=api&levels=error")
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="api-main.log"'
    assert headers["content-type"].startswith("text/plain")
    texts = [line.partition(" | ")[2] for line in body.decode().splitlines()]
    assert sorted(texts) == ["ERROR: broken", "ERROR: red"]


def test_a_stack_that_has_ended_tells_how(
    panel: "StartPanel", up: "StartUp", project: Path
) -> None:
    write(project, 'services: {mailer: {command: "exit 3", port: false, restart: "no"}}')
    assert up(project).wait() == 1
    end = panel().worktree(project)["lastEnd"]
    assert end["isBad"]
    assert end["text"].startswith("mailer failed: exited with status 3")
