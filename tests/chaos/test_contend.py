"""Hundreds of first allocations at once, some of them killed at any moment."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.ports import reserve_ports

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

WORKTREES = 200
RUN = ("run", "--count", "2", "--", "true")


def entries(home: Path) -> list[dict[str, dict[str, object]]]:
    text = (home / "config" / "portweave" / "registry.json").read_text()
    value = json.loads(text)
    assert value["version"] == 1
    found: list[dict[str, dict[str, object]]] = value["entries"]
    return found


def start(cli: Cli, roots: list[Path], environ: dict[str, str]) -> list[subprocess.Popen[bytes]]:
    return [
        subprocess.Popen([*cli.argv, *RUN], cwd=root, env=environ, stderr=subprocess.PIPE)
        for root in roots
    ]


def check(home: Path, roots: list[Path], *, among: int) -> None:
    """All of `roots` have blocks, `among` at most are there, and no port is given out twice."""
    blocks = {entry["key"]["worktreeRoot"]: entry["ports"] for entry in entries(home)}
    assert {str(root) for root in roots} <= blocks.keys()
    assert len(blocks) == len(entries(home)) <= among
    ports = [port for block in blocks.values() for port in block.values()]
    assert len(ports) == len(set(ports)) == 2 * len(blocks)


def test_all_of_many_worktrees_get_ports_at_once(
    cli: Cli, repo: Callable[[int], list[Path]], home: Path
) -> None:
    roots = repo(WORKTREES - 1)
    environ = cli.env({"PORTWEAVE_POOL_RANGE": str(reserve_ports(2 * WORKTREES))})
    failures = [
        errors.decode()
        for process in start(cli, roots, environ)
        if (errors := process.communicate()[1]) and process.returncode != 0
    ]
    assert failures == []
    check(home, roots, among=WORKTREES)


@pytest.mark.parametrize("seed", [random.randrange(2**32) for _ in range(3)])  # noqa: S311
def test_killed_ones_harm_nobody_else(
    seed: int, cli: Cli, repo: Callable[[int], list[Path]], home: Path
) -> None:
    print(f"seed {seed}")  # noqa: T201 - to see it happen again
    chance = random.Random(seed)  # noqa: S311
    roots = repo(WORKTREES - 1)
    environ = cli.env({"PORTWEAVE_POOL_RANGE": str(reserve_ports(3 * WORKTREES))})
    victims = set(chance.sample(range(WORKTREES), WORKTREES // 10))
    processes: list[subprocess.Popen[bytes]] = []
    killers: list[threading.Timer] = []
    for number, root in enumerate(roots):
        processes += start(cli, [root], environ)
        if number in victims:
            # Most of them live for less than this while so many start.
            killers.append(threading.Timer(chance.uniform(0, 0.3), processes[-1].kill))
            killers[-1].start()
    for killer in killers:
        killer.join()
    survivors: list[Path] = []
    for process, root in zip(processes, roots, strict=True):
        _, errors = process.communicate()
        if process.returncode == 0:
            survivors.append(root)
        else:
            assert process.returncode == -9, errors.decode()
    print(f"{WORKTREES - len(survivors)} killed")  # noqa: T201
    check(home, survivors, among=WORKTREES)
    # Those that were killed get what they asked for, too.
    again = start(cli, roots, environ)
    for process in again:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    check(home, roots, among=WORKTREES)


# Takes and gives back without end, so that nearly every moment is one under the lock.
WRITER = """
import os, sys
from portweave.allocator.ports.blocks import release_blocks, allocate_block
from portweave.allocator.ports.model import Key, Pool
from portweave.allocator.ports.assign import Request

path, root, start, end = sys.argv[1:]
key = Key(None, "writer", root)
print(flush=True)
while True:
    allocate_block(path, Request(key, ["web"], Pool(int(start), int(end))), os.environ)
    release_blocks(path, lambda other: other == key, os.environ)
"""


@pytest.mark.parametrize("seed", [random.randrange(2**32)])  # noqa: S311
def test_a_writer_killed_at_any_moment_leaves_the_registry_whole_and_free(
    seed: int, cli: Cli, repo: Callable[[int], list[Path]], home: Path
) -> None:
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    first, second = repo(1)
    assert cli(*RUN, cwd=first).returncode == 0
    (mine,) = entries(home)
    path = home / "config" / "portweave" / "registry.json"
    argv = [
        sys.executable,
        "-c",
        WRITER,
        str(path),
        str(second),
        *str(reserve_ports(10)).split("-"),
    ]
    seen: set[str] = set()
    for _ in range(100):
        with subprocess.Popen(argv, env=cli.environ, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(chance.uniform(0, 0.01))
            writer.kill()
        seen |= {leftover.name.split(".tmp.")[0] for leftover in path.parent.iterdir()}
        assert mine in entries(home)
        # One try is enough: the dead are not waited for.
        environ = {"PORTWEAVE_LOCK_TIMEOUT_MS": "1", "PORTWEAVE_NAMESPACE": "other"}
        done = cli(*RUN, cwd=second, env=environ)
        assert done.returncode == 0, done.stderr
        assert cli("prune", cwd=second, env=environ).returncode == 0
    print(sorted(seen))  # noqa: T201
    assert "registry.lock" in seen, "none was killed under the lock"
