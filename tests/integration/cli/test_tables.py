"""Tables on terminals of several widths, and on pipes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from tests.support.stacks import IDLE, write
from tests.support.terminals import on_terminal

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

DEFINITIONS = f"""
services:
  a-service-with-a-long-name: {IDLE}
  db: {{command: sleep 1000, ready: {{exec: 'false', timeout: 200ms}}}}
  web: {{command: sleep 1000, dependsOn: [db]}}
"""
WIDTHS = (60, 80, 120)


def heading(lines: list[str]) -> list[str]:
    return lines[0].split()


def test_ps_fits_the_terminal(detached: "Detached", project: Path, cli: "Cli") -> None:
    write(project, DEFINITIONS)
    detached("up", "-d", "--no-proxy", status=1)
    columns: list[list[str]] = []
    for width in WIDTHS:
        lines = on_terminal(cli, "ps", cwd=project, columns=width)
        assert all(cell_len(line) <= width for line in lines)
        columns.append(heading(lines))
        for name in ("a-service-with-a-long-name", "db", "web"):
            assert any(line.startswith(f"{name} ") for line in lines), name
        assert any(line.startswith("    db is failed: not ready after") for line in lines)
    assert columns[0][:4] == ["NAME", "STATE", "PORT", "SINCE"]
    assert "URL" not in columns[0]
    assert set(columns[1]) < set(columns[2])
    assert "URL" in columns[1]
    assert "PID" in columns[2]
    everywhere = on_terminal(cli, "ps", "--all", cwd=project, columns=60)
    assert heading(everywhere)[:4] == ["PROJECT", "NAMESPACE", "NAME", "STATE"]
    assert all(cell_len(line) <= 60 for line in everywhere)
    # A pipe gets the columns of programs: no URL, and the reason at the end.
    rows = [line.split("\t") for line in cli("ps", cwd=project).stdout.splitlines()]
    assert {len(row) for row in rows} == {9}
    assert rows[2][1] == "blocked"
    assert rows[2][8].startswith("db is failed: not ready after")


@pytest.mark.parametrize("width", [60, 120])
def test_ls_routes_and_doctor_fit_the_terminal(width: int, cli: "Cli", project: Path) -> None:
    (project / "Procfile").write_text("web: sleep 1\n")
    assert cli("port", "web", cwd=project).returncode == 0
    assert cli("alias", "a-name-of-some-length", "4000", cwd=project).returncode == 0
    for verb, first in (("ls", ["PROJECT", "NAMESPACE"]), ("routes", ["URL", "PORT", "PID"])):
        words = [verb, "--all"] if verb == "ls" else [verb]
        lines = on_terminal(cli, *words, cwd=project, columns=width)
        assert heading(lines)[: len(first)] == first
        assert all(cell_len(line) <= width for line in lines)
    if width > min(WIDTHS):
        return
    # It may find more on this machine.
    findings = json.loads(cli("doctor", "--json", cwd=project).stdout)["findings"]
    lines = on_terminal(cli, "doctor", cwd=project, columns=width)
    assert all(cell_len(line) <= width for line in lines)
    text = "".join("".join(lines).split())
    assert all("".join(one["message"].split()) in text for one in findings)


@pytest.mark.parametrize("words", ["ls --all", "routes", "ps --all", "graph", "lease --list"])
def test_a_table_on_a_pipe_needs_no_slow_imports(words: str, cli: "Cli", project: Path) -> None:
    (project / "Procfile").write_text("web: sleep 1\n")
    code = f"""
import sys
from portweave.cli.main import main
status = main({words.split()!r})
names = ("rich", "portweave.cli.terminal_drawing", "portweave.encoding.table_columns")
print(status, [name for name in names if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=project,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []"
