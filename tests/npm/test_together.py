"""npm portweave and portweave at the same time on one registry; some are killed."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.ports import reserve_ports

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

WORKTREES = 24
NAMES = '{"services": {"web": {"envVar": "WEB_PORT"}, "api": {"envVar": "API_PORT"}}}\n'
RUN = ("run", "--", "sh", "-c", 'echo "$WEB_PORT $API_PORT"')


class Both:
    """Worktrees; npm portweave uses one half, portweave the other."""

    def __init__(self, cli: Cli, npm: Path, roots: list[Path], home: Path) -> None:
        self.roots = roots
        self.environ = cli.env({"PORTWEAVE_POOL_RANGE": str(reserve_ports(4 * len(roots)))})
        self.environ["PATH"] = f"{npm.parent}:{self.environ['PATH']}"
        # Two dozen starts of node are slow on a small machine.
        self.environ["PORTWEAVE_LOCK_TIMEOUT_MS"] = "60000"
        self.tools = {"npm's": [str(npm)], "ours": cli.argv}
        self.registry = home / "config" / "portweave" / "registry.json"

    def tool(self, number: int, *, swapped: bool = False) -> list[str]:
        return self.tools["npm's" if (number % 2 == 0) is not swapped else "ours"]

    def start(self, argv: list[str], root: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*argv, *RUN],
            cwd=root,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, argv: list[str], root: Path) -> list[int]:
        process = self.start(argv, root)
        output, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
        return [int(port) for port in output.split()]

    def blocks(self) -> dict[str, list[int]]:
        """Read the registry strictly: it must be valid, and no port may occur twice."""
        value = json.loads(self.registry.read_text())
        assert value["version"] == 1
        found = {
            entry["key"]["worktreeRoot"]: [entry["ports"]["web"], entry["ports"]["api"]]
            for entry in value["entries"]
        }
        assert len(found) == len(value["entries"])
        ports = [port for block in found.values() for port in block]
        assert len(ports) == len(set(ports))
        return found


@pytest.fixture
def both(cli: Cli, npm_portweave: Path, repo: Callable[[int], list[Path]], home: Path) -> Both:
    roots = repo(WORKTREES - 1)
    for root in roots:
        (root / "portweave.config.json").write_text(NAMES)
    return Both(cli, npm_portweave, roots, home)


def test_concurrent_allocations_get_blocks_that_both_programs_keep(both: Both) -> None:
    processes = [both.start(both.tool(n), root) for n, root in enumerate(both.roots)]
    told: list[list[int]] = []
    for process in processes:
        output, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
        told.append([int(port) for port in output.split()])
    assert both.blocks() == {str(root): block for root, block in zip(both.roots, told, strict=True)}
    text = both.registry.read_text()
    # Each finds the other's allocations, and does not change the file.
    for number, root in list(enumerate(both.roots))[:6]:
        assert both.ask(both.tool(number, swapped=True), root) == told[number]
    assert text.count('"worktreeRoot"') == both.registry.read_text().count('"worktreeRoot"')


@pytest.mark.parametrize("attempt_number", range(2))
def test_killed_processes_harm_neither_program(attempt_number: int, both: Both) -> None:
    # Drawn at import: parallel workers must collect the same tests.
    seed = int(os.environ.get("PORTWEAVE_TEST_SEED") or random.randrange(1 << 32)) + attempt_number  # noqa: S311
    print(f"seed {seed}")  # noqa: T201 - to see it happen again
    chance = random.Random(seed)  # noqa: S311
    known: dict[str, list[int]] = {}
    killed = 0
    for attempt in range(4):
        numbers = list(range(WORKTREES))
        chance.shuffle(numbers)
        running = {n: both.start(both.tool(n), both.roots[n]) for n in numbers}
        victims = chance.sample(numbers, WORKTREES // 3) if attempt < 3 else []
        for number in victims:
            time.sleep(chance.uniform(0, 0.15))
            running[number].send_signal(signal.SIGKILL)
        for number, process in running.items():
            output, errors = process.communicate(timeout=100)
            if process.returncode == 0:
                ports = [int(port) for port in output.split()]
                name = str(both.roots[number])
                assert known.setdefault(name, ports) == ports, "what it was told once, it keeps"
            else:
                assert number in victims, errors
                killed += 1
        blocks = both.blocks()
        assert {name: blocks[name] for name in known} == known
    print(f"{killed} were killed before their end")  # noqa: T201
    assert len(both.blocks()) == WORKTREES
    for number, root in list(enumerate(both.roots))[:4]:
        assert both.ask(both.tool(number, swapped=True), root) == known[str(root)]


def test_portweave_does_not_have_npms_race_for_a_stale_lock(both: Both) -> None:
    """Portweave takes an abandoned lock over at once, npm portweave after 30 s."""
    first, second, third, *_ = both.roots
    mine = both.ask(both.tools["ours"], first)
    lock = both.registry.with_name("registry.lock")
    lock.mkdir()
    (lock / "owner").write_text("999999999 1\n")
    ours = both.ask(both.tools["ours"], second)
    npms = both.ask(both.tools["npm's"], third)
    assert both.blocks() == {str(first): mine, str(second): ours, str(third): npms}


def test_a_lease_is_an_entry_like_any_other_to_npms(both: Both, cli: Cli) -> None:
    first, second, *_ = both.roots
    argv = [*cli.argv, "lease", "--count", "2"]
    done = subprocess.run(argv, cwd=first, env=both.environ, capture_output=True, check=True)
    lease = json.loads(done.stdout)
    assert not set(both.ask(both.tools["npm's"], first)) & set(lease["ports"])
    (folder,) = Path(both.environ["XDG_STATE_HOME"]).glob("portweave/leases/*")
    assert str(folder) in both.registry.read_text()
    (folder / "lease.json").unlink()
    folder.rmdir()
    # npm portweave drops the block at its next write, and may allocate its ports again.
    assert both.ask(both.tools["npm's"], second) == lease["ports"]
    assert str(folder) not in both.registry.read_text()
