"""`portweave ls` lists stacks and leases."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.cli.verbs.ls import spans
from tests.support.commands import Cli
from tests.support.ports import Pool

if TYPE_CHECKING:
    from tests.support.running_stacks import StartUp

Repo = Callable[[int], list[Path]]


@pytest.fixture
def roots(repo: Repo) -> list[Path]:
    roots = repo(1)
    for root in roots:
        (root / "Procfile").write_text("web: sleep 60\napi: sleep 60\n")
    return roots


def test_ls_reports_that_there_is_no_stack(cli: Cli, roots: list[Path]) -> None:
    done = cli("ls", cwd=roots[0])
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "[portweave] no stack is running on this machine\n"
    assert json.loads(cli("ls", "--json", cwd=roots[0]).stdout) == {
        "schemaVersion": 1,
        "stacks": [],
    }


def test_a_line_is_one_line_whatever_the_project_is_called(cli: Cli, tmp_path: Path) -> None:
    root = tmp_path / "two\nlines"
    root.mkdir()
    (root / "Procfile").write_text("web: sleep 60\n")
    cli("run", "true", cwd=root)
    done = cli("ls", "--all", cwd=tmp_path)
    [line] = done.stdout.splitlines()
    assert line.startswith('"two\\nlines"\tmain\t')


def test_ls_shows_all_stacks_from_any_folder(
    cli: Cli, roots: list[Path], up: "StartUp", pool: Pool, tmp_path: Path
) -> None:
    main, linked = roots
    cli("run", "true", cwd=main)
    stack = up(linked)
    stack.wait_for("api ready")
    done = cli("ls", cwd=tmp_path)
    namespace = cli("run", "--", "printenv", "PORTWEAVE_NAMESPACE", cwd=linked).stdout.strip()
    ports = f"{pool.start + 2}-{pool.start + 3}"
    assert done.stdout == (f"shop\t{namespace}\trunning\t{stack.process.pid}\t{ports}\t{linked}\n")
    [row] = json.loads(cli("ls", "--json", cwd=tmp_path).stdout)["stacks"]
    assert row.pop("startedAt") < row.pop("lastUsedAt")
    assert [row] == [
        {
            "project": "shop",
            "namespace": namespace,
            "worktreeRoot": str(linked),
            "state": "running",
            "pid": stack.process.pid,
            "ports": {"web": pool.start + 2, "api": pool.start + 3},
            "gone": False,
            "rssBytes": None,
            "owner": None,
            "owners": [],
            "expiresAt": None,
            "lastUse": "up",
            "endedAt": None,
            "endedBecause": None,
        }
    ]
    lines = cli("ls", "--all", cwd=tmp_path).stdout.splitlines()
    assert [line.split("\t")[1:4] for line in lines] == [
        ["main", "idle", "-"],
        [namespace, "running", str(stack.process.pid)],
    ]
    stack.stop()
    assert cli("ls", cwd=tmp_path).stdout == ""


def test_all_shows_leases_and_leaves_out_deleted_worktrees(
    cli: Cli, roots: list[Path], tmp_path: Path
) -> None:
    for root in roots:
        cli("run", "true", cwd=root)
    (roots[1] / "Procfile").unlink()
    roots[1].rename(tmp_path / "moved")
    assert cli("lease", "--count", "2", cwd=tmp_path).returncode == 0
    rows = json.loads(cli("ls", "-a", "--json", cwd=tmp_path).stdout)["stacks"]
    assert sorted((row["project"], row["state"], len(row["ports"])) for row in rows) == [
        ("-", "lease", 2),
        ("shop", "idle", 2),
    ]


def test_ls_prints_a_table_on_a_terminal(cli: Cli, roots: list[Path]) -> None:
    cli("run", "true", cwd=roots[0])
    reading_fd, tty = pty.openpty()
    subprocess.run([*cli.argv, "ls", "--all"], cwd=roots[0], env=cli.environ, stdout=tty)
    os.close(tty)
    text = b""
    try:
        while data := os.read(reading_fd, 4096):
            text += data
    except OSError:  # on Linux, the last process has closed the terminal
        pass
    os.close(reading_fd)
    heading, row = text.decode().split("\r\n")[:2]
    assert heading.split() == ["PROJECT", "NAMESPACE", "STATE", "PID", "PORTS", "WORKTREE"]
    assert heading.index("WORKTREE") == row.index(str(roots[0]))


def test_ls_accepts_no_operand(cli: Cli, tmp_path: Path) -> None:
    done = cli("ls", "web", cwd=tmp_path)
    assert done.returncode == 1
    assert "(PW0601)" in done.stderr


@pytest.mark.parametrize(
    ("ports", "text"),
    [([], "-"), ([3], "3"), ([5, 3, 4], "3-5"), ([1, 9, 2, 4], "1-2,4,9"), ([7, 7], "7")],
)
def test_consecutive_ports_are_a_range(ports: list[int], text: str) -> None:
    assert spans(ports) == text


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_ls_works_with_closed_standard_streams(cli: Cli, roots: list[Path], closed: str) -> None:
    assert cli("port", "web", cwd=roots[0]).returncode == 0
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *cli.argv, "ls", "--all"],
        cwd=roots[0],
        env=cli.env(),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (0, "")
