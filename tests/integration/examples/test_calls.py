"""The example of calls: as a stack, and as a cluster of its own."""

import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.repository import EXAMPLES
from tests.support.running_stacks import Stack, StartUp

if TYPE_CHECKING:
    from tests.support.commands import Cli


def test_services_in_python_node_and_shell_call_each_other(
    example: Callable[..., list[Path]], up: StartUp, cli: "Cli", need: Callable[..., None]
) -> None:
    need("node")
    (root,) = example("calls")
    stack = up(root)
    stack.wait_for("till completed")
    # What services print and what portweave says come by two pipes.
    stack.wait_for("exit status 1")
    assert stack.lines_of("till") == [
        '{"for":"Ann","item":"tea","cents":250}',
        "hello Bob",
        "[portweave] error: UnknownUserError: there is no user 9 (PW1205)",
        "exit status 1",
    ]
    # From elsewhere on the machine.
    done = cli("ask", "--stack", "calls/main", "shop/order/8/milk", cwd=root.parent)
    assert done.stdout == '{"for":"Bob","item":"milk","cents":120}\n', done.stderr
    done = cli("ask", "prices/nothing", cwd=root)
    assert (done.returncode, done.stderr) == (
        66,
        "[portweave] error: no route for nothing (PW1202)\n",
    )
    assert stack.stop() == 130


@pytest.mark.slow
def test_a_program_starts_its_own_connections(tmp_path: Path, environ: dict[str, str]) -> None:
    root = tmp_path / "calls"
    shutil.copytree(EXAMPLES / "calls", root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".portweave").mkdir()
    (root / ".portweave/current.env").touch()
    stack = Stack([sys.executable, "app.py"], cwd=root, root=root, env=environ)
    try:
        stack.wait_for("all ready")
        stack.wait_for("worker asks users")
        stack.wait_for("worker.2 asks users")
        assert stack.lines_of("worker") == [
            "pong",
            "('pon', 'user 7')",
            "{'greeting': 'hello', 'kind': 'blue'}",
            "open",
            "403 PermissionError no token",
            "worker asks users",
        ]
        assert stack.stop(signal.SIGINT) == 130
    finally:
        stack.end()
