"""Stacks with owners and limits, as users start, keep and list them."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.stacks import IDLE, write

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

Spawn = Callable[..., subprocess.Popen[bytes]]
ONE = f"services: {{job: {IDLE}}}\n"
SLEEP = ("sleep", "1000")


@pytest.fixture
def owner(spawned: Spawn) -> subprocess.Popen[bytes]:
    return spawned(SLEEP)


@pytest.fixture
def stack(detached: "Detached", project: Path) -> "Detached":
    write(project, ONE)
    return detached


def row(stack: "Detached", *words: str) -> dict[str, Any]:
    rows = json.loads(stack("ls", *words, "--json").stdout)["stacks"]
    assert len(rows) == 1
    found: dict[str, Any] = rows[0]
    return found


def test_a_stack_gains_and_loses_owners(
    stack: "Detached", owner: subprocess.Popen[bytes], spawned: Spawn
) -> None:
    other = spawned(SLEEP)
    said = stack.up("--owner", str(owner.pid), "--ttl", "2h")
    assert f"[portweave] the stack ends with sleep (pid {owner.pid}) or in 2h\n" in said
    assert row(stack)["owner"] == {"pid": owner.pid, "command": "sleep"}
    both = f"the last of sleep (pid {owner.pid}) and sleep (pid {other.pid})"
    said = stack.up("--owner", str(other.pid))
    assert f"[portweave] the stack ends with {both} or in 2h\n" in said
    assert [one["pid"] for one in row(stack)["owners"]] == [owner.pid, other.pid]
    owner.kill()
    said = stack("keep").stderr
    assert said == f"[portweave] the stack ends with sleep (pid {other.pid}) or in 2h\n"
    said = stack.up()
    taken = f"this up takes the stack over from sleep (pid {other.pid}); the stack ends in 2h"
    assert f"[portweave] {taken}\n" in said
    assert (
        stack("keep", "--forever").stderr == "[portweave] the stack goes on until portweave down\n"
    )
    said = stack.up("--owner", str(other.pid))
    assert "[portweave] the stack was started without an end, so it goes on" in said
    kept = json.loads(stack("keep", "--owner", str(other.pid), "--json").stdout)
    assert (kept["owner"]["pid"], kept["lastUse"]) == (other.pid, "keep")
    stack.down()


def test_a_stack_ends_when_its_time_is_up(
    stack: "Detached", owner: subprocess.Popen[bytes]
) -> None:
    stack.up("--owner", str(owner.pid))
    guardian = stack.guardian()
    stack("keep", "--ttl", "200ms")
    psutil.wait_procs([guardian], timeout=10)
    assert not stack.record()
    assert json.loads(stack("ls", "--json").stdout)["stacks"] == []
    ended = row(stack, "--all")
    assert (ended["state"], ended["pid"]) == ("idle", None)
    assert ended["endedBecause"] == "its time of 200ms is up"
    assert ended["lastUse"] == "keep"
    assert ended["lastUsedAt"] < ended["endedAt"]


def test_an_owner_may_run_up_again(stack: "Detached") -> None:
    # The tests run the command, so they are among the processes around it.
    stack.up("--owner", str(os.getpid()))
    assert "takes the stack over" not in stack.up()
    assert row(stack)["owner"]["pid"] == os.getpid()
    stack.down()


def test_the_largest_stack_comes_first(stack: "Detached") -> None:
    stack.up("--idle", "2m")
    found = row(stack, "--sort", "memory")
    assert found["rssBytes"] > 100_000
    assert found["lastUsedAt"] < found["expiresAt"]
    lifetime = json.loads(stack("ps", "--json").stdout)["lifetime"]
    assert lifetime["expiresAt"][:16] == found["expiresAt"][:16]
    stack.down()


@pytest.mark.slow
def test_the_reason_of_an_end_is_kept(stack: "Detached") -> None:
    stack.up()
    assert row(stack, "--all")["endedBecause"] is None
    stack.down()
    assert row(stack, "--all")["endedBecause"] == "portweave down was called"
    stack("prune")
    ended = row(stack, "--all")
    assert (ended["state"], ended["ports"]) == ("ended", {})
    stack.up()
    guardian, supervisor = stack.guardian(), stack.supervisor()
    supervisor.kill()
    psutil.wait_procs([guardian], timeout=10)
    assert row(stack, "--all")["endedBecause"] == "portweave was killed"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("up", "-d", "--owner", "1"), "process 1 cannot own a stack: it never ends"),
        (("up", "-d", "--owner", "dead"), "--owner takes a pid or auto, received 'dead'"),
        (("up", "-d", "--owner", "999999999"), "process 999999999 does not run"),
        (("up", "-d", "--ttl", "soon"), "--ttl takes a time"),
        (("up", "-d", "--idle", "5s"), "--idle takes at least 60 s, received '5s'"),
        (("up", "--owner", "auto"), "--owner needs --detach"),
        (("keep", "--forever", "--ttl", "1h"), "--forever excludes --owner, --ttl and --idle"),
        (("keep", "web"), "keep takes no names, received 'web'"),
        (("ls", "--sort", "age"), "--sort takes name or memory, received 'age'"),
    ],
)
def test_a_wrong_word_is_refused(
    cli: "Cli", project: Path, words: tuple[str, ...], text: str
) -> None:
    write(project, ONE)
    done = cli(*words, cwd=project)
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr
    assert "(PW0601)" in done.stderr


def test_keep_needs_a_stack(cli: "Cli", project: Path) -> None:
    write(project, ONE)
    assert "(PW1001)" in cli("keep", cwd=project).stderr


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_stack_outlives_its_owner_by_half_a_minute(
    stack: "Detached", owner: subprocess.Popen[bytes]
) -> None:
    said = stack.up("--owner", str(owner.pid))
    assert f"the stack ends with sleep (pid {owner.pid})" in said
    guardian = stack.guardian()
    owner.kill()
    owner.wait()
    _, alive = psutil.wait_procs([guardian], timeout=25)
    assert alive
    _, alive = psutil.wait_procs([guardian], timeout=15)
    assert not alive
    assert row(stack, "--all")["endedBecause"] == f"its owner sleep (pid {owner.pid}) has ended"
