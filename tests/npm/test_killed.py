"""What npm portweave reads after portweave was killed during a write, at each step in turn."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.crash_points import kill_at_each_step
from tests.support.ports import Pool

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

ALLOCATE = """
from portweave.allocator.ports.blocks import release_blocks, allocate_block
from portweave.allocator.ports.model import Key, Pool
from portweave.allocator.ports.assign import Request

def main():
    path, root, start, end = words
    key = Key(None, "killed", root)
    allocate_block(path, Request(key, ["web", "api"], Pool(int(start), int(end))), os.environ)
    say("taken")
    release_blocks(path, lambda other: other == key, os.environ)
"""
DEFINITIONS = {"services": {"web": {"envVar": "WEB_PORT"}, "api": {"envVar": "API_PORT"}}}


@pytest.mark.parametrize("how", ["before", "after", "half"])
def test_npm_reads_the_registry_after_a_kill_at_any_step(
    how: str,
    npm_portweave: Path,
    environ: dict[str, str],
    tmp_path: Path,
    home: Path,
    pool: Pool,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        root.mkdir()
        (root / "portweave.config.json").write_text(json.dumps(DEFINITIONS))
    path = home / "config" / "portweave" / "registry.json"
    npm = {**environ, "PATH": f"{npm_portweave.parent}:{environ['PATH']}"}

    def ask(*words: str) -> "subprocess.CompletedProcess[str]":
        lock = path.with_name("registry.lock")
        if lock.is_dir():
            # As if npm's wait of 30 s for dead lock holders had passed.
            os.utime(lock, (1, 1))
        return subprocess.run(
            [npm_portweave, *words],
            cwd=first,
            env=npm,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert ask("run", "--", "true").returncode == 0
    mine = json.loads(ask("show", "--json").stdout)["ports"]
    words = [str(path), str(second), str(pool.start), str(pool.end)]
    impatient = {**environ, "PORTWEAVE_LOCK_TIMEOUT_MS": "1"}
    steps = 0
    for steps, said in kill_at_each_step(ALLOCATE, words, impatient, how, home):
        shown = ask("show", "--json")
        assert shown.returncode == 0, f"step {steps}, {said}: {shown.stdout}{shown.stderr}"
        assert json.loads(shown.stdout)["ports"] == mine
        blocks = [entry["ports"].values() for entry in json.loads(path.read_text())["entries"]]
        ports = [port for block in blocks for port in block]
        assert len(ports) == len(set(ports))
    assert steps > 20
