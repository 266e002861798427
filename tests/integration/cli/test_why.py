"""`portweave why` with real failing services."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import StartUp

STACK = f"""
services:
  api: {{command: "{sys.executable} api.py", port: false, environment: {{TOKEN: secret}}}}
  web: {{command: sleep 99, port: false, dependsOn: [api]}}
  job: {{command: sleep 99, port: false}}
"""


@pytest.mark.slow
def test_why_prints_the_cause_the_failing_service_and_the_changes(
    project: Path, up: "StartUp", cli: "Cli", git: "Git"
) -> None:
    git("init", "-q", cwd=project)
    (project / "api.py").write_text("import time\ntime.sleep(99)\n")
    write(project, STACK)
    stack = up(project)
    stack.wait_for("all ready")
    assert (
        cli("why", "web", cwd=project).stdout == "web is ready.\n  Nothing is wrong: it is ready.\n"
    )
    (project / "api.py").write_text("import nosuch\n")
    write(project, STACK.replace("secret", "hidden"))
    assert cli("restart", "--json", cwd=project).returncode == 0
    # A restart keeps the old definitions; a reload applies the new ones.
    assert cli("reload", cwd=project).returncode == 0
    stack.wait_for("web is blocked")
    printed = cli("why", "web", cwd=project).stdout
    assert "web is blocked: it waits for api.\n  api has failed, and is not st" in printed
    assert "  The module nosuch is not installed" in printed
    assert "api | ModuleNotFoundError: No module named 'nosuch'" in printed
    assert "files: " in printed
    assert "api.py" in printed
    rows = json.loads(cli("why", "api", "--json", cwd=project).stdout)["services"]
    assert rows[0]["cause"]["kind"] == "missing module"
    assert rows[0]["differences"] == ["environment, changed: TOKEN"]
    kept = (project / ".portweave/runs/api.json").read_text()
    assert "secret" not in kept
    assert "hidden" not in kept
    stack.stop()
    # The same after the stack has stopped.
    after = cli("why", "api", cwd=project).stdout
    assert "api is stopped: no stack is running.\n" in after
    assert "Its last run ended badly: the module nosuch is not installed" in after
    assert "No module named 'nosuch'" in after


def test_why_names_untracked_files_of_a_service_that_is_not_ready(
    repo: "Callable[[int], list[Path]]", up: "StartUp", cli: "Cli"
) -> None:
    main, linked = repo(1)
    (main / ".env").write_text("TOKEN=1\n")
    write(linked, "services: {api: {command: echo up; sleep 99, port: false, ready: {log: on}}}\n")
    up(linked).wait_for("| up")
    printed = cli("why", "api", cwd=linked).stdout
    assert "api is starting, and is not ready yet.\n  It is not ready: no line " in printed
    assert "no line matches 'on'" in cli("ps", cwd=linked).stdout
    assert f"this worktree lacks .env, which git does not track: cp {main}/.env" in printed


def test_why_of_a_service_without_history_is_an_error(project: Path, cli: "Cli") -> None:
    write(project, STACK)
    refused = cli("why", "api", cwd=project)
    assert refused.returncode == 1
    assert "nothing is known of api (PW1001)" in refused.stderr
    assert cli("why", cwd=project).returncode == 1


SERVERS = """
import os, socket, sys, time
kind, port = sys.argv[1], int(sys.argv[2])
if kind == "daemon":
    if os.fork():
        sys.exit(0)
    os.setsid()
    time.sleep(1000)
listener = socket.socket()
listener.bind(("127.0.0.1", port))
listener.listen()
print("listening", flush=True)
time.sleep(1000)
"""


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_why_names_the_sender_of_a_signal_and_the_holder_of_a_port(
    detached: "Detached", project: Path
) -> None:
    (project / "server.py").write_text(SERVERS)
    (project / "Procfile").write_text(
        "holder: python3 server.py hold $PORT\n"
        "victim: exec sleep 1000\n"
        "daemon: python3 server.py daemon 1\n"
        "bash: source .venv/bin/activate\n"
    )
    detached("up", "-d", status=1)
    detached("wait", "holder")
    port = detached.ps()["holder"]["port"]
    with (project / "Procfile").open("a") as file:
        file.write(f"clash: sleep 0.2; python3 server.py clash {port}\nelse: python3 other.py\n")
    (project / "other.py").write_text(
        f"import http.server as h\nh.HTTPServer(('127.0.0.1', {port + 90}), None).serve_forever()\n"
    )
    detached("kill", "victim")
    detached("reload")
    detached("wait", "--for", "exit", "clash", "bash", "daemon")

    def why(name: str) -> dict[str, str]:
        row = json.loads(detached("why", "--json", name).stdout)["services"][0]
        cause: dict[str, str] = row["cause"]
        return cause

    assert why("victim")["kind"] == "killed"
    assert "portweave kill has sent it SIGKILL" in why("victim")["text"]
    assert why("daemon")["kind"] == "background"
    assert why("bash")["text"].startswith("`source` is syntax of bash")
    clash = why("clash")
    assert f"port {port} is in use by holder-main of this stack, pid " in clash["text"]
    assert "(server.py:10)" in clash["text"]
    detached("wait", "else", status=None)
    assert f"for {port + 90} at other.py:2" in why("else")["hint"]


def test_why_shows_failed_runs_and_logs_what_was_printed_around_one(
    project: Path, detached: "Detached", git: "Git", eventually: Callable[..., None]
) -> None:
    git("init", "-q", cwd=project)
    (project / "api.py").write_text("import time\ntime.sleep(99)\n")
    command = f"{sys.executable} api.py"
    service = f'{{command: "{command}", port: false, restart: no, environment: {{TOKEN: secret}}}}'
    write(project, f"services:\n  api: {service}\n")
    git("add", ".", cwd=project)
    git("commit", "-q", "-m", "first", cwd=project)
    detached.up()
    (project / "api.py").write_text("print('token=secret', flush=True)\nimport nosuch\n")
    detached("restart", "api")
    detached("wait", "--for", "exit", "api", status=None)
    kept = project / ".portweave/runs/api/2.json"
    eventually(kept.exists)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "secret" not in kept.read_text()
    dossier = json.loads(detached("why", "api", "--last", "5", "--json").stdout)["runs"][0]
    assert (dossier["run"], dossier["exitCode"], dossier["branch"]) == (2, 1, "main")
    assert dossier["head"] == git("rev-parse", "HEAD", cwd=project)
    assert "api.py" in dossier["changedFiles"]
    assert "TOKEN" in dossier["environmentKeys"]
    around = detached("logs", "--at", dossier["at"], "--around", "30s").stdout
    assert "No module named 'nosuch'" in around
    assert detached("logs", "--at", "1d", "--around", "1s").stdout == ""
    detached("down")
    # Without a stack, too.
    assert "api | ModuleNotFoundError" in detached("why", "api", "--run", "2").stdout
    refused = detached("why", "api", "--run", "7", status=1).stderr
    assert "nothing is kept of a failed run 7 of api" in refused
    assert "its failed runs: 2" in refused
