"""Where the hubs of these tests listen."""

from pathlib import Path

import pytest

from tests.support.hubs import LOOPS


@pytest.fixture(params=LOOPS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A hub's socket, called like the loop that the hub runs on."""
    return str(tmp_path / request.param)
