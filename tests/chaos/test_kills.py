"""A thousand writers of the registry, each killed at a random moment."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import reserve_ports

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

KILLS = 1000
AT_ONCE = 8

# Says what it is about to do and what it has done; keeps some of what it takes.
WRITER = """
import os, sys
from portweave.allocator.ports.blocks import release_blocks, allocate_block
from portweave.allocator.ports.model import Key, Pool
from portweave.allocator.ports.assign import Request

path, root, start, end, name = sys.argv[1:]
pool = Pool(int(start), int(end))
say = sys.stdout.write
for number in range(1000000):
    key = Key(None, f"{name}-{number}", root)
    taken = allocate_block(path, Request(key, ["web", "api"], pool), os.environ)
    say(f"+ {key.namespace} {taken.entry.ports['web']}\\n")
    sys.stdout.flush()
    if number % 2:
        say(f"? {key.namespace} 0\\n")
        sys.stdout.flush()
        release_blocks(path, lambda other: other == key, os.environ)
        say(f"- {key.namespace} 0\\n")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("seed", [random.randrange(2**32)])  # noqa: S311
def test_what_was_committed_survives_a_thousand_kills(
    seed: int, environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    print(f"seed {seed}")  # noqa: T201 - to see it happen again
    chance = random.Random(seed)  # noqa: S311
    path = home / "config" / "portweave" / "registry.json"
    pool = reserve_ports(2000)
    places: Counter[str] = Counter()
    for batch in range(KILLS // AT_ONCE):
        roots = [tmp_path / f"{batch}-{number}" for number in range(AT_ONCE)]
        for root in roots:
            root.mkdir()
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, path, root, *str(pool).split("-"), root.name],
                env=environ,
                stdout=subprocess.PIPE,
                text=True,
            )
            for root in roots
        ]
        for writer in writers:
            assert writer.stdout is not None
        time.sleep(chance.uniform(0.12, 0.3))
        chance.shuffle(writers)
        for writer in writers:
            time.sleep(chance.uniform(0, 0.004))
            writer.kill()
        state: dict[str, tuple[str, int]] = {}
        for writer in writers:
            output, _ = writer.communicate()
            assert writer.returncode == -9
            for line in output.splitlines():
                if line.count(" ") == 2:
                    sign, name, port = line.split()
                    state[name] = sign, int(port)
        if path.exists():
            places.update(item.name.split(".tmp.")[0] for item in path.parent.iterdir())
            check(path.read_text(), state)
        # What this batch has left is gone with its worktrees, and its lock is taken over.
        for root in roots:
            root.rmdir()
    print(dict(places))  # noqa: T201
    assert places["registry.lock"] > 10, "few were killed under the lock"


def check(text: str, state: dict[str, tuple[str, int]]) -> None:
    value = json.loads(text)
    assert value["version"] == 1
    entries: list[dict[str, Any]] = value["entries"]
    blocks: dict[str, dict[str, int]] = {e["namespace"]: e["ports"] for e in entries}
    assert len(blocks) == len(entries)
    ports = [port for block in blocks.values() for port in block.values()]
    assert len(ports) == len(set(ports)), "a port was given out twice"
    for name, (sign, port) in state.items():
        if sign == "+":
            assert blocks[name] == {"web": port, "api": port + 1}, "what was told was lost"
        elif sign == "-":
            assert name not in blocks, "what was given back is there"
