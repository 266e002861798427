"""Kill processes of stacks of misbehaving services at random: nothing may be left.

`make torture ROUNDS=500` runs 500 rounds; `SEED=… ROUNDS=1` repeats one of them.
"""

import os
import random
import sys
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.torture import Round

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="the services read /proc"),
]

ROUNDS = int(os.environ.get("PORTWEAVE_TORTURE_ROUNDS") or 12)
# Of the first round; each has the next one.
SEED = int(os.environ.get("PORTWEAVE_TEST_SEED") or random.randrange(1 << 32))  # noqa: S311


SEEDS = [(SEED + number) % (1 << 32) for number in range(ROUNDS)]
# The guardian is stopped before the first service starts, and the supervisor is killed after that.
EARLY_KILL = 60096


@pytest.mark.parametrize("seed", [EARLY_KILL, *SEEDS] if ROUNDS > 1 else SEEDS)
def test_whatever_is_killed_nothing_is_left_and_the_next_command_works(
    seed: int, cli: Cli, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311
    project = tmp_path / "shop"
    project.mkdir()
    torture = Round(cli, project, chance)
    # Shown when the test fails.
    print(f"again: make torture ROUNDS=1 SEED={seed}")  # noqa: T201
    try:
        torture.run()
    finally:
        print(torture)  # noqa: T201
