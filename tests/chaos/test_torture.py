"""Random kills of all that belongs to stacks of nasty services: nothing may be left.

`make torture ROUNDS=500` runs as many rounds as one wants; `SEED=… ROUNDS=1` one of them again.
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
    pytest.mark.skipif(sys.platform != "linux", reason="the nasty program reads /proc"),
]

ROUNDS = int(os.environ.get("PORTWEAVE_TORTURE_ROUNDS") or 12)
# Of the first round; each has the next one.
SEED = int(os.environ.get("PORTWEAVE_TEST_SEED") or random.randrange(1 << 32))  # noqa: S311


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_is_killed_nothing_is_left_and_the_next_command_works(
    number: int, cli: Cli, tmp_path: Path
) -> None:
    seed = (SEED + number) % (1 << 32)
    chance = random.Random(seed)  # noqa: S311
    project = tmp_path / "shop"
    project.mkdir()
    torture = Round(cli, project, chance)
    # To be seen, and used again, when it fails.
    print(f"again: make torture ROUNDS=1 SEED={seed}")  # noqa: T201
    try:
        torture.run()
    finally:
        print(torture)  # noqa: T201
