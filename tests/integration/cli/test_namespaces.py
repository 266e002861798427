"""Two stacks of one worktree, each in its own namespace."""

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.running_stacks import StartUp

OTHER = {"PORTWEAVE_NAMESPACE": "Second"}
PROGRAM = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print("this is", os.environ["PORTWEAVE_NAMESPACE"], os.environ["PORT"], flush=True)
time.sleep(1000)
"""


@pytest.mark.slow
def test_each_stack_keeps_its_own_logs_history_and_variables(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    (project / "web.py").write_text(PROGRAM)
    (project / "Procfile").write_text(f"app: {sys.executable} web.py\n")
    first = up(project)
    first.wait_for("this is main")
    second = up(project, env=OTHER)
    second.wait_for("this is second")
    port = second.port("APP_PORT")

    def logged(*words: str, env: dict[str, str] | None = None) -> str:
        done = cli("logs", "--no-prefix", *words, cwd=project, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # portweave keeps a successful start in the run history.
    for stack in (first, second):
        stack.wait_for("app ready")
    kept = project / ".portweave/namespaces/second"
    assert "main" in (project / ".portweave/logs/app.log").read_text()
    assert "main" not in (kept / "logs/app.log").read_text()
    assert "this is main" in logged()
    assert "second" not in logged()
    assert "this is second" in logged(env=OTHER)
    assert "main" not in logged(env=OTHER)
    assert "main" not in logged("--stack", "second")
    assert "main" in logged("--all")
    assert "second" in logged("--all")
    # Each command uses the stack of its namespace.
    rows = [json.loads(cli("ps", "--json", cwd=project, env=env).stdout) for env in (None, OTHER)]
    assert [row["namespace"] for row in rows] == ["main", "second"]
    assert f"APP_PORT={port}\n" in (kept / "current.env").read_text()
    # `first.stop()` would also count the processes of the second stack.
    first.send(signal.SIGINT)
    assert first.wait() == 130
    assert cli("ps", cwd=project, env={"PORTWEAVE_NAMESPACE": "main"}).returncode == 1
    # The only running stack needs no namespace.
    assert "this is second" in logged()
    second.stop()
    assert "this is main" in logged()
    assert "this is second" in logged(env=OTHER)
    for folder in (project / ".portweave", kept):
        assert (folder / "runs/app.json").exists()


@pytest.mark.slow
def test_a_rebuilt_registry_has_the_blocks_of_both_stacks(project: Path, cli: "Cli") -> None:
    (project / "Procfile").write_text("app: true\n")
    ports: list[str] = []
    for env in (OTHER, {}):
        done = cli("run", "--", "printenv", "APP_PORT", cwd=project, env=env)
        ports.append(done.stdout)
        assert cli("up", cwd=project, env=env).returncode == 0
    folder = Path(cli.environ["XDG_CONFIG_HOME"], "portweave")
    (folder / "registry.json").write_text("{")
    (folder / "registry.json.bak").unlink()
    cli("doctor", "--fix", cwd=project)
    again = [cli("run", "--", "printenv", "APP_PORT", cwd=project, env=e) for e in (OTHER, {})]
    assert [done.stdout for done in again] == ports
    assert all("reusing" in done.stderr for done in again)
