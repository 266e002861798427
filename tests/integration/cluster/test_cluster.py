"""Clusters that programs start, with real processes."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.running_stacks import (
    Stack,
    has_ended,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli

Start = Callable[[str], Stack]


@pytest.fixture
def start(tmp_path: Path, environ: dict[str, str]) -> Iterator[Start]:
    """Run a main script: `start(text)`."""
    stacks: list[Stack] = []
    (tmp_path / ".portweave").mkdir()
    (tmp_path / ".portweave/current.env").touch()

    def run(text: str) -> Stack:
        (tmp_path / "main.py").write_text(text)
        argv = [sys.executable, "main.py"]
        stacks.append(Stack(argv, cwd=tmp_path, root=tmp_path, env=environ))
        return stacks[-1]

    yield run
    for stack in stacks:
        stack.end()


FUNCTIONS = """
import os, sys
from portweave import cluster

def api(connection):
    connection.route("own", lambda req: connection.get("a.b"))
    connection.route("die", lambda req: os._exit(3))
    connection.route("pid", lambda req: os.getpid())

async def run(connection):
    print("own", await connection.request("api/own"), connection.get("shared"), flush=True)
    first = await connection.request("lambda/pid")
    try:
        await connection.request("api/die")
    except cluster.PeerDied as error:
        print("died", error.connection, flush=True)
    before = await connection.request("api/pid", timeout=20)
    print("came back", before > 0, flush=True)
    await connection.closed()

hub = cluster.init(
    routes={
        "api": {"route": api, "a": {"b": 5}, "shared": 2},
        "lambda": lambda connection: connection.route("pid", lambda req: os.getpid()),
        "worker": run,
    },
    a={"b": 1}, shared=1, count=1,
)
if __name__ == "__main__":
    hub.start()
"""


@pytest.mark.slow
def test_processes_find_functions_of_the_main_script(start: Start) -> None:
    stack = start(FUNCTIONS)
    stack.wait_for("came back")
    assert stack.lines_of("worker") == ["own 5 1", "died api", "came back True"]
    assert stack.stop(signal.SIGINT) == 130


@pytest.mark.slow
def test_a_cluster_is_not_replanned_by_up(start: Start, cli: "Cli", tmp_path: Path) -> None:
    stack = start(FUNCTIONS)
    stack.wait_for("came back")
    for words in (["reload"], ["scale", "api=2"]):
        refused = cli(*words, cwd=tmp_path)
        assert refused.returncode == 1
        assert "a program has started it, and says what it is of (PW0601)" in refused.stderr
    assert stack.stop(signal.SIGINT) == 130


@pytest.mark.slow
def test_without_respawn_the_end_of_one_process_ends_all(start: Start) -> None:
    text = FUNCTIONS.replace("count=1", "count=1, respawn=False")
    stack = start(text)
    stack.wait_for("api failed")
    assert stack.wait() == 1


def test_a_function_that_cannot_be_found_is_reported(start: Start) -> None:
    stack = start(
        """
from portweave import cluster
if __name__ == "__main__":
    def api(connection): ...
    cluster.init(routes={"api": api}, respawn=False).start()
"""
    )
    stack.wait_for("has no function api")
    assert "PW1213" in stack.printed
    assert stack.wait() == 1


def test_options_that_cannot_be_used_raise_at_start(start: Start) -> None:
    stack = start(
        """
from portweave import cluster
try:
    cluster.init(routes="missing").start()
except cluster.ConfigError as error:
    print(error.code)
"""
    )
    assert stack.wait() == 0
    assert stack.printed == "PW1213\n"


def test_a_cluster_runs_within_a_running_loop(start: Start) -> None:
    stack = start(
        """
import asyncio
from portweave import cluster

def api(connection):
    connection.route("x", lambda req: 1)

hub = cluster.init(routes={"api": api})

async def main():
    serving = asyncio.ensure_future(hub.serve())
    print("beside", flush=True)
    print("status", await serving, flush=True)

if __name__ == "__main__":
    asyncio.run(main())
"""
    )
    stack.wait_for("api ready")
    assert stack.stop(signal.SIGTERM) == 0
    assert stack.printed.split("\n") == ["beside", "status 143", ""]


def test_after_sigkill_of_the_program_no_process_is_left(
    start: Start,
    eventually: Callable[[Callable[[], object]], None],
    cli: "Cli",
    tmp_path: Path,
    environ: dict[str, str],
) -> None:
    stack = start(FUNCTIONS)
    stack.wait_for("came back")
    family = stack.family()
    stack.send(signal.SIGKILL)
    assert stack.wait() == -signal.SIGKILL
    # The supervisor, which ends the others, ends last.
    eventually(lambda: all(has_ended(process) for process in family))
    assert stack.marked() == []
    # The next command removes the files.
    assert cli("ls", cwd=tmp_path).returncode == 0
    assert list((Path(environ["XDG_STATE_HOME"]) / "portweave/stacks").iterdir()) == []


WORKERS = """
from portweave import cluster

def api(connection):
    connection.route("x", lambda req: req.asker)

async def run(connection):
    print("key", connection.key, connection.name, await connection.request("api/x"), flush=True)
    try:
        connection.route("own", print)
    except cluster.ConfigError as error:
        print("refused", connection.name, error.message, flush=True)

hub = cluster.init(routes={"api": api, "worker": run}, count=2)
if __name__ == "__main__":
    hub.start()
"""


def test_a_worker_only_calls_and_stays_after_its_function_has_returned(
    start: Start, cli: "Cli", tmp_path: Path, environ: dict[str, str]
) -> None:
    stack = start(WORKERS)
    stack.wait_for("all ready")
    for name in ("worker", "worker.2"):
        stack.wait_for(f"refused {name} ")
        told = stack.lines_of(name)
        assert told[0] == f"key worker {name} {name}"
        assert "cannot be called" in told[1]
    # By the second answer, any further step would have been taken.
    for _ in range(2):
        rows = json.loads(cli("ps", "--json", cwd=tmp_path).stdout)["services"]
        assert {(row["state"], row["restarts"]) for row in rows} == {("ready", 0)}
    folder = Path(environ["XDG_STATE_HOME"]) / "portweave/stacks"
    assert list(folder.iterdir())
    assert stack.stop(signal.SIGTERM) == 143
    # Each cluster has a name of its own, so leftovers would never be used again.
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("call", ["hub.start()", "asyncio.run(hub.serve())"])
def test_a_mistake_in_the_options_is_reported_without_a_traceback(start: Start, call: str) -> None:
    stack = start(
        f"""
import asyncio
from portweave import cluster
hub = cluster.init(routes={{"api": ["true"]}}, respawn="no")
{call}
"""
    )
    assert stack.wait() == 1
    assert stack.said == (
        "[portweave] error: respawn must be True, False or a policy, not 'no' (PW1213)\n"
        "[portweave] hint: a policy has limit, pauses or never:"
        " {'limit': 5, 'pauses': [0.1, 1, 10]}\n"
    )


@pytest.mark.slow
def test_a_process_that_is_never_restarted_leaves_the_others_running(start: Start) -> None:
    stack = start(
        """
import os
from portweave import cluster

def once(connection):
    os._exit(3)

def api(connection): ...

hub = cluster.init(
    routes={"once": {"route": once, "respawn": {"never": True}},
            "twice": {"route": once, "respawn": {"limit": 1, "pauses": 0}}, "api": api},
)
if __name__ == "__main__":
    hub.start()
"""
    )
    stack.wait_for("once failed: exited with status 3")
    stack.wait_for("gave up after 1 restart")
    stack.wait_for("api ready")
    assert stack.stop(signal.SIGTERM) == 143
