"""The registry after a writer was killed, at each of its system calls in turn."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.allocator.lease_folders import scan
from portweave.allocator.ports.assign import Request
from portweave.allocator.ports.blocks import (
    allocate_block,
    release_blocks,
)
from portweave.allocator.ports.model import (
    Key,
    Pool,
)
from portweave.allocator.ports.registry import load
from portweave.maintenance.repair import rebuild
from tests.support.crash_points import kill_at_each_step
from tests.support.ports import Pool as Ports

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

MODES = pytest.mark.parametrize("how", ["before", "after", "half"])

ALLOCATE = """
from portweave.allocator.ports.blocks import release_blocks, allocate_block
from portweave.allocator.ports.model import Key, Pool
from portweave.allocator.ports.assign import Request

def main():
    path, root, start, end = words
    key = Key(None, "killed", root)
    request = Request(key, ["web", "api"], Pool(int(start), int(end)))
    allocate_block(path, request, os.environ)
    say("taken")
    release_blocks(path, lambda other: other == key, os.environ)
    say("given")
"""
LEASE = """
from portweave.leases import release, take_lease

def main():
    lease = take_lease(2)
    say("taken")
    release(lease.id)
    say("given")
"""
REBUILD = """
from portweave.maintenance.repair import rebuild

def main():
    rebuild(words[0], os.environ)
    say("rebuilt")
"""


@pytest.fixture
def path(home: Path) -> str:
    """The registry's path."""
    return str(home / "config" / "portweave" / "registry.json")


@pytest.fixture
def impatient(environ: dict[str, str]) -> dict[str, str]:
    """Try once to get the lock: that suffices if the holder is dead."""
    return {**environ, "PORTWEAVE_LOCK_TIMEOUT_MS": "1"}


@pytest.fixture
def request_of(tmp_path: Path, pool: Ports) -> Callable[[str], Request]:
    def make(name: str) -> Request:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        return Request(Key(None, "killed", str(root)), ["web", "api"], Pool(pool.start, pool.end))

    return make


@MODES
def test_an_allocation_is_complete_or_absent_after_a_crash(
    how: str,
    path: str,
    impatient: dict[str, str],
    request_of: Callable[[str], Request],
    home: Path,
    pool: Ports,
) -> None:
    first, second, third = map(request_of, ("first", "second", "third"))
    mine = allocate_block(path, first, impatient).entry
    words = [path, second.key.worktree_root, str(pool.start), str(pool.end)]
    steps = 0
    for steps, said in kill_at_each_step(ALLOCATE, words, impatient, how, home):
        entries = {entry.key.worktree_root: entry for entry in load(path)}
        assert entries.pop(first.key.worktree_root) == mine, f"lost at step {steps}"
        theirs = entries.pop(second.key.worktree_root, None)
        assert theirs is None or sorted(theirs.ports.values()) == [pool.start + 2, pool.start + 3]
        if said == ["taken"]:
            pass  # it was being released
        elif said:
            assert theirs is None
        assert entries == {}
        # No wait is needed, and the new block overlaps with none.
        taken = allocate_block(path, third, impatient).entry
        block = set(taken.ports.values())
        assert not block & {*mine.ports.values(), *(theirs.ports.values() if theirs else ())}
        for request in (second, third):
            release_blocks(path, lambda key, request=request: key == request.key, impatient)  # type: ignore[misc]
    assert steps > 30, "it writes, locks and renames more often than that"
    assert json.loads(Path(path).read_text())["version"] == 1


@MODES
def test_a_lease_is_complete_or_absent_after_a_crash(
    how: str,
    path: str,
    impatient: dict[str, str],
    request_of: Callable[[str], Request],
    home: Path,
    pool: Ports,
) -> None:
    mine = allocate_block(path, request_of("first"), impatient).entry
    folder = str(home / "state" / "portweave" / "leases")
    steps = 0
    for steps, said in kill_at_each_step(LEASE, [], impatient, how, home):
        assert mine in load(path), f"lost at step {steps}"
        # Its owner is dead, so its ports go to the next lease.
        other = request_of("other")
        taken = allocate_block(path, other, impatient).entry
        assert sorted(taken.ports.values()) == [pool.start + 2, pool.start + 3], said
        assert scan(folder, 0.0)[0] == []
        assert {entry.key for entry in load(path)} == {mine.key, other.key}
        release_blocks(path, lambda key, other=other: key == other.key, impatient)  # type: ignore[misc]
    assert steps > 30, "it writes, locks and renames more often than that"


@MODES
def test_a_repair_can_be_repeated_after_a_crash(
    how: str,
    path: str,
    impatient: dict[str, str],
    request_of: Callable[[str], Request],
    home: Path,
) -> None:
    mine = allocate_block(path, request_of("first"), impatient).entry
    text = Path(path).read_text()
    steps = 0
    for steps, _ in kill_at_each_step(REBUILD, [path], impatient, how, home):
        rebuild(path, impatient)
        assert load(path) == [mine], f"lost at step {steps}"
        # Half a file, as portweave's writer never leaves it.
        Path(path).write_text(text[:-15])
    assert steps > 5, "it sets the old one aside and writes another"
